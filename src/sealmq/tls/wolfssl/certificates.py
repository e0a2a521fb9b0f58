"""What wolfSSL does not look at in a certificate, or not as OpenSSL does under `ssl`: it is looked at here as well, and
both must agree.

    name     wolfSSL has one comparison for everything: in 5.5 and 5.7 a DNS name "127.0.0.1" answers for the
             address; 5.9 takes no name without a dot, and an IPv6 address is compared as text. (RFC 9525)
    purpose  It takes anyExtendedKeyUsage for every purpose, and looks at no authority's purpose. (RFC 5280 section
             4.2.1.12; OpenSSL wants the purpose itself, all the way up)
    usage    5.5 and 5.7 take a key that may sign nothing but lists. (section 4.2.1.3)
    hash     It takes SHA-1. (RFC 9155)
    anchor   It takes a certificate that may not sign others for an authority when it is told to trust it.

Rule 1: names stand in subjectAltName. The common name is not looked at.
Rule 2: "*" stands for one whole label, the first, with two or more behind it.
Rule 3: what cannot be taken apart is refused. It comes from a stranger: nothing here loops or raises.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Complaint = Literal["name", "purpose", "hash"]

SERVER_AUTH = bytes.fromhex("2b06010505070301")  # 1.3.6.1.5.5.7.3.1
CLIENT_AUTH = bytes.fromhex("2b06010505070302")

_ALT_NAME, _USAGE = bytes.fromhex("551d11"), bytes.fromhex("551d0f")  # 2.5.29.17 and so on
_BASIC, _PURPOSE = bytes.fromhex("551d13"), bytes.fromhex("551d25")
_BROKEN_HASHES = frozenset(
    map(
        bytes.fromhex,
        (
            "2a864886f70d010102",  # md2WithRSAEncryption, and with MD5, with SHA-1
            "2a864886f70d010104",
            "2a864886f70d010105",
            "2b0e03021d",  # sha1WithRSASignature
            "2a8648ce380403",  # dsa-with-sha1
            "2a8648ce3d0401",  # ecdsa-with-SHA1
        ),
    )
)
_FOR_TLS = 0x80 | 0x20 | 0x08  # digitalSignature, keyEncipherment, keyAgreement
_BOOLEAN, _BITS, _OCTETS, _OID, _SEQUENCE, _EXTENSIONS, _DNS, _ADDRESS = 0x01, 0x03, 0x04, 0x06, 0x30, 0xA3, 0x82, 0x87


@dataclass(frozen=True, slots=True)
class Facts:
    """What is looked at of a certificate.

    algorithm:       OID of its signature.
    issuer, subject: as they stand there, DER.
    names:           subjectAltName: tag, value.
    purposes:        OIDs of extKeyUsage; None without it.
    usage:           the first byte of keyUsage; None without it.
    authority:       basicConstraints says that it may sign others.
    """

    algorithm: bytes
    issuer: bytes
    subject: bytes
    names: tuple[tuple[int, bytes], ...]
    purposes: frozenset[bytes] | None
    usage: int | None
    authority: bool


def complaint(chain: Sequence[bytes], purpose: bytes, dialled: str = "") -> Complaint | None:
    """What is wrong with certificates that wolfSSL finds to be in order; None when nothing is.

    chain:   DER, the peer's own certificate first.
    purpose: OID that they must be good for.
    dialled: name in ASCII or IP address that the first must carry; "" for none.
    """
    leaf = read(chain[0]) if chain else None
    if leaf is None or (dialled and not carries(leaf, dialled)):
        return "name"
    if leaf.usage is not None and not leaf.usage & _FOR_TLS:
        return "purpose"
    for certificate in chain:
        facts = read(certificate)
        if facts is None or (facts.purposes is not None and purpose not in facts.purposes):
            return "purpose"
        if facts.algorithm in _BROKEN_HASHES and facts.issuer != facts.subject:
            return "hash"
    return None


def carries(facts: Facts, dialled: str) -> bool:
    """Does a certificate carry this name or address?"""
    try:
        address = ipaddress.ip_address(dialled).packed
    except ValueError:
        return any(tag == _DNS and _same(value, dialled.encode("ascii")) for tag, value in facts.names)
    return any(tag == _ADDRESS and value == address for tag, value in facts.names)


def read(certificate: bytes) -> Facts | None:
    """The facts of a certificate, DER; None when it is none."""
    body = next(_values(next(_within(certificate, _SEQUENCE), b"")), (0, b""))[1]  # tbsCertificate
    algorithm, issuer, _dates, subject, *rest = [*_within(body, _SEQUENCE), b"", b"", b"", b""]
    extensions: dict[bytes, bytes] = {}
    for each in _within(next(_within(next(_within(body, _EXTENSIONS), b""), _SEQUENCE), b""), _SEQUENCE):
        name = next(_within(each, _OID), b"")
        if name in extensions:
            return None
        extensions[name] = next(_within(each, _OCTETS), b"")
    if not (algorithm and issuer and subject and rest[0]):
        return None
    purposes, usage = extensions.get(_PURPOSE), extensions.get(_USAGE)
    bits = next(_within(usage, _BITS), b"")[1:2] if usage is not None else b""
    return Facts(
        algorithm=next(_within(algorithm, _OID), b""),
        issuer=issuer,
        subject=subject,
        names=tuple(_values(next(_within(extensions.get(_ALT_NAME, b""), _SEQUENCE), b""))),
        purposes=None if purposes is None else frozenset(_within(next(_within(purposes, _SEQUENCE), b""), _OID)),
        usage=None if usage is None else int.from_bytes(bits, "big"),
        authority=any(_within(next(_within(extensions.get(_BASIC, b""), _SEQUENCE), b""), _BOOLEAN)),
    )


def _within(data: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of those values of `data` that have this tag."""
    return (value for tag, value in _values(data) if tag == wanted)


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the DER values that stand one behind the other (X.690 section 8.1), up to a bad one."""
    at = 0
    while at + 2 <= len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[at + 2 : start], "big")
        if start + length > len(data):
            return
        yield tag, data[start : start + length]
        at = start + length


def _same(pattern: bytes, name: bytes) -> bool:
    """Does a dNSName stand for this name?"""
    pattern, name = pattern.lower(), name.lower()
    if not pattern.startswith(b"*."):
        return pattern == name
    first, dot, rest = name.partition(b".")
    return bool(first and dot) and rest == pattern[2:] and rest.count(b".") >= 1 and b"*" not in rest
