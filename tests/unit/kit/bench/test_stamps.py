"""Prepared packets: whatever is written into them by columns, they are the packets that a writer would write."""

from __future__ import annotations

import pytest

from sealmq.kit.bench.stamps import LEVEL, SMALLEST_PAYLOAD, STAMP, TOGETHER, Ring
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.writer import write_packet


def payload(size: int, now: float, lane: int, number: int) -> bytes:
    return STAMP.pack(now, lane, number).ljust(size, b"\0")


@pytest.mark.parametrize("size", [SMALLEST_PAYLOAD, 64, 1_024])
def test_a_lane_counts_its_messages_by_columns(size: int) -> None:
    ring = Ring(["bench/00300"], [300], payload=size, qos=0)
    number = 0
    for turn in range(40):  # past the 256 where the second byte changes
        now = 1_000.0 + turn
        data = bytes(ring.stamp(1_000, now))
        count = len(data) // ring.size
        assert 0 < count <= TOGETHER
        expected = [
            write_packet(Publish("bench/00300", payload(size, now, 300, each)), LEVEL)
            for each in range(number, number + count)
        ]
        assert data == b"".join(expected)
        number += count
    assert ring.stamped == number > 300


@pytest.mark.parametrize("limit", [1, 7, 20])
def test_packet_identifiers_are_never_zero_and_come_back_late(limit: int) -> None:
    ring = Ring(["bench/1"], [1], payload=32, qos=1, window=20)
    seen: list[int] = []
    while len(seen) < 66_000:
        data = bytes(ring.stamp(limit, 5.0))
        at = ring.size - 32 - 2
        seen += [int.from_bytes(data[place + at : place + at + 2], "big") for place in range(0, len(data), ring.size)]
    assert 0 not in seen
    assert len(set(seen[:64_000])) == 64_000


def test_several_topics_take_turns_and_each_counts_for_itself() -> None:
    ring = Ring(["a/0", "a/1", "a/2"], [0, 1, 2], payload=20, qos=2, window=4)
    packets: list[tuple[int, int]] = []
    while len(packets) < 12:
        data = bytes(ring.stamp(4, 9.0))
        for place in range(0, len(data), ring.size):
            now, lane, number = STAMP.unpack_from(data, place + ring.size - 20)
            assert now == 9.0
            assert data[place : place + ring.size].count(b"a/%d" % lane) == 1
            packets.append((lane, number))
    assert packets[:9] == [(lane, number) for number in range(3) for lane in range(3)]


def test_one_lane_may_have_many_topics_and_counts_through() -> None:
    names = [f"a/00001/{name:05}" for name in range(300)]
    ring = Ring(names, [1], payload=64, qos=0)
    seen: list[tuple[str, int]] = []
    while len(seen) < 700:
        data = bytes(ring.stamp(1_000, 9.0))
        assert len(data) <= TOGETHER * ring.size
        for place in range(0, len(data), ring.size):
            packet = data[place : place + ring.size]
            seen.append((packet[4 : 4 + len(names[0])].decode(), STAMP.unpack_from(packet, ring.size - 64)[2]))
    assert seen == [(names[number % 300], number) for number in range(len(seen))]
