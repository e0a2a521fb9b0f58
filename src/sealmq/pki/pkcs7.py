"""PKCS#7 that carries certificates and nothing else: the envelope in which EST hands them out (RFC 8951 section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sealmq.errors import TrustError


def certs_only(certificates: Iterable[bytes]) -> bytes:
    """A certs-only SignedData (DER) with these certificates (DER). It is a set: their order is lost.

    Raises TrustError when one cannot be read.
    """
    try:
        loaded = [x509.load_der_x509_certificate(der) for der in certificates]
        return pkcs7.serialize_certificates(loaded, Encoding.DER)
    except (ValueError, TypeError) as error:
        raise TrustError("the certificates cannot be put into PKCS#7", why=str(error)) from error
