"""A root's name and key, as an anchor."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import bundle_credentials
from sealmq.errors import TrustError
from sealmq.pki.anchors import trust_anchor


def test_an_anchor_is_the_roots_name_and_its_point() -> None:
    root = bundle_credentials.authorities()[0]
    anchor = trust_anchor(root.certificate.der)
    read = x509.load_der_x509_certificate(root.certificate.der)
    assert anchor.name == read.subject.public_bytes()
    assert anchor.name in root.certificate.der
    assert (len(anchor.point), anchor.point[0]) == (65, 4)
    assert read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).endswith(anchor.point)


def test_a_root_on_another_curve_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root")])
    read = x509.load_der_x509_certificate(bundle_credentials.authorities()[0].certificate.der)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, read.not_valid_before_utc, read.not_valid_after_utc)
    ).sign(key, SHA256())
    with pytest.raises(TrustError, match="not on P-256"):
        trust_anchor(made.public_bytes(Encoding.DER))


def test_noise_is_refused() -> None:
    with pytest.raises(TrustError, match="cannot be read"):
        trust_anchor(b"noise")
