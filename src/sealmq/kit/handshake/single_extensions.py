"""The extensions of a certificate one by one.

The library reads all extensions of a certificate or none. Where one cannot be read, each is put alone into a
certificate of our own, which is read: so a broken one does not hide the others. The library does all of the ASN.1.
"""

from __future__ import annotations

import datetime
import typing
from collections.abc import Iterator
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@asn1.sequence
class _Extension:
    """RFC 5280 section 4.1: Extension."""

    extn_id: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    extn_value: bytes


@asn1.sequence
class _ToBeSigned:
    """RFC 5280 section 4.1: TBSCertificate, as far as it takes to come to its extensions."""

    version: Annotated[int | None, asn1.Explicit(0)]
    serial: asn1.TLV
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    key: asn1.TLV
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    """RFC 5280 section 4.1: Certificate."""

    tbs: _ToBeSigned
    algorithm: asn1.TLV
    signature: asn1.BitString


def single_extensions(
    der: bytes, most: int
) -> Iterator[tuple[x509.ObjectIdentifier, bool, x509.Extension[x509.ExtensionType] | None]]:
    """For each extension: its identifier, whether it is critical, and what it says, None where that can't be read.

    most: extensions that are looked at. Raises ValueError where the certificate or its list cannot be taken apart.
    """
    for each in (asn1.decode_der(_Certificate, der).tbs.extensions or [])[:most]:
        extension = each.parse(_Extension)
        yield extension.extn_id, extension.critical, _read_alone(extension)


def _read_alone(extension: _Extension) -> x509.Extension[x509.ExtensionType] | None:
    key = Ed25519PrivateKey.generate()  # signs what nobody ever sees
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(_DAY).not_valid_after(_DAY)
    value = x509.UnrecognizedExtension(extension.extn_id, extension.extn_value)
    made = builder.add_extension(value, extension.critical).sign(key, None)
    try:
        (read,) = made.extensions
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        return None
    return typing.cast("x509.Extension[x509.ExtensionType]", read)
