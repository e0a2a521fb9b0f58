"""Flights are runs of records of one end; each message has the one in which it ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshakes import seen
from sealmq.kit.dissect.conversation import ContentType, Conversation, Message, Record, Sender
from sealmq.kit.handshake.flights import flight_of_each, flights_of, segments

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


def records(*rows: tuple[Sender, int, float]) -> list[Record]:
    return [Record(who, number, 22, 0x0303, 0, length, at) for number, (who, length, at) in enumerate(rows)]


def test_nothing_has_no_flights() -> None:
    assert flights_of(Conversation()) == ()
    assert flight_of_each(Conversation()) == ()


def test_a_flight_ends_where_the_other_begins() -> None:
    conversation = Conversation(
        records=records((CLIENT, 512, 1.0), (SERVER, 1455, 1.5), (SERVER, 1, 1.75), (CLIENT, 10, 2.0))
    )
    first, second, third = flights_of(conversation)
    assert (first.number, first.sender, first.bytes, first.records, first.thought) == (1, CLIENT, 517, 1, 0.0)
    assert (second.number, second.sender, second.bytes, second.records) == (2, SERVER, 1466, 2)
    assert (second.at, second.until, second.thought) == (1.5, 1.75, 0.5)
    assert (second.segments_1460, second.segments_536) == (2, 3)
    assert (third.number, third.thought) == (3, 0.25)


@pytest.mark.parametrize(("size", "most", "count"), [(0, 536, 0), (1, 536, 1), (536, 536, 1), (537, 536, 2)])
def test_segments_are_counted(size: int, most: int, count: int) -> None:
    assert segments(size, most) == count


@pytest.mark.parametrize(("version", "senders"), [(0x0303, "cscs"), (0x0304, "cscs")])
def test_a_real_handshake_has_its_flights(version: int, senders: str) -> None:
    conversation = seen(version, client_kind="P-256", suites="ECDHE+AESGCM" if version == 0x0303 else "")
    flights = flights_of(conversation)
    assert "".join(one.sender[0] for one in flights) == senders
    assert sum(one.bytes for one in flights) == sum(conversation.sent.values())
    numbers = flight_of_each(conversation)
    assert list(numbers) == sorted(numbers)
    assert all(
        flights[number - 1].sender is one.sender for number, one in zip(numbers, conversation.messages, strict=True)
    )


def test_a_message_without_records_has_no_flight() -> None:
    hello = Message(CLIENT, 0, ContentType.HANDSHAKE, 1, b"\x01\0\0\0", (), 0.0, False)
    lost = Message(CLIENT, 1, ContentType.HANDSHAKE, 1, b"\x01\0\0\0", (7,), 0.0, False)
    assert flight_of_each(Conversation(messages=[hello, lost])) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from(list(Sender)), st.integers(0, 16384), st.floats(0, 100))))
def test_no_byte_is_lost(rows: list[tuple[Sender, int, float]]) -> None:
    flights = flights_of(Conversation(records=records(*rows)))
    assert sum(one.bytes for one in flights) == sum(5 + length for _, length, _ in rows)
    assert sum(one.records for one in flights) == len(rows)
    assert all(one.sender is not other.sender for one, other in pairwise(flights))
    assert all(one.thought >= 0 for one in flights)
