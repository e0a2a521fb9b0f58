"""The four bytes before each handshake message (RFC 8446 section 4): its type, and its length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sealmq.errors import TLSError
from sealmq.kit.dissect.fields import Cursor
from sealmq.kit.dissect.registry import tell_handshake_type

HEADER = 4
"""Bytes of it."""

LONGEST_MESSAGE = 1 << 18
"""Bytes of a message that is taken apart: OpenSSL takes chains of 100 KiB; of more, the fields would fill memory."""

_Read = TypeVar("_Read")


def take_header(cursor: Cursor, type_: int | None = None) -> int:
    """Read type and length of the message that the cursor stands before; returns the type.

    type_: the one that it must have, None for any. Raises TLSError when it has another, or when the length is not
    that of the bytes which are there.
    """
    found = cursor.number(1, "msg_type", tell_handshake_type)
    if type_ is not None and found != type_:
        raise TLSError(
            f"a {tell_handshake_type(found)} stands where a {tell_handshake_type(type_)} must",
            "unexpected_message",
            sent=False,
        )
    length = cursor.number(3, "length", lambda number: f"{number} bytes")
    if length != cursor.left:
        raise TLSError(f"the message says {length} bytes, and {cursor.left} are there", "decode_error", sent=False)
    if length > LONGEST_MESSAGE:
        raise TLSError(f"a message of {length} bytes is too long to be taken apart", "decode_error", sent=False)
    return found


def read_whole(message: bytes, type_: int, take: Callable[[Cursor], _Read]) -> _Read:
    """What `take` makes of the one message in `message`, which is of `type_`. Raises TLSError when it is not so."""
    cursor = Cursor(message)
    take_header(cursor, type_)
    read = take(cursor)
    cursor.expect_end(tell_handshake_type(type_))
    return read
