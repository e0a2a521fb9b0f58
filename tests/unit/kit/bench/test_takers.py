"""A subscriber and the broker's end of its connection: what it counts and what it answers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from socket import socket
from types import SimpleNamespace

import pytest

from sealmq.errors import HomeError
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import Ring
from sealmq.kit.bench.takers import Counting, Taker, filter_of
from sealmq.kit.bench.wire import Wire
from sealmq.kit.bench.workloads import Flow
from wires import heard, wire

FLOW = Flow("test", "", 1, 1, 1, qos=0)


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket]]:
    ours, broker = wire()
    yield ours, broker
    ours.close()
    broker.close()


def ring(qos: int) -> Ring:
    return Ring(["a/00000"], [0], payload=64, qos=qos, window=20)


def test_qos_0_packets_may_come_in_any_pieces(pair: tuple[Wire, socket]) -> None:
    ours, broker = pair
    source, latencies = ring(0), Latencies()
    taker = Taker(FLOW, ours, source.size)
    data = b"".join(bytes(source.stamp(20, 0.0)) for _ in range(10))
    new = 0
    for at in range(0, len(data), 333):
        broker.send(data[at : at + 333])
        new += taker.take(latencies)
    assert (new, taker.tally.unique, latencies.count) == (200, 200, 200)
    assert heard(broker) == b""


def test_qos_1_each_is_acknowledged(pair: tuple[Wire, socket]) -> None:
    ours, broker = pair
    source = ring(1)
    taker = Taker(replace(FLOW, qos=1), ours, source.size)
    data = bytes(source.stamp(3, 0.0))
    identifiers = [data[place * source.size :][source.size - 66 :][:2] for place in range(3)]
    broker.send(data)
    assert taker.take(Latencies()) == 3
    assert heard(broker) == b"".join(b"\x40\x02" + each for each in identifiers)


def test_qos_2_pubrec_and_pubcomp_in_the_order_in_which_it_was_asked(pair: tuple[Wire, socket]) -> None:
    ours, broker = pair
    source = ring(2)
    taker = Taker(replace(FLOW, qos=2), ours, source.size)
    data = bytes(source.stamp(2, 0.0))
    first, second = data[: source.size], data[source.size :]
    broker.send(first + b"\x62\x02\x01\x00" + second[:30])
    assert taker.take(Latencies()) == 1
    assert heard(broker) == b"\x50\x02" + first[-66:-64] + b"\x70\x02\x01\x00"
    broker.send(second[30:] + b"\x62\x02")
    assert taker.take(Latencies()) == 1
    assert heard(broker) == b"\x50\x02" + second[-66:-64]
    broker.send(b"\x01\x01")
    assert taker.take(Latencies()) == 0
    assert heard(broker) == b"\x70\x02\x01\x01"


@pytest.mark.parametrize("qos", [0, 2])
def test_something_else_than_messages_is_said(pair: tuple[Wire, socket], qos: int) -> None:
    ours, broker = pair
    source = ring(qos)
    taker = Taker(replace(FLOW, qos=qos), ours, source.size)
    broker.send(b"\xd0\x00" * source.size)
    with pytest.raises(HomeError, match="a packet of type 13"):
        taker.take(Latencies())


def test_what_came_behind_the_connack_is_taken_though_nothing_follows(pair: tuple[Wire, socket]) -> None:
    """A broker whose window that fills says no more until it is acknowledged."""
    ours, broker = pair
    source = ring(1)
    taker = Taker(replace(FLOW, qos=1), ours, source.size, bytes(source.stamp(5, 0.0)))
    pipe, theirs = multiprocessing.Pipe()
    taken = Counting([taker], pipe, SimpleNamespace(value=0), expected=5).run()
    assert (taken.unique, taken.duplicated) == (5, 0)
    assert len(heard(broker)) == 5 * 4
    pipe.close()
    theirs.close()


def test_whose_topics_a_subscriber_wants() -> None:
    assert filter_of(FLOW, "a", 3) == "a/#"
    assert filter_of(replace(FLOW, own=True), "a", 3) == "a/00003"
    assert filter_of(replace(FLOW, own=True, names=9), "a", 3) == "a/00003/#"
