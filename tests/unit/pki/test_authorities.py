from __future__ import annotations

import shutil
from hashlib import sha256

import pytest

from sealmq.errors import HomeError, TrustError
from sealmq.pki import keeping, sealing, token, vault
from sealmq.pki.authorities import CLAIM_CA, DEVICE_CA, ROOT, SERVER_CA, Authorities, kept_as
from sealmq.pki.authority import create_issuing, new_serial


@pytest.fixture
def authorities(ca, tmp_path):
    """The folder of a home, with the CAs of the conftest."""
    vault.make_private_directory(tmp_path / "ca")
    made = Authorities(tmp_path / "ca")
    for name, authority in ((ROOT, ca.root), (SERVER_CA, ca.server_ca), (DEVICE_CA, ca.device_ca)):
        made.replace(made.files_of(name, authority))
    return made


def test_each_authority_has_its_key(authorities, ca):
    authorities.check()
    assert authorities.root.key_pem() == ca.root.key_pem()
    assert authorities.server.key_id == ca.server_ca.key_id
    assert authorities.device.key_id == ca.device_ca.key_id
    assert authorities.device is authorities.device
    assert authorities.roots_pem == ca.root.certificate.pem
    assert authorities.certificate(DEVICE_CA) == ca.device_ca.certificate.der


def test_an_older_home_has_no_claim_authority(authorities):
    assert authorities.claim_anchors_pem == b""
    assert not authorities.has(CLAIM_CA)
    with pytest.raises(HomeError, match=r"claim-ca\.pem is missing"):
        _ = authorities.claim


def test_certificates_need_no_key(authorities, ca):
    for path in authorities.directory.glob("*.key"):
        path.unlink()
    assert authorities.device_anchors_pem == ca.device_ca.certificate.pem
    assert authorities.key_ids(DEVICE_CA) == [ca.device_ca.key_id]
    assert not authorities.has_key(DEVICE_CA)
    with pytest.raises(HomeError, match=r"device-ca\.key is missing"):
        _ = authorities.device


def test_a_retired_authority_can_still_sign(authorities, ca):
    newer = create_issuing(ca.root, "Device", serial=new_serial(), now=ca.now, number=2)
    files = authorities.files_to_retire(DEVICE_CA) | authorities.files_of(DEVICE_CA, newer)
    files["device-ca.pem"] += authorities.device_anchors_pem
    authorities.replace(files)
    assert authorities.device.key_id == newer.key_id
    assert authorities.key_ids(DEVICE_CA) == [newer.key_id, ca.device_ca.key_id]
    assert authorities.retired_key_ids() == [ca.device_ca.key_id]
    assert authorities.retired(ca.device_ca.key_id).key_pem() == ca.device_ca.key_pem()
    authorities.check()
    # Retired once more, the newest alone is copied.
    assert authorities.files_to_retire(DEVICE_CA)[f"retired/{newer.key_id}.pem"] == newer.certificate.pem


@pytest.mark.parametrize("name", ["root.pem", "server-ca.pem", "device-ca.pem", "server-ca.key", "device-ca.key"])
def test_what_is_missing_is_named(authorities, name):
    (authorities.directory / name).unlink()
    with pytest.raises(HomeError, match=f"ca/{name} is missing"):
        authorities.check()


def test_what_others_can_read_or_change_is_refused(authorities):
    shutil.copytree(authorities.directory, authorities.directory / "retired")
    authorities.check()
    for path, mode in ((".", 0o720), ("retired", 0o720), ("root.key", 0o644), ("retired/device-ca.key", 0o640)):
        place = authorities.directory / path
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(TrustError, match="others"):
            authorities.check()
        place.chmod(before)
    (authorities.directory / "root.pem").chmod(0o666)
    with pytest.raises(TrustError, match="changed by others"):
        authorities.check()


def test_a_file_without_a_certificate(authorities):
    vault.write_public(authorities.certificate_file(DEVICE_CA), b"nothing")
    with pytest.raises(TrustError, match="no certificate"):
        authorities.files_to_retire(DEVICE_CA)


def test_what_was_killed_is_finished(authorities, ca, monkeypatch):
    before = sha256(authorities.roots_pem).digest()
    with monkeypatch.context() as patch:
        patch.setattr("sealmq.pki.together.finish", lambda directory: None)
        authorities.replace({"root.pem": ca.device_ca.certificate.pem})
    assert authorities.is_unfinished()
    assert sha256(authorities.roots_pem).digest() == before
    authorities.finish()
    assert not authorities.is_unfinished()
    assert authorities.roots_pem == ca.device_ca.certificate.pem


# --- how keys are kept


@pytest.fixture
def cheap_scrypt(monkeypatch):
    monkeypatch.setattr(sealing, "COST", 2)
    monkeypatch.setattr(sealing, "LANES", 1)


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_new_home_that_is_given_a_passphrase_never_writes_an_open_key(ca, tmp_path):
    vault.make_private_directory(tmp_path / "ca")
    made = Authorities(tmp_path / "ca", lambda: None)
    assert made.keeping == "plain"
    made.seal_with(b"the passphrase")
    assert made.keeping == "sealed"
    for name, authority in ((ROOT, ca.root), (SERVER_CA, ca.server_ca), (DEVICE_CA, ca.device_ca)):
        made.add(name, authority)
    assert {kept_as(path.read_bytes()) for path in made.directory.glob("*.key")} == {"sealed"}
    with pytest.raises(TrustError, match="fewer than"):
        made.seal_with(b"short")


@pytest.mark.usefixtures("cheap_scrypt")
def test_the_passphrase_is_asked_for_once_and_a_wrong_one_is_forgotten(authorities):
    keeping.seal_keys(authorities, b"the passphrase")
    answers = [b"a wrong passphrase", b"the passphrase"]
    asked = Authorities(authorities.directory, lambda: answers.pop(0))
    with pytest.raises(TrustError, match=r"does not open ca/device-ca\.key"):
        _ = asked.device
    asked.unlock()
    _ = asked.root
    asked.forget()
    asked.unlock()
    assert answers == []


@pytest.mark.usefixtures("cheap_scrypt")
def test_a_new_authority_is_sealed_like_the_others_and_by_the_right_passphrase(authorities, ca):
    claim = create_issuing(ca.root, "Claim", serial=new_serial(), now=ca.now, key=authorities.new_key("Claim CA"))
    keeping.seal_keys(authorities, b"the passphrase")
    with pytest.raises(TrustError, match="does not open"):
        Authorities(authorities.directory, lambda: b"a wrong passphrase").add(CLAIM_CA, claim)
    with pytest.raises(TrustError, match="nobody gave it"):
        Authorities(authorities.directory, lambda: None).add(CLAIM_CA, claim)
    assert not authorities.has(CLAIM_CA)
    Authorities(authorities.directory, lambda: b"the passphrase").add(CLAIM_CA, claim)
    assert authorities.keeping == kept_as(authorities.key_file(CLAIM_CA).read_bytes()) == "sealed"
    assert authorities.claim_anchors_pem == claim.certificate.pem
    assert authorities.names_with_keys() == [ROOT, SERVER_CA, DEVICE_CA, CLAIM_CA]


def test_only_this_home_s_root_is_brought(authorities, ca):
    authorities.key_file(ROOT).unlink()
    with pytest.raises(HomeError, match="not in this home"):
        _ = authorities.root
    with pytest.raises(TrustError, match="not the root of this home"):
        authorities.bring_root(ca.device_ca)
    authorities.bring_root(ca.root)
    assert authorities.root is ca.root


def test_a_library_in_the_home_is_not_loaded(authorities, tmp_path):
    module = tmp_path / "devices" / "x" / "module.so"
    (tmp_path / "link.so").symlink_to(module)
    for path in (module, tmp_path / "ca" / "root.pem", tmp_path / "link.so"):
        place = token.Place(str(path), "plant", id=b"1")
        vault.write_private(authorities.key_file(DEVICE_CA), f"{place}\n".encode())
        with pytest.raises(TrustError, match="lies in the home"):
            _ = authorities.device
