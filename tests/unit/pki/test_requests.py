from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import EnrollmentError
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.requests import REQUEST_LENGTH, read_csr


def request(key=None, *, names=(), extensions=(), algorithm=SHA256()):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, algorithm)


GOOD = request(names=["sensor-1"]).public_bytes(Encoding.DER)


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_a_request_gives_its_key_and_its_name(encoding):
    key = ec.generate_private_key(ec.SECP256R1())
    read = read_csr(request(key, names=["sensor-1"]).public_bytes(encoding))
    assert read.common_name == "sensor-1"
    assert read.public_key == PublicKey.of(key.public_key())


def test_text_before_the_pem_is_skipped():
    pem = request(names=[]).public_bytes(Encoding.PEM)
    assert read_csr(b"Certificate Request:\n    Data:\n" + pem).common_name is None


def test_wishes_are_ignored():
    wishes = [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("localhost")]),
    ]
    read = read_csr(request(names=["a"], extensions=wishes).public_bytes(Encoding.DER))
    assert read.has_other_names  # told, so that a renewal can refuse it; nothing of it is kept
    assert (read.common_name, read.uris) == ("a", ())
    assert set(read.__slots__) == {
        *("public_key", "common_name", "uris", "has_other_names", "challenge_password"),
    }


def test_rsa_and_larger_curves_are_accepted():
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        read_csr(request(key).public_bytes(Encoding.DER))


def test_a_foreign_signature_is_refused():
    changed = bytearray(GOOD)
    changed[GOOD.index(b"sensor-1")] ^= 1
    with pytest.raises(EnrollmentError, match="own key"):
        read_csr(bytes(changed))


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (lambda: request(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (lambda: request(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (lambda: request(ed25519.Ed25519PrivateKey.generate(), algorithm=None), "kind of key"),
        (lambda: request(names=["a", "b"]), "more than one"),
    ],
)
def test_what_is_refused_and_why(csr, why):
    with pytest.raises(EnrollmentError, match=why):
        read_csr(csr().public_bytes(Encoding.DER))


def test_a_sha1_signature_is_refused():
    der = request(rsa.generate_private_key(65537, 2048)).public_bytes(Encoding.DER)
    sha256_rsa = bytes.fromhex("2a864886f70d01010b")
    assert sha256_rsa in der
    with pytest.raises(EnrollmentError, match="sha1"):
        read_csr(der.replace(sha256_rsa, bytes.fromhex("2a864886f70d010105")))


def test_too_long_is_refused_unread():
    with pytest.raises(EnrollmentError, match="bytes"):
        read_csr(b"\x30" * (REQUEST_LENGTH + 1))


def test_a_private_key_is_sent_home():
    with pytest.raises(EnrollmentError, match="private key"):
        read_csr(PrivateKey.generate().pem())


def refused_or_read(data):
    try:
        read_csr(data)
    except EnrollmentError:
        pass


@given(st.binary(max_size=2000))
def test_noise_is_only_ever_an_enrollment_error(data):
    refused_or_read(data)
    refused_or_read(b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.b64encode(data))


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, 40))
def test_a_damaged_request_is_only_ever_an_enrollment_error(place, flip, cut):
    data = bytearray(GOOD)
    data[place] ^= flip
    refused_or_read(bytes(data[: len(data) - cut]))
