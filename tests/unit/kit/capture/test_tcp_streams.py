"""Streams: whatever way the segments come, each byte comes out once and in order, or it is said that it is missing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import CLIENT, SERVER, Talk, ip, raw
from sealmq.kit.capture import tcp_streams
from sealmq.kit.capture.frames import ACK, FIN, SYN, Frames, Segment
from sealmq.kit.capture.pcap_files import Packet
from sealmq.kit.capture.tcp_streams import (
    FOLLOWED,
    SEGMENTS_BEFORE,
    WAITING,
    WAITING_IN_ALL,
    WINDOW,
    Connection,
    Direction,
    Streams,
)


class Told:
    """Remembers what a listener hears, with numbers for connections and sides."""

    def __init__(self) -> None:
        self.streams = Streams(self)
        self.sent: dict[tuple[int, int], bytes] = {}
        self.times: list[tuple[int, int, float]] = []
        self.gaps: list[tuple[int, int, int]] = []
        self.ends: list[tuple[int, int, bool]] = []
        self.clients: dict[int, tuple[tuple[str, int], int, int]] = {}
        self.leave = False

    def data(self, direction: Direction, data: bytes, at: float) -> None:
        key = direction.connection.number, direction.side
        assert data
        self.sent[key] = self.sent.get(key, b"") + data
        self.times.append((*key, at))
        if self.leave:
            self.streams.leave(direction.connection)

    def gap(self, direction: Direction, missing: int) -> None:
        assert missing > 0
        self.gaps.append((direction.connection.number, direction.side, missing))

    def ended(self, direction: Direction, at: float, *, reset: bool) -> None:
        self.ends.append((direction.connection.number, direction.side, reset))

    def over(self, connection: Connection) -> None:
        sides = [direction.sent for direction in connection.directions]
        self.clients[connection.number] = (connection.ends()[0], sides[0], sides[1])


def feed(packets: list[Packet], told: Told | None = None) -> Told:
    told = told or Told()
    frames = Frames()
    for packet in packets:
        segment = frames.segment(packet)
        assert segment is not None
        told.streams.receive(segment)
    told.streams.finish()
    return told


def test_a_talk_comes_out_as_it_was() -> None:
    talk = Talk().begin().send(0, b"hello").send(1, b"good ").send(1, b"day").send(0, b"!").end()
    told = feed(talk.packets)
    assert told.sent == {(0, 0): b"hello!", (0, 1): b"good day"}
    assert told.ends == [(0, 0, False), (0, 1, False)]
    assert told.gaps == []
    assert told.clients == {0: (CLIENT, 6, 8)}
    assert [round(at - 1_000.0, 2) for _, _, at in told.times] == [0.03, 0.04, 0.05, 0.06]


@given(st.data())
def test_any_cutting_repeating_and_disorder_gives_the_same_bytes(data: st.DataObject) -> None:
    """Overlaps, duplicates, sequence numbers that wrap (RFC 9293 section 3.4), and a SYN that may come last."""
    start = data.draw(st.sampled_from([0, 1_000, (1 << 31) - 20, (1 << 32) - 1, (1 << 32) - 30]))
    whole = bytes(range(200))[: data.draw(st.integers(1, 60))]
    segments = [(at, at + 1 + data.draw(st.integers(0, 12))) for at in range(0, len(whole), 5)]
    segments += [(at, at + 5) for at in range(0, len(whole), 5)]
    packets = [
        raw(ip(CLIENT, SERVER, start + 1 + begin, ACK, whole[begin:end]), 1_000.0 + begin) for begin, end in segments
    ]
    packets.append(raw(ip(CLIENT, SERVER, start + 1 + len(whole), FIN | ACK), 1_100.0))
    shuffled = data.draw(st.permutations(packets))
    syn = raw(ip(CLIENT, SERVER, start, SYN), 999.0)
    place = data.draw(st.integers(0, min(len(shuffled), SEGMENTS_BEFORE)))
    told = feed([*shuffled[:place], syn, *shuffled[place:]])
    assert told.sent == {(0, 0): whole}
    assert told.gaps == []
    assert told.ends == [(0, 0, False)]
    assert told.clients == {0: (CLIENT, len(whole), 0)}


def test_whose_bytes_came_first_is_believed() -> None:
    packets = Talk().send(0, flags=SYN).packets
    for sequence, data in [(1_001, b"abc"), (1_001, b"xyz1"), (1_007, b"3"), (1_006, b"2?"), (1_005, b"#")]:
        packets.append(raw(ip(CLIENT, SERVER, sequence, ACK, data)))
    assert feed(packets).sent == {(0, 0): b"abc1#2?"}


def test_a_segment_that_waited_has_its_own_time_unless_an_earlier_byte_came_later() -> None:
    packets = Talk().send(0, flags=SYN).packets
    packets.append(raw(ip(CLIENT, SERVER, 1_004, ACK, b"def"), 1_005.0))
    packets.append(raw(ip(CLIENT, SERVER, 1_001, ACK, b"abc"), 1_005.5))
    packets.append(raw(ip(CLIENT, SERVER, 1_010, ACK, b"jkl"), 1_006.8))
    packets.append(raw(ip(CLIENT, SERVER, 1_007, ACK, b"ghi"), 1_006.2))  # captured late
    assert [at for _, _, at in feed(packets).times] == [1_005.5, 1_005.5, 1_006.2, 1_006.8]


def test_a_clock_that_was_set_back_goes_on_from_where_it_was() -> None:
    talk = Talk().begin().send(0, b"a")
    talk.at -= 3_600
    talk.send(1, b"b").send(0, b"c")
    times = [at for _, _, at in feed(talk.packets).times]
    assert times == pytest.approx([1_000.03, 1_000.03, 1_000.04])


# --- what is missing


def test_bytes_that_never_come_are_a_gap() -> None:
    talk = Talk().begin().send(0, b"hello").send(0, b"lost!").send(0, b"there").end()
    del talk.packets[4]
    told = feed(talk.packets)
    assert told.sent == {(0, 0): b"hellothere"}
    assert told.gaps == [(0, 0, 5)]
    assert told.ends == [(0, 1, False), (0, 0, False)]
    assert told.clients[0][1] == 15


def test_a_stream_goes_on_behind_a_gap_when_too_much_waits() -> None:
    talk = Talk().begin()
    talk.sequences[0] += 10
    for _ in range(2 * WAITING // 1_000):
        talk.send(0, bytes(1_000))
    told = Told()
    frames = Frames()
    waited = 0
    for packet in talk.packets:
        segment = frames.segment(packet)
        assert segment is not None
        told.streams.receive(segment)
        waited = max(waited, told.streams._waiting)
    assert told.gaps == [(0, 0, 10)]
    assert WAITING // 2 < waited <= WAITING
    assert len(told.sent[0, 0]) == 2 * WAITING // 1_000 * 1_000


def test_what_waits_of_all_connections_is_bounded() -> None:
    told = Told()
    frames = Frames()
    most = 0
    for port in range(20_000, 20_040):
        talk = Talk(client=("192.0.2.9", port)).send(0, flags=SYN)
        talk.sequences[0] += 1
        for _ in range(20):
            talk.send(0, bytes(50_000))
        for packet in talk.packets:
            segment = frames.segment(packet)
            assert segment is not None
            told.streams.receive(segment)
            most = max(most, told.streams._waiting)
    assert WAITING_IN_ALL // 2 < most <= WAITING_IN_ALL
    told.streams.finish()
    assert told.streams._waiting == 0
    assert {len(data) for data in told.sent.values()} == {1_000_000}
    assert len(told.gaps) == 40


def test_a_segment_from_far_away_is_of_something_else() -> None:
    packets = Talk().begin().packets
    packets.append(raw(ip(CLIENT, SERVER, 1_001 + WINDOW + 1, ACK, b"far")))
    packets.append(raw(ip(CLIENT, SERVER, 1_001, ACK, b"near")))
    assert feed(packets).sent == {(0, 0): b"near"}


# --- where connections begin and end


def test_a_connection_from_its_middle_begins_with_what_is_there() -> None:
    talk = Talk().begin().send(0, b"not ").send(0, b"seen").send(1, b"yes").send(0, b"ok").end()
    told = feed(talk.packets[5:])
    assert told.sent == {(0, 0): b"yes", (0, 1): b"ok"}
    assert told.gaps == []
    assert told.clients[0][0] == CLIENT  # it has the higher port


def test_only_some_segments_wait_for_a_beginning() -> None:
    talk = Talk().begin()
    for place in range(SEGMENTS_BEFORE + 1):
        talk.send(0, bytes([place]))
    told = Told()
    frames = Frames()
    for packet in talk.packets[3:]:
        assert told.sent == {}
        segment = frames.segment(packet)
        assert segment is not None
        told.streams.receive(segment)
    assert told.sent == {(0, 0): bytes(range(SEGMENTS_BEFORE + 1))}


@pytest.mark.parametrize("first", [0, 1])
def test_who_sent_the_syn_is_the_client_whatever_the_ports(first: int) -> None:
    client, server = ("192.0.2.1", 100), ("192.0.2.2", 40_000)
    talk = Talk(client, server).begin().send(0, b"x")
    told = feed(talk.packets[first:])
    assert told.clients[0][0] == client


def test_ports_that_are_used_again_are_another_connection() -> None:
    first = Talk().begin().send(0, b"one").end()
    second = Talk(start=99_000).begin().send(0, b"two").reset(1)
    again = [second.packets[0], *second.packets]  # a SYN that is sent again is not
    told = feed(first.packets + again)
    assert told.sent == {(0, 0): b"one", (1, 0): b"two"}
    assert told.streams.connections == 2
    assert told.ends == [(0, 0, False), (0, 1, False), (1, 1, True)]


def test_a_syn_behind_bytes_of_another_connection_begins_anew() -> None:
    old = Talk(start=5_000).send(0, b"old").packets
    told = feed(old + Talk(start=9_000).begin().send(0, b"new").packets)
    assert told.sent == {(0, 0): b"old", (1, 0): b"new"}


def test_a_reset_has_no_data_of_the_stream() -> None:
    """What stands in it is a reason, if anything (RFC 9293 section 3.5.3)."""
    talk = Talk().begin().send(0, b"x").send(1, b"go away", flags=4)
    assert feed(talk.packets).sent == {(0, 0): b"x"}


def test_a_reset_behind_a_close_is_told_once_and_not_when_all_is_over() -> None:
    talk = Talk().begin().send(0, flags=FIN | ACK).reset(0).reset(0)
    assert feed(talk.packets).ends == [(0, 0, False), (0, 0, True)]
    assert feed(Talk().begin().end().reset(0).packets).ends == [(0, 0, False), (0, 1, False)]


def test_data_in_a_syn_comes_first() -> None:
    """RFC 7413."""
    talk = Talk().send(0, b"early ", flags=SYN).send(1, flags=SYN | ACK).send(0, b"late")
    assert feed(talk.packets).sent == {(0, 0): b"early late"}


def test_both_ends_may_have_one_address() -> None:
    packets = [
        raw(ip(SERVER, SERVER, 5, SYN)),
        raw(ip(SERVER, SERVER, 6, ACK, b"self")),
        raw(ip(SERVER, SERVER, 10, FIN)),
    ]
    assert feed(packets).sent == {(0, 0): b"self"}


def test_connections_are_followed_up_to_a_bound() -> None:
    told = Told()
    port = 8883
    kept = Talk().begin().packets
    for packet in kept:
        told.streams.receive(Frames().segment(packet) or pytest.fail("no TCP"))
    connection = next(iter(told.streams._live.values()))
    connection.wanted = True
    for number in range(3 * FOLLOWED):
        flow = (0x0A000000 + number).to_bytes(4, "big") + bytes([192, 0, 2, 2, 0x9C, 0x40]) + port.to_bytes(2, "big")
        told.streams.receive(Segment(flow, 1, SYN, b"", 1_001.0))
        assert len(told.streams._live) <= FOLLOWED
        assert len(told.streams._table) == 2 * len(told.streams._live)
    assert told.streams.connections == 3 * FOLLOWED + 1
    assert 0 not in told.clients  # it is wanted
    assert told.streams.forgotten == len(told.clients) > FOLLOWED
    assert connection.number in told.streams._live


def test_those_that_are_over_are_given_up_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_streams, "FOLLOWED", 8)
    told = Told()
    frames = Frames()
    talks = [Talk(client=("192.0.2.9", 20_000 + one)).begin() for one in range(9)]
    for talk in talks[1:4]:
        talk.end()
    for talk in talks:
        for packet in talk.packets:
            told.streams.receive(frames.segment(packet) or pytest.fail("no TCP"))
    assert set(told.clients) == {1, 2, 3}
    assert told.streams.forgotten == 0


# --- bytes that are only counted


def test_a_connection_that_is_left_is_counted_on() -> None:
    talk = Talk().begin().send(0, b"one").send(0, b"two").send(1, b"three").send(0, b"four").end()
    shuffled = talk.packets[:3] + [talk.packets[place] for place in (3, 5, 4, 6, 7, 8)]
    told = Told()
    told.leave = True
    feed(shuffled, told)
    assert told.sent == {(0, 0): b"one"}
    assert told.clients[0][1:] == (10, 5)
    assert told.ends == [(0, 0, False), (0, 1, False)]


def test_leaving_while_segments_wait_keeps_the_count() -> None:
    talk = Talk().begin().send(0, b"one").send(0, b"two").send(0, b"three").send(0, b"four")
    told = Told()
    told.leave = True
    feed(talk.packets[:3] + talk.packets[4:] + talk.packets[3:4], told)
    assert told.sent == {(0, 0): b"one"}
    assert told.clients[0][1:] == (15, 0)
    assert told.streams._waiting == 0


@given(st.integers(0, 1 << 32), st.integers(1, 400))
def test_any_segments_are_borne(seed: int, count: int) -> None:
    """The bytes of one flow never come out twice, and the store of what waits is empty in the end."""
    dice = random.Random(seed)
    told = Told()
    told.leave = dice.random() < 0.2
    flows = [bytes(8) + bytes([0, port, 0, 99]) for port in (1, 2)] + [bytes(8) + bytes([0, 99, 0, 1]), bytes(36)]
    near = dice.choice([0, 1 << 31, (1 << 32) - 40])
    for _ in range(count):
        sequence = (near + dice.randrange(80)) & 0xFFFF_FFFF if dice.random() < 0.9 else dice.randrange(1 << 32)
        flags = dice.choice([0, ACK, ACK, ACK, ACK, SYN, SYN | ACK, FIN | ACK, 4, 0xFF])
        payload = dice.randbytes(dice.randrange(12))
        told.streams.receive(
            Segment(dice.choice(flows), sequence, flags, payload, dice.choice([0.0, 5.0, dice.random()]))
        )
    told.streams.finish()
    assert told.streams._waiting == 0
    assert told.streams._table == told.streams._live == {}
    assert len(told.clients) == told.streams.connections
    for number, (_, *sent) in told.clients.items():
        for side, count_of_side in enumerate(sent):
            assert len(told.sent.get((number, side), b"")) <= count_of_side
    for key in {one[:2] for one in told.times}:
        times = [at for *one, at in told.times if tuple(one) == key]
        assert times == sorted(times)
