from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sealmq.errors import EnrollmentError, TrustError
from sealmq.pki.keys import PrivateKey, PublicKey, check_key_policy


def test_a_key_goes_to_pem_and_back():
    key = PrivateKey.generate()
    assert key.pem().startswith(b"-----BEGIN PRIVATE KEY-----")  # PKCS#8
    again = PrivateKey.from_pem(key.pem())
    assert again.public == key.public
    assert again.public.spki_sha256 == key.public.spki_sha256


def test_a_private_key_does_not_show_itself():
    key = PrivateKey.generate()
    number = load_pem_private_key(key.pem(), None).private_numbers().private_value
    assert str(number) not in repr(key)
    assert format(number, "x") not in repr(key)


def test_a_key_proves_its_own_public_key_alone():
    key = PrivateKey.generate()
    assert key.proves(key.public)
    assert not key.proves(PrivateKey.generate().public)
    assert not key.proves(PublicKey.of(rsa.generate_private_key(65537, 2048).public_key()))


@pytest.mark.parametrize("pem", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(pem):
    with pytest.raises(TrustError):
        PrivateKey.from_pem(pem)


def test_other_keys_are_no_keys_of_ours():
    other = ec.generate_private_key(ec.SECP384R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TrustError, match="P-256"):
        PrivateKey.from_pem(pem)
    encrypted = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(TrustError, match="unencrypted"):
        PrivateKey.from_pem(encrypted)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_good_curves(curve):
    check_key_policy(ec.generate_private_key(curve).public_key())


def test_rsa_2048_is_accepted():
    check_key_policy(rsa.generate_private_key(65537, 2048).public_key())


def test_odd_keys_are_refused():
    for key in (ec.generate_private_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()):
        with pytest.raises(EnrollmentError, match="not accepted"):
            check_key_policy(key.public_key())


def test_weak_rsa_keys_are_refused():
    good = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    weak = [
        (rsa.generate_private_key(65537, 1024).public_key(), "1024 bits"),
        (rsa.RSAPublicNumbers(3, good.n).public_key(), "exponent"),
        (rsa.RSAPublicNumbers(65537, (good.n // 1155 | 1) * 1155).public_key(), "factored"),
        (rsa.RSAPublicNumbers(65537, (1 << 8000) + 1).public_key(), "bits"),
    ]
    for key, why in weak:
        with pytest.raises(EnrollmentError, match=why):
            check_key_policy(key)


def test_an_ed25519_key_cannot_be_certified():
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(EnrollmentError):
        PublicKey.of(key).loaded()
