"""Where packets (MQTT) and records (TLS) begin and end in a stream, however it is cut into pieces.

It looks at bytes that go by, so it never holds one back; whoever changes a byte is told its place in time.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sealmq.errors import Error
from sealmq.kit.dissect.conversation import ContentType, Sender

RECORD_HEADER = 5
"""Bytes before a record's fragment (RFC 8446 section 5.1)."""

LONGEST_FRAGMENT = (1 << 14) + 2048
"""Bytes of a record's fragment, at most (RFC 5246 section 6.2.3); TLS 1.3 allows less."""

_CONTENT_TYPES = frozenset(map(int, ContentType))
_CONNECT = 0x10
_PUBLISH = 3


class Kind(enum.StrEnum):
    """What a connection speaks."""

    PLAINTEXT = "plaintext"
    TLS = "TLS"
    OTHER = "other"


def kind_of(first: int) -> Kind:
    """What a client speaks whose first byte this is: CONNECT comes first in MQTT, in TLS a handshake record."""
    if first == _CONNECT:
        return Kind.PLAINTEXT
    return Kind.TLS if first == ContentType.HANDSHAKE else Kind.OTHER


class BrokenFramingError(Error):
    """The stream is not what it should be; nothing behind this place can be told apart."""


@dataclass(slots=True)
class Part:
    """A stretch of one unit (a packet, or a record) in the piece that was given.

    start, end: where it lies in the piece.
    offset:     of its first byte in the unit.
    length:     of the whole unit; 0 while its header is not complete.
    kept:       the unit's bytes from its front up to here, as far as they are kept. Valid until the next part.
    """

    start: int
    end: int
    offset: int
    length: int
    kept: bytearray

    @property
    def is_last(self) -> bool:
        """The unit ends with it."""
        return self.length > 0 and self.offset + self.end - self.start == self.length

    @property
    def is_whole(self) -> bool:
        """All bytes of the unit were kept."""
        return self.is_last and len(self.kept) == self.length


class Walker:
    """Follows one direction of a connection from unit to unit.

    measure: the length of a unit by its first bytes, 0 while more of them are needed; raises BrokenFramingError.
    longest_header: bytes after which `measure` knows.
    keep:    bytes of a unit that are kept.
    """

    __slots__ = ("_done", "_keep", "_kept", "_length", "_longest_header", "_measure")

    def __init__(self, measure: Callable[[bytes | bytearray], int], longest_header: int, keep: int) -> None:
        self._measure = measure
        self._longest_header = longest_header
        self._keep = max(keep, longest_header)
        self._kept = bytearray()
        self._done = 0
        self._length = 0

    @property
    def inside(self) -> bool:
        """A unit has begun and has not ended."""
        return self._done > 0

    def receive_data(self, data: bytes) -> Iterator[Part]:
        """The parts that `data` consists of, in order. Raises BrokenFramingError; after that, ask no more."""
        at, end = 0, len(data)
        while at < end:
            if not self._length:
                step = 1 if self._kept else min(self._longest_header, end - at)
                head = self._kept + data[at : at + step]
                self._length = self._measure(head)
                if self._length:
                    step = min(self._length - self._done, end - at)
            else:
                step = min(self._length - self._done, end - at)
            room = self._keep - len(self._kept)
            if room > 0:
                self._kept += data[at : at + min(step, room)]
            part = Part(at, at + step, self._done, self._length, self._kept)
            self._done += step
            at += step
            is_last = part.is_last
            yield part
            if is_last:
                self._kept.clear()
                self._done = self._length = 0


def packets(keep: int) -> Walker:
    """A walker over MQTT control packets [MQTT 2.1]."""
    return Walker(measure_packet, 5, keep)


def records(keep: int = RECORD_HEADER) -> Walker:
    """A walker over TLS records (RFC 8446 section 5.1)."""
    return Walker(measure_record, RECORD_HEADER, keep)


def measure_packet(head: bytes | bytearray) -> int:
    """Bytes of the packet that begins like this, its fixed header included [MQTT 2.1.4]; 0: more is needed."""
    if head and head[0] >> 4 == 0:
        raise BrokenFramingError("packet type 0 is reserved")
    length = 0
    for place in range(4):
        if place + 1 >= len(head):
            return 0
        byte = head[place + 1]
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return place + 2 + length
    raise BrokenFramingError("the remaining length has more than four bytes")


def measure_record(head: bytes | bytearray) -> int:
    """Bytes of the record that begins like this, its header included; 0: more is needed."""
    if head and head[0] not in _CONTENT_TYPES:
        raise BrokenFramingError(f"there is no content type {head[0]}")
    if len(head) > 1 and head[1] != 3:
        raise BrokenFramingError(f"a record has version {head[1]:#04x}, not 0x03")
    if len(head) < RECORD_HEADER:
        return 0
    length = int.from_bytes(head[3:5], "big")
    if length > LONGEST_FRAGMENT:
        raise BrokenFramingError(f"a record of {length:,} bytes is longer than TLS allows")
    return RECORD_HEADER + length


def body_at(head: bytes | bytearray) -> int:
    """Where the variable header of a packet begins whose fixed header is complete."""
    place = 1
    while head[place] & 0x80:
        place += 1
    return place + 1


def level_of(connect: bytes | bytearray) -> int:
    """The protocol level of a CONNECT, 0 where it names none [MQTT 3.1.2.2]."""
    at = body_at(connect)
    return connect[at + 6] if connect[at : at + 6] == b"\0\4MQTT" and len(connect) > at + 6 else 0


def payload_at(publish: bytes | bytearray, level: int) -> int:
    """Where the payload of a PUBLISH begins, by its first bytes; 0: more of them are needed, or it is no PUBLISH.

    A Property Length that does not fit into four bytes is no reason to stop: then there is no payload either.
    """
    if publish[0] >> 4 != _PUBLISH:
        return 0
    at = body_at(publish)
    if len(publish) < at + 2:
        return 0
    at += 2 + int.from_bytes(publish[at : at + 2], "big")
    if publish[0] & 0x06:
        at += 2
    if level < 5:
        return at if len(publish) >= at else 0
    length = 0
    for place in range(4):
        if at + place >= len(publish):
            return 0
        length |= (publish[at + place] & 0x7F) << (7 * place)
        if publish[at + place] < 0x80:
            return at + place + 1 + length
    return 0


class Turns:
    """How far a TLS 1.3 handshake is, for who cannot look inside: by which end sent encrypted records, in turn.

    count: 0 nobody did, 1 the server did (the rest of its handshake), 2 then the client (the rest of its own, and
           perhaps data), 3 then the server again, so it has accepted: from here on the client sends no handshake.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def take(self, sender: Sender) -> int:
        """An encrypted record came from `sender`: the count with it."""
        if sender is (Sender.CLIENT if self.count == 1 else Sender.SERVER) and self.count < 3:
            self.count += 1
        return self.count
