"""The packets of a publisher, prepared once, and what is written into them before each sending.

A payload begins with its stamp: when it was sent, in which lane, and which message of the lane it is. A lane is one
topic of one publisher. All packets of a workload have one size.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from sealmq.mqtt.packets import Publish
from sealmq.mqtt.writer import write_packet

LEVEL: Final = 4
"""Of MQTT: 3.1.1 is what every broker speaks, and its acknowledgements all have one size."""

STAMP: Final = struct.Struct(">dHI")
SMALLEST_PAYLOAD: Final = STAMP.size
COUNTING: Final = bytes(range(256)) * 2
"""The last byte of consecutive numbers."""

TOGETHER: Final = 64
"""Packets that are sent at once where nothing says how many: beyond that neither side gets cheaper."""

_RECORD: Final = 16_384  # bytes that fit into one TLS record
_FEW: Final = 8
"""Up to here one packet after the other is as fast as all by columns."""


class Ring:
    """Prepared packets, one behind the other, again and again. They go to the topics in turn."""

    def __init__(self, topics: Sequence[str], lanes: Sequence[int], *, payload: int, qos: int, window: int = 0) -> None:
        """
        topics: names of one length each, so that all packets have one size.
        lanes:  the number of each topic's lane; or one lane, whose messages go to all the topics in turn.
        window: packets that are ever sent at once; 0 for as many as are cheap.
        """
        packets = [write_packet(Publish(topic, bytes(payload), qos, packet_id=1), LEVEL) for topic in topics]
        self.size = len(packets[0])
        together = window or max(1, min(TOGETHER, _RECORD // self.size))
        rounds = -(-together // len(topics))
        self._buffer = bytearray(b"".join(packets) * rounds)
        self._view = memoryview(self._buffer)
        self._lanes = list(lanes)
        self._packets = rounds * len(topics)
        self._together = together
        self._payload = payload
        self._has_identifier = qos > 0
        self._place = 0
        self.stamped = 0
        for place in range(self._packets):
            STAMP.pack_into(self._buffer, (place + 1) * self.size - payload, 0.0, lanes[place % len(lanes)], 0)

    def stamp(self, limit: int, now: float) -> memoryview:
        """The next packets, at most `limit`, as sent at `now`. Good until the next call."""
        place, number = self._place, self.stamped
        count = min(limit, self._together, self._packets - place, 256 - (number & 255))
        if len(self._lanes) == 1 and count > _FEW:
            self._by_columns(place, count, number, now)
        else:
            self._one_by_one(place, count, number, now)
        self.stamped = number + count
        self._place = (place + count) % self._packets
        return self._view[place * self.size : (place + count) * self.size]

    def _one_by_one(self, place: int, count: int, number: int, now: float) -> None:
        buffer, size, lanes = self._buffer, self.size, self._lanes
        for each in range(number, number + count):
            place += 1
            at = place * size - self._payload
            round_, turn = divmod(each, len(lanes))
            STAMP.pack_into(buffer, at, now, lanes[turn], round_)
            if self._has_identifier:
                buffer[at - 2] = _identifier(each)
                buffer[at - 1] = each & 255

    def _by_columns(self, place: int, count: int, number: int, now: float) -> None:
        """One byte of all the packets in a step. The numbers differ in their last byte alone: see `stamp`."""
        buffer, size = self._buffer, self.size
        at = (place + 1) * size - self._payload
        end = (place + count) * size
        stamp = STAMP.pack(now, self._lanes[0], number)
        for offset in (*range(8), 10, 11, 12):
            buffer[at + offset : end : size] = stamp[offset : offset + 1] * count
        last = COUNTING[number & 255 :][:count]
        buffer[at + 13 : end : size] = last
        if self._has_identifier:
            buffer[at - 2 : end : size] = bytes((_identifier(number),)) * count
            buffer[at - 1 : end : size] = last


def _identifier(number: int) -> int:
    """The first byte of the packet identifier; the second is the number's last. 64,000 follow before one returns, and
    none is zero, which no identifier may be."""
    return 1 + (number >> 8) % 250
