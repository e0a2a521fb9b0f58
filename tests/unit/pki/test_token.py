from __future__ import annotations

import copy
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TrustError
from sealmq.pki import token
from sealmq.pki.authority import Authority, create_issuing, issue_device, new_serial, revokes_nothing, sign_crl
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.token import Place, generate_key, is_place, load_key, place_of, put_key, read_place
from tokens import PIN


def right_pin():
    return PIN.encode()


def nobody():
    return None


@pytest.fixture
def place(hsm):
    hsm.restart()
    yield Place(str(hsm.module), hsm.label, label="Test CA", id=new_serial().encode())
    hsm.restart()


# --- where a key is


@pytest.mark.parametrize(
    "place",
    [
        Place("/usr/lib/m.so", "plant", id=b"\x01"),
        Place("/a b/m&?;.so", "my plant; #1 äöü", "66a8", "Example Device CA 1/2", bytes(range(20)), "/etc/a b;&/pin"),
    ],
)
def test_a_place_is_written_and_read(place):
    text = str(place)
    assert is_place(text.encode())
    assert "\n" not in text
    assert " " not in text
    assert read_place(f"{text}\n".encode()) == place


def test_a_place_that_somebody_else_wrote():
    # As RFC 7512 section 3 writes them, with attributes that say nothing to us.
    text = b"pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil;id=%01%02;type=private"
    place = read_place(text + b"?module-path=/lib/m.so&pin-source=file:/etc/token_pin")
    assert place == Place("/lib/m.so", "Software PKCS#11 softtoken", id=b"\x01\x02", pin_source="/etc/token_pin")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"pkcs11:token=a;id=%01?module-path=/m.so&pin-value=1234", "has a PIN in it"),
        (b"pkcs11:token=a;id=%01?module-path=/m.so&pin-source=|/bin/ask", "is no file"),
        (b"pkcs11:token=a;id=%01", "not whole"),
        (b"pkcs11:id=%01?module-path=/m.so", "not whole"),
        (b"pkcs11:token=a?module-path=/m.so", "not whole"),
        (b"pkcs11:token=a\nb;id=%01?module-path=/m.so", "not a PKCS#11 URI"),
        (b"\xff\xfe", "not a PKCS#11 URI"),
    ],
)
def test_a_place_that_cannot_be_followed(text, why):
    with pytest.raises(TrustError, match=why) as caught:
        read_place(text)
    assert "1234" not in str(caught.value)


def test_a_key_file_is_no_place():
    assert not is_place(PrivateKey.generate().pem())


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(TrustError, match="python-pkcs11 is not installed") as caught:
        load_key(Place("/m.so", "a", id=b"1"), PrivateKey.generate().public, right_pin)
    assert "sealmq[pkcs11]" in caught.value.remedy


# --- a real token


@pytest.mark.interop
def test_a_key_goes_in_and_does_not_come_out(place):
    key = PrivateKey.generate()
    inside = put_key(place, key, right_pin)
    assert inside.public == key.public
    assert inside.proves(key.public)
    assert not inside.proves(PrivateKey.generate().public)
    there = place_of(inside)
    assert there is not None
    assert there.serial
    assert load_key(read_place(str(there).encode()), key.public, nobody).proves(key.public), "we are logged in already"
    loaded = inside.loaded()
    for take in (
        inside.pem,
        loaded.private_numbers,
        lambda: loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ):
        with pytest.raises(TrustError, match="does not come out"):
            take()
    with pytest.raises(TrustError, match="for signing alone"):
        loaded.exchange(ec.ECDH(), ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(TrustError, match="ecdsa-with-SHA256"):
        loaded.sign(b"", ec.ECDSA(SHA384()))
    assert (loaded.key_size, loaded.curve.name) == (256, "secp256r1")
    assert copy.copy(loaded) is copy.deepcopy(loaded) is loaded
    assert place_of(key) is None


@pytest.mark.interop
def test_the_token_itself_says_that_it_does_not_come_out(place):
    from pkcs11 import Attribute, AttributeSensitive

    inside = put_key(place, PrivateKey.generate(), right_pin)
    assert inside.proves(inside.public)
    found = token._find(token.session_of(place, nobody), place)
    assert found is not None
    assert found[Attribute.SENSITIVE]
    assert not found[Attribute.EXTRACTABLE]
    with pytest.raises(AttributeSensitive):
        _ = found[Attribute.VALUE]


@pytest.mark.interop
def test_put_twice_it_is_there_once(place):
    key = PrivateKey.generate()
    for _ in range(2):
        assert put_key(place, key, right_pin).proves(key.public)
    from pkcs11 import Attribute

    assert len(list(token.session_of(place, nobody).get_objects({Attribute.ID: place.id}))) == 1
    with pytest.raises(TrustError, match="does not sign as its certificate says"):
        put_key(place, PrivateKey.generate(), right_pin)


@pytest.mark.interop
def test_a_key_that_was_made_inside_signs_for_a_new_authority(place, ca):
    key = generate_key(place, right_pin)
    authority = create_issuing(ca.root, "Device", serial=new_serial(), now=ca.now, number=2, key=key)
    certificate = issue_device(authority, "sensor-1", ca.uuid, ca.device_key.public, serial=new_serial(), now=ca.now)
    assert certificate.fingerprint
    crl = sign_crl(authority, [], number=1, now=ca.now, next_update=ca.now + 60)
    assert revokes_nothing(crl)
    there = place_of(key)
    assert there is not None
    again = Authority.with_key(authority.certificate.pem, load_key(there, key.public, right_pin))
    assert again.key_id == authority.key_id
    with pytest.raises(TrustError, match="does not come out"):
        again.key_pem()


@pytest.mark.interop
def test_a_session_that_was_lost_is_opened_anew(place):
    import pkcs11

    places = [replace(place, id=new_serial().encode()) for _ in range(2)]
    first, second = (put_key(each, PrivateKey.generate(), right_pin) for each in places)
    assert first.proves(first.public)
    pkcs11.lib(place.module).reinitialize()  # as when the token was taken out: every handle is void
    assert first.proves(first.public)
    assert second.proves(second.public)
    assert first.proves(first.public)
    assert len(token._sessions) == 1, "the second did not throw away the new session of the first"


@pytest.mark.interop
def test_a_wrong_pin_is_tried_once(place, monkeypatch):
    with pytest.raises(TrustError, match="the PIN does not open the token 'plant'") as caught:
        put_key(place, PrivateKey.generate(), lambda: b"wrong")
    assert "wrong" not in caught.value.what
    asked = []

    class Token:
        def open(self, **given):
            asked.append(given)

    with monkeypatch.context() as patch:
        patch.setattr(token, "_open_token", lambda place: Token())
        with pytest.raises(TrustError, match="the PIN does not open"):
            put_key(place, PrivateKey.generate(), lambda: b"wrong")
    assert asked == [], "a second wrong one would bring the token nearer to its lock"
    put_key(place, PrivateKey.generate(), right_pin)


@pytest.mark.interop
def test_a_pin_from_a_file(place, hsm):
    place = replace(place, pin_source=str(hsm.pin_file))
    key = put_key(place, PrivateKey.generate(), nobody)
    assert place_of(key).pin_source == str(hsm.pin_file)
    hsm.restart()
    hsm.pin_file.chmod(0o644)
    try:
        with pytest.raises(TrustError, match="others"):
            load_key(place_of(key), key.public, nobody)
    finally:
        hsm.pin_file.chmod(0o600)
    assert load_key(place_of(key), key.public, nobody).proves(key.public)


@pytest.mark.interop
def test_what_is_not_there_is_named(place, tmp_path):
    key = PrivateKey.generate()
    with pytest.raises(TrustError, match="wants its PIN, and nobody gave it"):
        put_key(place, key, nobody)
    with pytest.raises(TrustError, match="there is no token 'plant 2'") as caught:
        put_key(replace(place, token="plant 2"), key, right_pin)
    assert "'other', 'plant'" in caught.value.why
    with pytest.raises(TrustError, match="there is no token"):
        put_key(replace(place, serial="0000"), key, right_pin)
    with pytest.raises(TrustError, match="there is no key 'Test CA'"):
        load_key(place, key.public, right_pin)
    with pytest.raises(TrustError, match="cannot be loaded"):
        put_key(replace(place, module=str(tmp_path / "none.so")), key, right_pin)
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(TrustError, match="does not do its work"):
        put_key(replace(place, module=str(tmp_path / "text.so")), key, right_pin)


@pytest.mark.interop
def test_a_library_that_others_could_have_written_is_not_loaded(place, tmp_path, monkeypatch):
    module = tmp_path / "module.so"
    shutil.copy(place.module, module)
    module.chmod(0o666)
    with pytest.raises(TrustError, match="can be changed by others"):
        put_key(replace(place, module=str(module)), PrivateKey.generate(), right_pin)
    module.chmod(0o644)
    owner = os.stat_result((0o100644, 0, 0, 1, os.geteuid() + 4711, 0, 0, 0, 0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", lambda path, **_: owner)
        with pytest.raises(TrustError, match="belongs to somebody else"):
            put_key(replace(place, module=str(module)), PrivateKey.generate(), right_pin)


@given(st.binary())
def test_whatever_a_key_file_says_it_is_a_place_or_an_error_in_words(data):
    for text in (data, b"pkcs11:" + data, b"pkcs11:token=a;id=%01;" + data + b"?module-path=/m.so&" + data):
        try:
            place = read_place(text)
        except TrustError:
            continue
        assert read_place(str(place).encode()) == place


@pytest.mark.interop
def test_only_ecdsa_keys_are_looked_for(place):
    public = PublicKey.of(rsa.generate_private_key(65537, 2048).public_key())
    with pytest.raises(TrustError, match="only ECDSA"):
        load_key(place, public, right_pin)
