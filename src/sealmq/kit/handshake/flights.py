"""The flights of a connection: what one end sends without waiting for the other.

Rule 1: a flight is a run of records of one end, in the order in which they were seen. Two that speak at the same time
        make many short ones, as on the wire.
Rule 2: numbers begin with 1; 0 is the flight of a message whose records nobody saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sealmq.kit.dissect.conversation import Conversation, Record
from sealmq.kit.handshake.report import Flight

HEADER = 5  # bytes of a record's header, RFC 8446 section 5.1
SEGMENTS = (1460, 536)
"""Bytes of payload in a TCP segment: of Ethernet, and the least that everybody takes (RFC 9293 section 3.7.1)."""


def flights_of(conversation: Conversation) -> tuple[Flight, ...]:
    """The flights, in order. Segments are counted as if each flight were given to TCP at once."""
    found: list[Flight] = []
    for sender, run in groupby(conversation.records, key=lambda record: record.sender):
        records = list(run)
        size = sum(on_wire(record) for record in records)
        begun = records[0].at
        found.append(
            Flight(
                number=len(found) + 1,
                sender=sender,
                bytes=size,
                records=len(records),
                at=begun,
                until=records[-1].at,
                thought=max(0.0, begun - found[-1].until) if found else 0.0,
                segments_1460=segments(size, SEGMENTS[0]),
                segments_536=segments(size, SEGMENTS[1]),
            )
        )
    return tuple(found)


def flight_of_each(conversation: Conversation) -> tuple[int, ...]:
    """For each message, in order, the number of the flight in which it ends; 0 where its records were not seen."""
    number_of = {}
    runs = groupby(conversation.records, key=lambda record: record.sender)
    for number, (_, run) in enumerate(runs, 1):
        number_of.update({record.number: number for record in run})
    return tuple(number_of.get(message.records[-1], 0) if message.records else 0 for message in conversation.messages)


def on_wire(record: Record) -> int:
    """Bytes of a record, header included."""
    return HEADER + record.length


def segments(size: int, most: int) -> int:
    """TCP segments that `size` bytes take, `most` in each."""
    return -(-size // most)


def sum_on_wire(records: Sequence[Record]) -> int:
    """Bytes of many records, headers included."""
    return sum(map(on_wire, records))
