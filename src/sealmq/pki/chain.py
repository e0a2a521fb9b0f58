"""Does a chain hold: from a device's certificate by its CA to a root, as a broker would check it.

Used before credentials are handed over, when a mistake costs a command and not a fleet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealmq.errors import TrustError

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def check_client_chain(leaf: bytes, issuers: Sequence[bytes], roots: Sequence[bytes], *, now: float) -> None:
    """Raise TrustError unless `leaf` leads by `issuers` to one of `roots` and may prove a client at `now`.

    Certificates as DER, `now` in Unix seconds. Signatures, dates, basic constraints, key usages and the extended key
    usage clientAuth are checked [RFC 5280 section 6.1], and that nameConstraints stand nowhere: Mbed TLS can't read
    a certificate that has them.
    """
    chain = [_read(each) for each in (leaf, *issuers)]
    anchors = [_read(each) for each in roots]
    if any(_has_name_constraints(each) for each in (*chain, *anchors)):
        raise TrustError("a certificate of the chain has nameConstraints", why="Mbed TLS refuses to read it")
    if not anchors:
        raise TrustError("there is no root to trust")
    verifier = PolicyBuilder().store(Store(anchors)).time(datetime.fromtimestamp(now, UTC)).build_client_verifier()
    try:
        verifier.verify(chain[0], chain[1:])
    except VerificationError as error:
        raise TrustError("the certificate does not lead to the root", why=str(error)) from error


def key_algorithm(der: bytes) -> str:
    """The key of a certificate in a word: "P-256", "P-384", "P-521" or "RSA-2048". Raises TrustError."""
    key = _read(der).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    raise TrustError("only ECDSA and RSA keys can be certified")


def _read(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrustError("the certificate cannot be read", why="it is damaged, or not X.509") from error


def _has_name_constraints(certificate: x509.Certificate) -> bool:
    try:
        certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    except ValueError as error:
        raise TrustError("a certificate of the chain has extensions that cannot be read") from error
    return True
