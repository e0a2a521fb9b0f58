"""CA keys that a passphrase seals: written here, so that a stolen disk or backup is not a stolen CA.

Rule 1: the file is standard (PKCS#8, PBES2: RFC 5958, RFC 8018; scrypt: RFC 7914 section 7), so that in twenty years
        `openssl pkey -in root.key` opens it, with SealMQ or without.
Rule 2: each guess costs. `cryptography` writes PBES2 with 2,048 rounds of PBKDF2, 0.4 ms a guess, and has no way to
        ask for more; it reads anything. So its scrypt, its AES and its ASN.1 are put together here.
Rule 3: a passphrase is long: whoever has the file can guess for years, and nothing slows him down but rule 2.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import ObjectIdentifier

from sealmq.errors import TrustError
from sealmq.pem import to_pem
from sealmq.pki.keys import PrivateKey

SHORTEST = 12
"""Characters that a passphrase must have (rule 3)."""

COST, BLOCK, LANES = 1 << 14, 8, 5
"""scrypt's N, r and p: 16 MiB, five times, 0.2 s. More lanes and not a higher N, because `openssl` gives a key file
no more than 32 MiB; as hard to guess as N = 2^17 with one lane."""

_LABEL: Final = "ENCRYPTED PRIVATE KEY"  # RFC 7468 section 11

_PBES2: Final = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT: Final = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC: Final = ObjectIdentifier("2.16.840.1.101.3.4.1.42")


@asn1.sequence
class _Costs:
    """scrypt-params, RFC 7914 section 7.1."""

    salt: bytes
    n: int
    r: int
    p: int


@asn1.sequence
class _KeyDerivation:
    algorithm: ObjectIdentifier
    parameters: _Costs


@asn1.sequence
class _Cipher:
    """AES in CBC mode, RFC 8018 section B.2.5."""

    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Scheme:
    """PBES2-params, RFC 8018 section A.4."""

    kdf: _KeyDerivation
    cipher: _Cipher


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    parameters: _Scheme


@asn1.sequence
class _EncryptedKey:
    """EncryptedPrivateKeyInfo, RFC 5958 section 3."""

    encryption: _Encryption
    sealed: bytes


def is_sealed(data: bytes) -> bool:
    """Whether this key file needs a passphrase."""
    return data.lstrip().startswith(f"-----BEGIN {_LABEL}-----".encode())


def check_passphrase(passphrase: bytes) -> None:
    """Raise TrustError unless `passphrase` may seal a key from now on."""
    try:
        text = passphrase.decode()
    except UnicodeDecodeError:
        raise TrustError("the passphrase is not text in UTF-8", why="another program could not be told it") from None
    if len(text) < SHORTEST:
        raise TrustError(
            f"the passphrase has fewer than {SHORTEST} characters",
            why="whoever has the file can guess for as long as he likes",
            remedy="take four words or more, or: openssl rand -base64 24",
        )
    if not text.isprintable():
        raise TrustError("the passphrase has a character that cannot be printed", remedy="type it anew")


def seal(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key as PKCS#8 PEM that only the passphrase opens."""
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    derived = Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=LANES).derive(passphrase)
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(iv)).encryptor()
    padder = PKCS7(128).padder()
    plain = key.loaded().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    kdf = _KeyDerivation(algorithm=_SCRYPT, parameters=_Costs(salt=salt, n=COST, r=BLOCK, p=LANES))
    scheme = _Scheme(kdf=kdf, cipher=_Cipher(algorithm=_AES_256_CBC, iv=iv))
    info = _EncryptedKey(encryption=_Encryption(algorithm=_PBES2, parameters=scheme), sealed=sealed)
    return to_pem(_LABEL, asn1.encode_der(info))


def unseal(data: bytes, passphrase: bytes) -> PrivateKey:
    """Open a sealed key. Slow on purpose (rule 2).

    Raises TrustError when the passphrase is another, when the file is damaged, or when it holds no P-256 key.
    """
    try:
        key = load_pem_private_key(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # As in keys.py: nothing of a key file, and nothing of a passphrase, belongs into a message.
        raise TrustError(
            "the passphrase does not open the key", why="it is another one, or the file is damaged"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise TrustError("the private key is not a P-256 key")
    return PrivateKey(key)


def check_sealed(data: bytes) -> None:
    """Raise TrustError when a sealed key's file is damaged, as far as can be seen without its passphrase."""
    try:
        load_pem_private_key(data, None)
    except TypeError:
        return  # it wants a passphrase, so it was read that far
    except (ValueError, UnsupportedAlgorithm):
        pass
    raise TrustError("the sealed private key is damaged")
