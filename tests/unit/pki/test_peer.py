from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TrustError
from sealmq.pki.authority import issue_server, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import (
    day,
    describe_certificate,
    identify_certificate,
    printable,
    public_key_of,
    serial_text,
    server_names,
    subject_key_id,
)
from sealmq.pki.profiles import ServerNames


def homemade(common_names, *, serial=10, usages=None):
    """A certificate as somebody else might make it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text) for text in common_names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 11, 1, tzinfo=UTC))
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


DER = homemade(["sensor-1"])


def test_a_device_certificate(ca):
    peer = identify_certificate(ca.device.der)
    assert peer.common_name == "sensor-1"
    assert peer.serial == ca.device.serial
    assert peer.issuer == "Example Device CA 1"
    assert peer.authority_key_id == ca.device_ca.key_id
    assert (peer.not_before, peer.not_after) == (ca.device.validity.not_before, ca.device.validity.not_after)
    assert peer.fingerprint == hashlib.sha256(ca.device.der).hexdigest()
    assert peer.spki_sha256 == ca.device_key.public.spki_sha256
    assert peer.extended_key_usages == ("clientAuth",)
    assert not peer.is_server_only


def test_a_server_certificate_is_known_as_one(ca):
    assert identify_certificate(ca.server.der).is_server_only


def test_an_authority_names_its_key_and_a_leaf_does_not(ca):
    assert subject_key_id(ca.device_ca.certificate.der) == ca.device_ca.key_id
    for der in (ca.device.der, b"garbage"):
        with pytest.raises(TrustError):
            subject_key_id(der)


def test_a_foreign_certificate_may_lack_everything():
    peer = identify_certificate(homemade([]))
    assert (peer.common_name, peer.issuer, peer.authority_key_id, peer.extended_key_usages) == ("", "", "", ())
    assert not peer.is_server_only
    assert peer.serial == "0a"


def test_unknown_purposes_keep_their_number():
    der = homemade(["a"], usages=[ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING])
    assert identify_certificate(der).extended_key_usages == ("clientAuth", "1.3.6.1.5.5.7.3.3")


def test_two_names_are_refused():
    with pytest.raises(TrustError):
        identify_certificate(homemade(["sensor-1", "operator"]))


def test_the_phrase_for_the_log(ca):
    phrase = f"sensor-1, serial {ca.device.serial}, issued by 'Example Device CA 1', "
    end = ca.device.validity.not_after
    assert describe_certificate(ca.device.der) == phrase + f"valid until {day(end)}"
    assert describe_certificate(ca.device.der, ca.now) == phrase + f"valid until {day(end)}"
    assert describe_certificate(ca.device.der, end + 1) == phrase + f"expired {day(end)}"
    assert "not valid before" in describe_certificate(ca.device.der, ca.now - 1e6)
    assert describe_certificate(b"garbage") == "a certificate that cannot be read"
    assert describe_certificate(homemade([])) == (
        "a certificate without a name, serial 0a, issued by '?', valid until 2026-11-01"
    )


def test_a_hostile_name_cannot_forge_a_log_line():
    phrase = describe_certificate(homemade(["a\nINFO all is well\x1b[2J\u202e"]))
    assert phrase.isprintable()
    assert phrase.startswith("a?INFO all is well?[2J?,")


def test_printable_is_short():
    assert printable("x" * 65) == "x" * 64 + "..."


def test_a_serial_has_two_digits_for_each_octet():
    assert [serial_text(number) for number in (1, 0x7F, 0x80, 0x1234)] == ["01", "7f", "80", "1234"]


def test_impossible_dates_are_said():
    assert day(0) == "1970-01-01"
    assert day(1e18) == "an impossible date"


@pytest.mark.parametrize("as_names", [False, True])
def test_server_names_are_read_back(ca, as_names):
    names = ServerNames(("localhost",), ("10.0.0.1", "::1"), addresses_as_dns_names=as_names)
    key = PrivateKey.generate()
    der = issue_server(ca.server_ca, names, key.public, serial=new_serial(), now=ca.now).der
    assert server_names(der) == names


def test_server_names_of_what_has_none(ca):
    for der in (DER, ca.device.der, b""):
        with pytest.raises(TrustError):
            server_names(der)


def read_or_refused(data):
    assert describe_certificate(data, 0.0).isprintable()
    try:
        identify_certificate(data)
    except TrustError:
        pass


@given(st.binary(max_size=2000))
def test_noise_is_only_ever_a_trust_error(data):
    read_or_refused(data)


@given(st.integers(0, len(DER) - 1), st.integers(1, 255), st.integers(0, 40))
def test_a_damaged_certificate_is_only_ever_a_trust_error(place, flip, cut):
    data = bytearray(DER)
    data[place] ^= flip
    read_or_refused(bytes(data[: len(data) - cut]))


def test_the_public_key_of_a_certificate(ca):
    assert public_key_of(ca.device.der) == ca.device_key.public
    with pytest.raises(TrustError):
        public_key_of(b"garbage")
