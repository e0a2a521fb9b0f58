"""The forms in which keys and certificates travel: PEM and DER, SEC1 and PKCS#8, PKCS#7 and PKCS#12.

Writers and readers stand side by side, so that whatever is handed over can be read back first. What a writer of
private keys gives is a secret: it belongs into a file of mode 0600, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from sealmq.errors import TrustError
from sealmq.pki.keys import PrivateKey

PKCS12_ROUNDS = 100_000
"""Rounds of PBKDF2 below a PKCS#12 file: its password is 128 random bits, so they are for the reader's checklist."""


@dataclass(frozen=True, slots=True)
class KeyStore:
    """What a PKCS#12 file holds.

    name:    its friendly name.
    key:     the private key.
    leaf:    the certificate of that key, DER.
    others:  the certificates beside it, DER.
    """

    name: str
    key: PrivateKey
    leaf: bytes
    others: tuple[bytes, ...]


def certificate_pem(der: bytes) -> bytes:
    """A certificate's DER as PEM (RFC 7468): 64 columns, LF. Raises TrustError when the bytes are none."""
    return _certificate(der).public_bytes(Encoding.PEM)


def check_certificate(der: bytes) -> None:
    """Raise TrustError unless the bytes are one certificate and nothing more."""
    _certificate(der)


def pkcs8_der(key: PrivateKey) -> bytes:
    """A private key as PKCS#8 (RFC 5208), DER, not encrypted: a secret."""
    return key.loaded().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def sec1_der(key: PrivateKey) -> bytes:
    """A private key as ECPrivateKey (RFC 5915), DER: a secret. Mbed TLS 2.1 reads some keys in this form alone."""
    return key.loaded().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def sec1_pem(key: PrivateKey) -> bytes:
    """The same as PEM, "BEGIN EC PRIVATE KEY": a secret."""
    return key.loaded().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def private_scalar(key: PrivateKey) -> bytes:
    """The 32 octets that are the secret in every one of these forms: to find out where they got to. A secret."""
    return key.loaded().private_numbers().private_value.to_bytes(32, "big")


def read_private_key(data: bytes) -> PrivateKey:
    """Read a P-256 key, PEM or DER, PKCS#8 or SEC1. Raises TrustError when it is none, or bytes follow it."""
    try:
        is_pem = data.startswith(b"-----BEGIN ")
        key = load_pem_private_key(data, None) if is_pem else load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TrustError("this is not an unencrypted private key") from None  # nothing of a key goes into a message
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise TrustError("the private key is not a P-256 key")
    read = PrivateKey(key)
    if not is_pem and data not in (pkcs8_der(read), sec1_der(read)):
        # Mbed TLS refuses a DER key with anything behind it; parsers differ in what they pass over.
        raise TrustError("the private key has bytes that do not belong to it")
    return read


def write_pkcs12(name: str, key: PrivateKey, leaf: bytes, others: Sequence[bytes], password: str) -> bytes:
    """A PKCS#12 file (RFC 7292): PBES2 with AES-256-CBC, its MAC with SHA-256. Certificates as DER. A secret."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(PKCS12_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(SHA256())
        .build(password.encode())
    )
    others_read = [_certificate(each) for each in others]
    return pkcs12.serialize_key_and_certificates(
        name.encode(), key.loaded(), _certificate(leaf), others_read, encryption
    )


def read_pkcs12(data: bytes, password: str) -> KeyStore:
    """Read a PKCS#12 file. Raises TrustError when it can't be opened, or holds no P-256 key with its certificate."""
    try:
        store = pkcs12.load_pkcs12(data, password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TrustError("the PKCS#12 file cannot be opened", why="it is damaged, or the password is another") from None
    key, leaf = store.key, store.cert
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1" or leaf is None:
        raise TrustError("the PKCS#12 file holds no P-256 key with its certificate")
    return KeyStore(
        name=(leaf.friendly_name or b"").decode("utf-8", "replace"),
        key=PrivateKey(key),
        leaf=leaf.certificate.public_bytes(Encoding.DER),
        others=tuple(each.certificate.public_bytes(Encoding.DER) for each in store.additional_certs),
    )


def _certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error
