"""Certificate revocation lists as others take them: PEM and back, and what a list says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealmq.errors import TrustError
from sealmq.pem import to_pem

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What a list says. authority: key identifier of its CA; revoked: how many it has; times in Unix seconds."""

    authority: str
    number: int
    this_update: float
    next_update: float
    revoked: int


def read_list(der: bytes) -> ListFacts:
    """Read a list. Raises TrustError when it cannot be read, or is none of ours."""
    try:
        crl = x509.load_der_x509_crl(der)
        authority = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        ends = crl.next_update_utc
    except (ValueError, x509.ExtensionNotFound) as error:
        raise TrustError("the revocation list cannot be read") from error
    if authority is None or ends is None:
        raise TrustError("the revocation list is none of ours")
    return ListFacts(authority.hex(), number, crl.last_update_utc.timestamp(), ends.timestamp(), len(crl))


def list_pem(der: bytes) -> bytes:
    """A list as PEM (RFC 7468 section 6)."""
    return to_pem("X509 CRL", der)


def lists_of(pem: bytes) -> list[bytes]:
    """The lists in a PEM file, in order, as DER. Raises TrustError when one cannot be read."""
    try:
        return [x509.load_pem_x509_crl(block).public_bytes(Encoding.DER) for block in _BLOCK.findall(pem)]
    except ValueError as error:
        raise TrustError("the file holds no revocation list that can be read") from error
