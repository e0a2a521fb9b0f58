"""A ClientHello of our own, to ask one question and hang up: no key is made, and nothing is agreed.

Its X25519 key share is 32 random bytes, which is what such a key looks like (RFC 7748 section 5); who made no key has
nothing to compute with it.
"""

from __future__ import annotations

import secrets
import struct

_SUITES = (0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009C, 0x003C, 0x002F)
_GROUPS = (0x001D, 0x0017, 0x0018)  # X25519, P-256, P-384
_SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0807)

MAX_FRAGMENT_LENGTH = 1
RECORD_SIZE_LIMIT = 28


def hello(*, server_name: str = "", extensions: dict[int, bytes] | None = None) -> bytes:
    """A record with a ClientHello that offers TLS 1.3 and 1.2 (RFC 8446 section 4.1.2).

    server_name: for SNI; "" for none, as for an address.
    extensions:  more of them, by number.
    """
    every = {
        10: _vector(2, b"".join(struct.pack(">H", group) for group in _GROUPS)),
        11: _vector(1, b"\0"),
        13: _vector(2, b"".join(struct.pack(">H", scheme) for scheme in _SCHEMES)),
        23: b"",
        43: _vector(1, b"\x03\x04\x03\x03"),
        45: _vector(1, b"\x01"),
        51: _vector(2, struct.pack(">H", _GROUPS[0]) + _vector(2, secrets.token_bytes(32))),
    }
    if server_name:
        every[0] = _vector(2, b"\0" + _vector(2, server_name.encode("idna")))
    every |= extensions or {}
    listed = b"".join(struct.pack(">H", code) + _vector(2, body) for code, body in sorted(every.items()))
    body = (
        b"\x03\x03"
        + secrets.token_bytes(32)
        + _vector(1, secrets.token_bytes(32))
        + _vector(2, b"".join(struct.pack(">H", suite) for suite in _SUITES))
        + _vector(1, b"\0")
        + _vector(2, listed)
    )
    return b"\x16\x03\x01" + _vector(2, b"\x01" + _vector(3, body))


def _vector(length_bytes: int, content: bytes) -> bytes:
    return len(content).to_bytes(length_bytes, "big") + content
