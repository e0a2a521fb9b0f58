"""Trust anchors in two pieces, name and key: what BearSSL is built with in place of a root certificate."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealmq.errors import TrustError


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A CA that is trusted as it is (RFC 5280 section 6.1.1, RFC 5914).

    name:  its subject as DER.
    point: its P-256 public key as an uncompressed point (SEC 1 section 2.3.3): 0x04 and 64 octets.
    """

    name: bytes
    point: bytes


def trust_anchor(der: bytes) -> TrustAnchor:
    """The anchor that a root certificate (DER) stands for. Raises TrustError when it is none, or its key not P-256."""
    try:
        root = x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error
    key = root.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise TrustError("the root's key is not on P-256")
    return TrustAnchor(root.subject.public_bytes(), key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
