"""ServerKeyExchange of TLS 1.2: the parameters, and the signature under them (RFC 5246 section 7.4.3, RFC 8422 5.4).

Whether it is of ECDHE or of DHE only the cipher suite says; here it is the form whose lengths come out even.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = 4  # bytes of a handshake message's header
_NAMED_CURVE = 3  # ECCurveType, RFC 8422 section 5.4


class Signed(NamedTuple):
    """parameters: what is signed, besides both randoms. scheme: a SignatureScheme of RFC 8446 section 4.2.3."""

    parameters: bytes
    scheme: int
    signature: bytes


def split(message: bytes) -> Signed | None:
    """message: the whole one, header included. None where it is not signed (PSK, anonymous) or its lengths lie."""
    body = message[HEADER:]
    for end in (_end_of_point(body), _end_of_numbers(body)):
        length = int.from_bytes(body[end + 2 : end + 4], "big")
        if end and len(body) == end + 4 + length and length:
            scheme = int.from_bytes(body[end : end + 2], "big")
            return Signed(body[:end], scheme, body[end + 4 :])
    return None


def _end_of_point(body: bytes) -> int:
    """ECDHE: a named curve, and a point. 0 where it is none."""
    return 4 + body[3] if len(body) > 4 and body[0] == _NAMED_CURVE else 0


def _end_of_numbers(body: bytes) -> int:
    """DHE: p, g and the public value, each with its length. 0 where it is cut off."""
    at = 0
    for _ in range(3):
        if at + 2 > len(body):
            return 0
        at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at if at <= len(body) else 0
