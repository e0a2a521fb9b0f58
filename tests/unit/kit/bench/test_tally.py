"""Counting by slices: what is missing, and what came twice, is found whatever the order."""

from __future__ import annotations

import random

import pytest

from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import STAMP, Ring
from sealmq.kit.bench.tally import Tally

SIZE, PAYLOAD = 40, 30


def packet(lane: int, number: int, sent: float = 1.0) -> bytes:
    return bytes(SIZE - PAYLOAD) + STAMP.pack(sent, lane, number).ljust(PAYLOAD, b"\0")


def count(*numbers: tuple[int, int]) -> tuple[Tally, Latencies]:
    tally, latencies = Tally(SIZE, PAYLOAD), Latencies()
    tally.take(b"".join(packet(*each) for each in numbers), 1.5, latencies)
    return tally, latencies


def test_what_comes_in_order_is_counted() -> None:
    tally, latencies = count(*((7, number) for number in range(1_000)))
    assert (tally.unique, tally.duplicated) == (1_000, 0)
    assert latencies.count == 1_000
    assert latencies.worst == 0.5


def test_nothing_is_nothing() -> None:
    tally, latencies = count()
    assert (tally.unique, tally.duplicated, latencies.count) == (0, 0, 0)


def test_a_message_that_came_twice_is_counted_as_such() -> None:
    tally, _ = count((1, 0), (1, 1), (1, 1), (1, 2), (1, 0))
    assert (tally.unique, tally.duplicated) == (3, 2)


def test_a_gap_of_256_is_no_run() -> None:
    tally, _ = count((1, 0), (1, 1), (1, 258), (1, 259))
    assert (tally.unique, tally.duplicated) == (4, 0)
    tally.take(packet(1, 2) + packet(1, 2), 2.0, Latencies())  # late, and then again
    assert (tally.unique, tally.duplicated) == (5, 1)


def test_lanes_whose_last_byte_is_the_same_are_two() -> None:
    tally, _ = count((1, 0), (257, 0), (1, 1), (257, 1))
    assert (tally.unique, tally.duplicated) == (4, 0)


@pytest.mark.parametrize("seed", range(20))
def test_it_says_what_a_set_would_say(seed: int) -> None:
    dice = random.Random(seed)
    sent = [(lane, number) for number in range(600) for lane in range(3)]
    sent.sort(key=lambda each: (each[1] // (1, 5, 60)[seed % 3], each[0]))
    came = [each for each in sent for _ in range(dice.choice((1, 1, 1, 1, 1, 1, 0, 2)))]
    for _ in range(5):  # some are late
        came.append(came.pop(dice.randrange(len(came))))
    tally, latencies = Tally(SIZE, PAYLOAD), Latencies()
    left = list(came)
    while left:
        part = dice.randrange(1, 200)
        tally.take(b"".join(packet(*each) for each in left[:part]), 2.0, latencies)
        del left[:part]
    assert tally.unique == len(set(came))
    assert tally.duplicated == len(came) - len(set(came))
    assert latencies.count == len(came)


def test_what_a_ring_sends_a_tally_counts() -> None:
    ring = Ring(["b/1"], [4], payload=64, qos=0)
    tally, latencies = Tally(ring.size, 64), Latencies()
    for _ in range(30):
        tally.take(bytes(ring.stamp(64, 3.0)), 3.25, latencies)
    assert (tally.unique, tally.duplicated) == (ring.stamped, 0)
    assert latencies.worst == 0.25


def test_messages_that_were_sent_at_different_times_and_come_together_have_waited_differently() -> None:
    """As when a broker was busy for a while: only the first of them has waited all that time."""
    tally, latencies = Tally(SIZE, PAYLOAD), Latencies()
    times = [1.0 + number / 1_000 for number in range(100)]
    tally.take(b"".join(packet(1, number, sent) for number, sent in enumerate(times)), 1.1, latencies)
    assert (tally.unique, tally.duplicated) == (100, 0)
    assert latencies.worst == pytest.approx(0.1)
    assert latencies.percentile(50) == pytest.approx(0.05, rel=0.05)


def test_times_whose_last_byte_is_the_same_are_two() -> None:
    tally, latencies = Tally(SIZE, PAYLOAD), Latencies()
    tally.take(packet(1, 0, 1.0) + packet(1, 1, 1.5), 2.0, latencies)
    assert (tally.unique, tally.duplicated, latencies.count) == (2, 0, 2)
    assert latencies.percentile(50) == pytest.approx(0.5, rel=0.05)
