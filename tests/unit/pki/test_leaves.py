from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from sealmq.errors import EnrollmentError, TrustError
from sealmq.pki.authority import _builder, create_issuing, create_root, issue_claim, issue_device, new_serial
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.leaves import Pattern, Values
from sealmq.pki.profiles import CLAIM, DEVICE, LAST_UTC_TIME, Validity, validity

NOW = 1_800_000_000.0
ROOT = create_root("Example", "NL", serial=new_serial(), now=NOW)
LONG_NAMED = create_issuing(
    create_root("x" * 51, "NL", serial=new_serial(), now=NOW), "D", serial=new_serial(), now=NOW
)
AUTHORITIES = [create_issuing(ROOT, "Device", serial=new_serial(), now=NOW), LONG_NAMED]
NOBODY = PrivateKey.generate()
KEYS = [
    PublicKey.of(key.public_key())
    for key in (
        *(ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())),
        *(rsa.generate_private_key(65537, bits) for bits in (2048, 4096)),
    )
]
SECONDS = st.integers(0, int(LAST_UTC_TIME) - 1)


def by_library(authority, profile, values):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, values.name)])
    key = PublicKey(values.key)
    builder = _builder(profile, subject, authority._x509.subject, key, values.serial, values.validity, authority.key_id)
    san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:uuid:{values.uuid}")])
    return builder.add_extension(san, critical=False).sign(NOBODY.loaded(), SHA256())


def pattern(authority, profile):
    values = Values("05", Validity(0, 1), "somebody", NOBODY.public.der, UUID(int=7))
    return Pattern(by_library(authority, profile, values), values)


PATTERNS = {
    (place, profile.name): pattern(AUTHORITIES[place], profile) for place in (0, 1) for profile in (DEVICE, CLAIM)
}


@settings(max_examples=300, deadline=None)
@given(
    place=st.sampled_from([0, 1]),
    profile=st.sampled_from([DEVICE, CLAIM]),
    serial=st.binary(min_size=1, max_size=20).filter(lambda octets: octets[0] != 0),
    begin=SECONDS,
    end=SECONDS,
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    key=st.sampled_from(KEYS),
    uuid=st.uuids(),
)
def test_the_pieces_give_what_the_library_gives(place, profile, serial, begin, end, name, key, uuid):
    serial = bytes([serial[0] & 0x7F or 1]) + serial[1:]  # as new_serial makes them
    begin, end = sorted((begin, end + 1 if end == begin else end))
    values = Values(serial.hex(), Validity(begin, end), name, key.der, uuid)
    expected = by_library(AUTHORITIES[place], profile, values)
    made = PATTERNS[place, profile.name]
    tbs = made.unsigned(values)
    assert tbs == expected.tbs_certificate_bytes
    assert made.signed(tbs, expected.signature) == expected.public_bytes(Encoding.DER)


def test_a_serial_number_is_never_negative():
    values = Values("ff" * 16, Validity(0, 1), "sensor-1", KEYS[0].der, UUID(int=1))
    tbs = PATTERNS[0, DEVICE.name].unsigned(values)
    assert tbs == by_library(AUTHORITIES[0], DEVICE, values).tbs_certificate_bytes


@pytest.mark.parametrize(("issue", "profile"), [(issue_device, DEVICE), (issue_claim, CLAIM)])
def test_what_is_issued_is_signed_by_the_ca_and_says_what_it_should(issue, profile):
    authority, serial, uuid = AUTHORITIES[0], new_serial(), UUID(int=99)
    made = issue(authority, "sensor-1", uuid, KEYS[0], serial=serial, now=NOW)
    read = x509.load_der_x509_certificate(made.der)
    read.verify_directly_issued_by(authority._x509)
    assert x509.load_pem_x509_certificate(made.pem) == read
    assert made.pem == read.public_bytes(Encoding.PEM)
    assert (made.serial, made.fingerprint) == (f"{read.serial_number:032x}", read.fingerprint(SHA256()).hex())
    assert made.validity == validity(profile, NOW, issuer=authority.certificate.validity)
    begin = datetime.fromtimestamp(made.validity.not_before, UTC)
    assert read.not_valid_before_utc == begin
    assert read.not_valid_after_utc == begin + timedelta(days=profile.days, seconds=-1)


def test_a_key_of_another_kind_is_not_certified():
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = PublicKey.of(ed25519.Ed25519PrivateKey.generate().public_key())
    with pytest.raises(EnrollmentError, match="ECDSA and RSA"):
        issue_device(AUTHORITIES[0], "sensor-1", UUID(int=1), key, serial=new_serial(), now=NOW)


@pytest.mark.parametrize("when", [Validity(0, int(LAST_UTC_TIME) + 1), Validity(5, 4), Validity(-1, 4)])
def test_dates_that_utctime_cannot_say_are_refused(when):
    with pytest.raises(TrustError, match="2049"):
        PATTERNS[0, DEVICE.name].unsigned(Values("05", when, "sensor-1", KEYS[0].der, UUID(int=7)))


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_of_another_length_is_refused(name):
    with pytest.raises(TrustError, match="common name"):
        PATTERNS[0, DEVICE.name].unsigned(Values("05", Validity(0, 1), name, KEYS[0].der, UUID(int=7)))


@pytest.mark.parametrize(
    "changed",
    [
        {"serial": "06"},
        {"name": "somebody else"},
        {"key": KEYS[0].der},
        {"validity": Validity(0, 2)},
        {"uuid": UUID(int=8)},
    ],
)
def test_pieces_that_do_not_give_the_certificate_are_refused(changed):
    values = Values("05", Validity(0, 1), "somebody", NOBODY.public.der, UUID(int=7))
    certificate = by_library(AUTHORITIES[0], DEVICE, values)
    with pytest.raises(TrustError, match="pattern"):
        Pattern(certificate, values._replace(**changed))
