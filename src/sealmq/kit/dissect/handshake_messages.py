"""Handshake messages out of records: several in one, or one over several (RFC 8446 section 5.1).

Rule 1: a message that says it is longer than LONGEST_MESSAGE is refused before anything of it is kept.
Rule 2: each byte is looked at once, even if each comes in a record of its own.
"""

from __future__ import annotations

from sealmq.kit.dissect.records import UnreadableError

HEADER = 4
LONGEST_MESSAGE = 256 * 1024
"""Bytes. The longest honest one is a Certificate: ours have about 1,000 bytes, post-quantum chains 20,000 to 50,000."""


class Reassembly:
    """Joins what the handshake records of one end carry."""

    __slots__ = ("_buffer", "_records")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._records: list[int] = []

    @property
    def in_the_middle(self) -> bool:
        """A message has begun, and not ended."""
        return bool(self._buffer)

    @property
    def begun(self) -> bytes:
        """The first bytes of the message that has begun."""
        return bytes(self._buffer[:64])

    def receive(self, content: bytes, record: int) -> list[tuple[bytes, tuple[int, ...]]]:
        """The messages that are whole with `content`: each its bytes, header included, and its records' numbers.

        record: number of the record that carried `content`. Raises UnreadableError for a message that is too long.
        """
        self._buffer += content
        self._records.append(record)
        whole = []
        start = 0
        while len(self._buffer) - start >= HEADER:
            length = int.from_bytes(self._buffer[start + 1 : start + HEADER], "big")
            if length > LONGEST_MESSAGE:
                what = (
                    f"a handshake message says it has {length:,} bytes, and more than {LONGEST_MESSAGE:,} are not read"
                )
                raise UnreadableError("too much", what)
            end = start + HEADER + length
            if end > len(self._buffer):
                break
            whole.append((bytes(self._buffer[start:end]), tuple(self._records)))
            self._records = [record]
            start = end
        del self._buffer[:start]
        if not self._buffer:
            self._records = []
        return whole
