"""Keys: made, read, written as PEM, and which of them are good enough.

A private key shows itself in no repr and no error; only `PrivateKey.pem()` lets it out, and what it gives belongs
into `vault.write_private`.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from sealmq.errors import EnrollmentError, TrustError

PSK_BYTES: Final = 32
"""Of a new pre-shared key: as many random bits as the strongest cipher suite uses."""

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_RSA_BITS = range(2048, 4097)  # below: weak (RFC 7925 section 20 wants 112 bits); above: only good to keep us busy
_SMALL_PRIMES = math.prod(n for n in range(3, 1000) if all(n % d for d in range(2, math.isqrt(n) + 1)))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key.

    der:         SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    spki_sha256: SHA-256 of that, lower-case hex: what 'one key = one device' is checked by.
    """

    der: bytes
    spki_sha256: str = field(init=False, compare=False)
    _key: CertificatePublicKeyTypes | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spki_sha256", hashlib.sha256(self.der).hexdigest())

    def __reduce__(self) -> tuple[type[PublicKey], tuple[bytes]]:
        return PublicKey, (self.der,)  # to another process, which loads it anew

    def loaded(self) -> CertificatePublicKeyTypes:
        """The key as `cryptography` knows it; for this room only."""
        key = self._key if self._key is not None else load_der_public_key(self.der)
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise EnrollmentError("only ECDSA and RSA keys can be certified")
        return key

    @classmethod
    def of(cls, key: CertificatePublicKeyTypes) -> PublicKey:
        """Wrap a key of `cryptography`; for this room only. It is kept: a certificate for it costs 22 us less."""
        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)


class PrivateKey:
    """A P-256 private key."""

    __slots__ = ("_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey.of(key.public_key())

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new P-256 key from the operating system's randomness."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> PrivateKey:
        """Read an unencrypted PEM key. Raises TrustError when it is none, or not P-256."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The reason is left out on purpose: nothing of a key file belongs into a message.
            raise TrustError("this is not an unencrypted private key in PEM form") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise TrustError("the private key is not a P-256 key")
        return cls(key)

    def pem(self) -> bytes:
        """The key as unencrypted PKCS#8 PEM: a secret. Give it to `vault.write_private` and to nothing else."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def proves(self, public: PublicKey) -> bool:
        """Whether what this key signs is verified by `public`."""
        loaded, nonce = public.loaded(), secrets.token_bytes(32)
        if not isinstance(loaded, ec.EllipticCurvePublicKey):
            return False
        try:
            loaded.verify(self._key.sign(nonce, ec.ECDSA(SHA256())), nonce, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def loaded(self) -> ec.EllipticCurvePrivateKey:
        """The key as `cryptography` knows it; for this room only."""
        return self._key

    def __repr__(self) -> str:
        return f"PrivateKey(public sha256 {self.public.spki_sha256[:16]}...)"


def new_psk() -> bytes:
    """A new pre-shared key: random bytes of the operating system. A secret."""
    return secrets.token_bytes(PSK_BYTES)


def check_key_policy(key: object) -> None:
    """Raise EnrollmentError unless a device's public key is good enough to be certified.

    P-256 is advised, P-384 and P-521 are accepted, RSA from 2048 to 4096 bits for devices that can't do better. The
    key's owner proved elsewhere that he has it.
    """
    advice = "make a P-256 key: openssl ecparam -name prime256v1 -genkey -noout -out device.key"
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise EnrollmentError(f"the curve {key.curve.name} is not accepted", remedy=advice)
        return
    if not isinstance(key, rsa.RSAPublicKey):
        raise EnrollmentError(
            "this kind of key is not accepted", why="not every TLS library can check its signatures", remedy=advice
        )
    if key.key_size not in _RSA_BITS:
        raise EnrollmentError(
            f"an RSA key of {key.key_size} bits is not accepted", why="2048 to 4096 are", remedy=advice
        )
    numbers = key.public_numbers()
    # FIPS 186-5 section A.1.1: odd, above 2^16. An exponent of 1 signs nothing, an even one can't be a key.
    if numbers.e % 2 == 0 or not 2**16 < numbers.e < 2**32:
        raise EnrollmentError("the RSA key's public exponent is not accepted", why="65537 is usual", remedy=advice)
    if numbers.n % 2 == 0 or math.gcd(numbers.n, _SMALL_PRIMES) != 1:
        raise EnrollmentError("the RSA key can be factored by anybody", remedy=advice)
