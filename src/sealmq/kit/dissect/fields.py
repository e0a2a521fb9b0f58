"""Taking bytes apart, and remembering which were what: fields with their place, and a cursor that makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealmq.errors import TLSError

LONGEST_VALUE = 64
"""Bytes of a field that its words show; a longer one ends in an ellipsis."""

MOST_FIELDS = 256
"""Elements of a list that are fields of their own: more are one field together, so that memory stays bounded."""

MOST_LISTED = 24
"""Elements of a list that its words name."""


@dataclass(frozen=True, slots=True)
class Field:
    """Some bytes of a message.

    name:   as the RFC writes it: "legacy_version", "random", "cipher_suites".
    offset: of its first byte in the message, header included.
    length: in bytes, 0 for an empty one.
    value:  what it says, in words; safe to print.
    inside: the fields that it is made of, if any.
    """

    name: str
    offset: int
    length: int
    value: str
    inside: tuple[Field, ...] = ()


class Cursor:
    """Reads a message from its front to its end, and keeps what it read as fields.

    Rule 1: a length that lies raises TLSError(alert="decode_error"), before anything is read.
    Rule 2: nothing is copied but what is asked for, and nothing is read twice: the time is linear in the bytes.
    """

    __slots__ = ("_at", "_data", "_end", "_start", "fields")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = self._start = at
        self._end = len(data) if end is None else end
        self.fields: list[Field] = []

    @property
    def at(self) -> int:
        """Where the next byte is read."""
        return self._at

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return self._end - self._at

    def number(self, length: int, name: str, tell: Callable[[int], str] = str) -> int:
        """An unsigned number of `length` bytes, most significant first; `tell` puts it into words."""
        start = self._step(length, name)
        number = int.from_bytes(self._data[start : self._at], "big")
        self.fields.append(Field(name, start, length, tell(number)))
        return number

    def take(self, length: int, name: str, tell: Callable[[bytes], str] | None = None) -> bytes:
        """The next `length` bytes."""
        start = self._step(length, name)
        value = self._data[start : self._at]
        self.fields.append(Field(name, start, length, tell(value) if tell else in_hex(value)))
        return value

    def rest(self, name: str, tell: Callable[[bytes], str] | None = None) -> bytes:
        """All that is left."""
        return self.take(self.left, name, tell)

    def vector(self, length_bytes: int, name: str) -> Cursor:
        """A cursor on a vector whose length stands before it in `length_bytes` bytes (RFC 8446 section 3.4).

        Give its fields back by `close` when they were read.
        """
        if self.left < length_bytes:
            raise _short(name, length_bytes, self.left)
        start = self._at + length_bytes
        length = int.from_bytes(self._data[self._at : start], "big")
        if length > self._end - start:
            raise _short(name, length, self._end - start)
        self._at = start + length
        return Cursor(self._data, start, self._at)

    def close(self, inner: Cursor, name: str, value: str = "") -> None:
        """Keep the fields of a cursor that `vector` gave as one field. Raises TLSError when something was left over."""
        if inner.left:
            raise TLSError(f"{name} has {inner.left} bytes too many", "decode_error", sent=False)
        first = inner._start
        self.fields.append(Field(name, first, inner._at - first, value, tuple(inner.fields)))

    def opaque(self, length_bytes: int, name: str, tell: Callable[[bytes], str] | None = None) -> bytes:
        """A vector of bytes that are not taken apart further."""
        inner = self.vector(length_bytes, name)
        value = self._data[inner._at : inner._end]
        self.fields.append(Field(name, inner._at, len(value), tell(value) if tell else in_hex(value)))
        return value

    def numbers(
        self, length_bytes: int, size: int, name: str, each: str, tell: Callable[[int], str] = str
    ) -> tuple[int, ...]:
        """A vector of numbers of `size` bytes; a field called `each` for each of the first MOST_FIELDS."""
        inner = self.vector(length_bytes, name)
        if inner.left % size:
            raise TLSError(f"{name} has {inner.left} bytes, no multiple of {size}", "decode_error", sent=False)
        data = self._data[inner._at : inner._end]
        found = tuple(int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size))
        for _ in found[:MOST_FIELDS]:
            inner.number(size, each, tell)
        if inner.left:
            inner.rest(f"{inner.left // size} more")
        self.close(inner, name, listed(found, tell))
        return found

    def give_up(self, why: str) -> None:
        """Keep all that is left behind the last field, and the length of what failed, as one field that says why."""
        last = self.fields[-1] if self.fields else None
        first = last.offset + last.length if last else self._start
        self.fields.append(Field("cannot be taken apart", first, self._end - first, printable(why)))
        self._at = self._end

    def copy(self) -> bytes:
        """All that is left, without reading it."""
        return self._data[self._at : self._end]

    def expect_end(self, name: str) -> None:
        """Raise TLSError when something is left over."""
        if self.left:
            raise TLSError(f"{name} has {self.left} bytes too many", "decode_error", sent=False)

    def _step(self, length: int, name: str) -> int:
        if length > self.left:
            raise _short(name, length, self.left)
        start = self._at
        self._at += length
        return start


def printable(text: str | bytes, most: int = 256) -> str:
    """What a stranger wrote, safe to print: no control character, nothing that turns the line around, at most `most`
    characters of it (then an ellipsis). Bytes are read as UTF-8; those that are none are shown as \\xNN.

    A backslash is doubled, so that nothing can look like an escape. A form of output escapes its own signs besides.
    """
    if isinstance(text, bytes):
        text = text[: 4 * most + 4].decode("utf-8", "surrogateescape")
    shown = []
    length = 0
    for sign in text[: most + 1]:
        one = _safe(sign)
        length += len(one)
        if length > most:
            shown.append("...")
            break
        shown.append(one)
    return "".join(shown)


def _safe(sign: str) -> str:
    if sign == "\\":
        return "\\\\"
    if sign.isprintable():
        return sign
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def listed(items: Sequence[int], tell: Callable[[int], str] = str) -> str:
    """The first MOST_LISTED of them in words, and how many more there are."""
    words = ", ".join(tell(one) for one in items[:MOST_LISTED])
    return words if len(items) <= MOST_LISTED else f"{words} and {len(items) - MOST_LISTED} more"


def in_hex(value: bytes) -> str:
    """Bytes as hex, cut off where they are many; "empty" for none."""
    if not value:
        return "empty"
    shown = value[:LONGEST_VALUE].hex()
    return shown if len(value) <= LONGEST_VALUE else f"{shown}... ({len(value)} bytes)"


def _short(name: str, wanted: int, left: int) -> TLSError:
    return TLSError(f"{name} says {wanted} bytes, and {left} are there", "decode_error", sent=False)
