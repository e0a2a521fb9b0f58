"""What a connection is, from the first bytes of an end; the name that a ClientHello asks for (RFC 6066 section 3)."""

from __future__ import annotations

import enum
from typing import Final

HEAD: Final = 16
"""Bytes of an end that are enough to know."""

LONGEST_HELLO: Final = 16_384
"""Bytes of a ClientHello that are looked at; with post-quantum key shares it has some 2,000."""

_LONGEST_NAME: Final = 255
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_MQTT: Final = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")  # the protocol names of 3.1.1 and 5.0, and of 3.1


class Protocol(enum.StrEnum):
    """What is spoken over a connection."""

    TLS = "TLS"
    MQTT = "MQTT"
    OTHER = "other"


def is_client_hello(head: bytes) -> bool:
    """Do these first bytes begin a TLS connection? False as long as there are fewer than 6."""
    return len(head) >= 6 and head[0] == _HANDSHAKE and head[1] == 3 and head[5] == _CLIENT_HELLO


def is_record(head: bytes) -> bool:
    """Do they look like a TLS record (RFC 8446 section 5.1)?"""
    if len(head) < 5 or not 20 <= head[0] <= 24 or head[1] != 3 or head[2] > 4:
        return False
    return int.from_bytes(head[3:5], "big") <= 16_384 + 2_048


def is_connect(head: bytes) -> bool:
    """Do they begin an MQTT connection without TLS: a CONNECT?"""
    if not head or head[0] != 0x10:
        return False
    at = 1
    while at < 4 and at < len(head) and head[at] & 0x80:
        at += 1
    return head.startswith(_MQTT, at + 1)


def server_name(data: bytes) -> str | None:
    """The name that a ClientHello asks for, "" for none; None where more bytes are needed to say.

    data: the client's first bytes, from the header of the first record on. What breaks the rules has no name.
    """
    hello = bytearray()
    at, wanted = 0, 4
    while len(hello) < wanted:
        if at + 5 > len(data):
            return None
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if data[at] != _HANDSHAKE or not length:
            return ""
        hello += data[at + 5 : at + 5 + length]
        if len(hello) >= 4:
            wanted = 4 + int.from_bytes(hello[1:4], "big")
        if wanted > LONGEST_HELLO:
            return ""
        if at + 5 + length > len(data) and len(hello) < wanted:
            return None
        at += 5 + length
    try:
        return _name_in(bytes(hello[4:wanted]))
    except IndexError:
        return ""


def _name_in(body: bytes) -> str:
    """The name in the body of a ClientHello (RFC 8446 section 4.1.2). Raises IndexError where it ends too early."""
    at = 34
    at += 1 + body[at]
    at += 2 + (body[at] << 8 | body[at + 1])
    at += 1 + body[at]
    end = at + 2 + (body[at] << 8 | body[at + 1])
    at += 2
    while at + 4 <= end:
        kind, length = body[at] << 8 | body[at + 1], body[at + 2] << 8 | body[at + 3]
        if kind == _SERVER_NAME and length > 5 and body[at + 6] == 0:
            size = min(body[at + 7] << 8 | body[at + 8], length - 5, _LONGEST_NAME)
            return _printable(body[at + 9 : at + 9 + size])
        at += 4 + length
    return ""


def _printable(name: bytes) -> str:
    """What a stranger wrote, safe to print: a name is ASCII (RFC 6066 section 3); other bytes as \\xNN."""
    return "".join(chr(byte) if 33 <= byte < 127 else f"\\x{byte:02x}" for byte in name)
