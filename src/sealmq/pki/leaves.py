"""Devices' certificates by the thousand: what is the same in all of one CA is encoded once.

All certificates of one profile from one CA differ in serial number, dates, name, key, UUID and signature. The
library makes one of them, its DER is cut at these places, and each further one is put together from the pieces and
signed: 47 us in place of 250, and 23 of them are the signature.

Rule 1: what a certificate may do is decided by the profile and encoded by the library. Nothing here knows extensions.
Rule 2: the pieces, put together with the values of the one that the library made, must give its bytes, or none is made.
Rule 3: values come from us and were checked: a name is a device's, dates are those of UTCTime (profiles.validity).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography import x509

from sealmq.errors import TrustError
from sealmq.pki.profiles import COMMON_NAME_LENGTH, LAST_UTC_TIME, Validity

_INTEGER, _BIT_STRING, _UTF8_STRING, _UTC_TIME, _SEQUENCE, _SET = 0x02, 0x03, 0x0C, 0x17, 0x30, 0x31
_COMMON_NAME = bytes.fromhex("0603550403")  # the OBJECT IDENTIFIER 2.5.4.3
_UUID_LENGTH = 36


class Values(NamedTuple):
    """What differs. serial: lower-case hex. key: SubjectPublicKeyInfo, DER."""

    serial: str
    validity: Validity
    name: str
    key: bytes
    uuid: UUID


class Pattern:
    """The pieces of one CA's certificates of one kind.

    certificate: one of them, made by the library; its last extension is the SAN with urn:uuid:. By whom it is signed
                 does not matter.
    values:      what stands in it.
    """

    def __init__(self, certificate: x509.Certificate, values: Values) -> None:
        tbs = certificate.tbs_certificate_bytes
        # RFC 5280 section 4.1: version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, [3].
        self._version, _, self._algorithm, self._issuer, _, _, _, explicit = _elements(tbs)
        self._extensions = explicit[:-_UUID_LENGTH]
        if self.unsigned(values) != tbs:
            raise TrustError("the certificate authority's certificates cannot be made from a pattern")

    def unsigned(self, values: Values) -> bytes:
        """The TBSCertificate with these values: what is to be signed."""
        serial, validity, name, key, uuid = values
        number = bytes.fromhex(serial)
        if number[0] & 0x80:  # or it would be a negative one
            number = b"\0" + number
        return _tlv(
            _SEQUENCE,
            b"".join(
                (
                    self._version,
                    _tlv(_INTEGER, number),
                    self._algorithm,
                    self._issuer,
                    _dates(validity),
                    _subject(name.encode()),
                    key,
                    self._extensions,
                    str(uuid).encode(),
                )
            ),
        )

    def signed(self, tbs: bytes, signature: bytes) -> bytes:
        """The certificate, DER."""
        return _tlv(_SEQUENCE, tbs + self._algorithm + _tlv(_BIT_STRING, b"\0" + signature))


def _subject(name: bytes) -> bytes:
    """A Name of one common name."""
    length = len(name)
    if not 0 < length <= COMMON_NAME_LENGTH:  # then each length below is one octet
        raise TrustError(f"a common name has 1 to {COMMON_NAME_LENGTH} octets")
    sequences = bytes((_SEQUENCE, length + 11, _SET, length + 9, _SEQUENCE, length + 7))
    return sequences + _COMMON_NAME + bytes((_UTF8_STRING, length)) + name


@lru_cache(maxsize=16)  # a batch has one
def _dates(validity: Validity) -> bytes:
    """As UTCTime (RFC 5280 section 4.1.2.5.1): nothing that we make goes beyond 2049."""
    if not 0 <= validity.not_before <= validity.not_after <= LAST_UTC_TIME:
        raise TrustError("a certificate cannot hold at no time, or beyond 2049", remedy="check this machine's clock")
    return _tlv(
        _SEQUENCE,
        b"".join(
            _tlv(_UTC_TIME, datetime.fromtimestamp(moment, UTC).strftime("%y%m%d%H%M%SZ").encode())
            for moment in (validity.not_before, validity.not_after)
        ),
    )


def _tlv(tag: int, content: bytes) -> bytes:
    """One element in DER (X.690 section 8.1): tag, length in its shortest form, content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _elements(der: bytes) -> list[bytes]:
    """The elements inside one that the library encoded, each with its tag and length."""
    found = []
    at, end = _content(der, 0)
    while at < end:
        _, after = _content(der, at)
        found.append(der[at:after])
        at = after
    return found


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at this place begins and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length
