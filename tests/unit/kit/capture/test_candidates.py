"""Which connection is the best to explain, and what is kept of the others: little."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import CONNECT, HELLO, SERVER_HELLO, Talk
from sealmq.kit.capture import candidates as module
from sealmq.kit.capture.candidates import KEPT, KEPT_PIECES, UNDECIDED_IN_ALL, Candidates
from sealmq.kit.capture.first_look import Protocol
from sealmq.kit.capture.frames import Frames
from sealmq.kit.capture.pcap_files import Packet

TLS = [HELLO, SERVER_HELLO]
MQTT = [CONNECT, b"\x20\x02\0\0"]
SSH = [b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-dropbear\r\n"]
MIDDLE = [b"\x17\x03\x03\x00\x20" + bytes(32), b"\x17\x03\x03\x00\x10" + bytes(16)]


def talk(number: int, said: list[bytes], server_port: int = 8883) -> Talk:
    """A connection that begins at second `number`."""
    one = Talk(("192.0.2.1", 30_000 + number), ("192.0.2.2", server_port), at=1_000.0 + number).begin()
    for place, data in enumerate(said):
        one.send(place % 2, data)
    return one.end()


def feed(packets: list[Packet], *, number: int | None = None, port: int | None = None) -> Candidates:
    candidates = Candidates(number=number, port=port)
    frames = Frames()
    for packet in packets:
        segment = frames.segment(packet)
        assert segment is not None
        candidates.streams.receive(segment)
    candidates.streams.finish()
    assert candidates._held == 0
    assert candidates._all == {}
    return candidates


def mixed(*talks: Talk) -> list[Packet]:
    return [packet for one in talks for packet in one.packets]


def chosen(candidates: Candidates) -> int | None:
    return None if candidates.best is None else candidates.best.connection.number


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([SSH, MQTT, MIDDLE, TLS, TLS], 3),
        ([SSH, MIDDLE, MQTT, MQTT], 2),
        ([SSH, MIDDLE, MIDDLE], 1),
        ([SSH, [], SSH], None),
        ([], None),
    ],
)
def test_without_a_wish_it_is_the_first_of_the_best_kind(kinds: list[list[bytes]], expected: int | None) -> None:
    candidates = feed(mixed(*[talk(number, said) for number, said in enumerate(kinds)]))
    assert chosen(candidates) == expected
    if candidates.best is not None:
        said = kinds[expected or 0]
        assert [(side, data) for side, data, _ in candidates.best.pieces or ()] == list(zip((0, 1), said, strict=True))
        assert candidates.best.row in candidates.rows()


def test_the_first_is_the_one_whose_hello_came_first_though_another_began_before() -> None:
    slow = Talk(("192.0.2.1", 1_000)).begin()
    quick = talk(1, TLS)
    packets = slow.packets[:] + quick.packets
    slow.send(0, HELLO)
    assert chosen(feed(packets + slow.packets[3:])) == 1


def test_a_port_is_asked_for() -> None:
    packets = mixed(talk(0, TLS, 443), talk(1, SSH, 8883), talk(2, MQTT, 8883), talk(3, TLS, 8883))
    assert chosen(feed(packets, port=8883)) == 3
    assert chosen(feed(packets[:-7], port=8883)) == 2
    assert chosen(feed(packets[:14], port=8883)) == 1
    assert chosen(feed(packets, port=443)) == 0
    assert chosen(feed(packets, port=30_002)) == 2
    assert chosen(feed(packets, port=1)) is None


def test_a_number_is_asked_for_whatever_it_is() -> None:
    packets = mixed(talk(0, TLS), talk(1, SSH), talk(2, []), talk(3, TLS))
    for number, said in enumerate([TLS, SSH, [], TLS]):
        best = feed(packets, number=number).best
        assert best is not None
        assert best.connection.number == number
        assert [data for _, data, _ in best.pieces or ()] == said
        assert [(side, reset) for side, _, reset in best.ends] == [(0, False), (1, False)]
    assert feed(packets, number=4).best is None


def test_the_list_says_what_each_is() -> None:
    rows = feed(mixed(talk(0, SSH), talk(1, MQTT), talk(2, MIDDLE), talk(3, TLS), talk(4, []))).rows()
    assert [(row.number, row.protocol, row.whole) for row in rows] == [
        (0, Protocol.OTHER, False),
        (1, Protocol.MQTT, True),
        (2, Protocol.TLS, False),
        (3, Protocol.TLS, True),
        (4, Protocol.OTHER, False),
    ]
    assert rows[3].client == ("192.0.2.1", 30_003)
    assert rows[3].server == ("192.0.2.2", 8883)
    assert rows[3].began == 1_003.0
    assert (rows[3].from_client, rows[3].from_server) == (len(HELLO), len(SERVER_HELLO))


def test_the_list_has_the_first_of_each_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 2)
    monkeypatch.setattr("sealmq.kit.capture.tcp_streams.FOLLOWED", 4)
    long = talk(0, TLS)
    packets = long.packets[:-2]
    for number in range(1, 20):
        packets += talk(number, SSH if number % 2 else TLS).packets
    rows = feed(packets + long.packets[-2:]).rows()
    assert [(row.number, row.protocol) for row in rows] == [
        (0, Protocol.TLS),
        (1, Protocol.OTHER),
        (2, Protocol.TLS),
        (3, Protocol.OTHER),
    ]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 49])
def test_a_hello_in_small_segments_is_a_hello(size: int) -> None:
    said = Talk().begin()
    for at in range(0, len(HELLO), size):
        said.send(0, HELLO[at : at + size])
    best = feed(said.packets).best
    assert best is not None
    assert best.rank == 0
    assert b"".join(data for _, data, _ in best.pieces or ()) == HELLO


def test_without_a_syn_who_says_hello_is_the_client() -> None:
    client, server = ("192.0.2.1", 100), ("192.0.2.2", 40_000)
    for said, rank in ((TLS, 0), (MQTT, 1)):
        one = Talk(client, server).send(0, said[0]).send(1, said[1])
        for packets in (one.packets, one.packets[::-1]):
            candidates = feed(packets)
            assert candidates.best is not None
            assert candidates.best.rank == rank
            assert candidates.rows()[0].client == client


def test_a_server_that_says_hello_is_no_client() -> None:
    one = Talk().begin().send(1, HELLO).send(0, SERVER_HELLO)
    best = feed(one.packets).best
    assert best is not None
    assert (best.rank, best.connection.client) == (2, 0)


def test_behind_a_gap_nothing_of_that_end_is_kept() -> None:
    one = Talk().begin().send(0, HELLO).send(1, SERVER_HELLO).send(1, b"lost").send(1, b"behind").send(0, b"there")
    del one.packets[5]
    best = feed(one.packets).best
    assert best is not None
    assert best.missing == [0, 4]
    assert [data for _, data, _ in best.pieces or ()] == [HELLO, SERVER_HELLO, b"there"]


def test_of_a_long_connection_the_beginning_is_kept() -> None:
    one = Talk().begin().send(0, HELLO)
    for _ in range(KEPT // 50_000 + 5):
        one.send(1, bytes(50_000))
    best = feed(one.packets).best
    assert best is not None
    assert best.full
    assert KEPT - 50_000 < sum(len(data) for _, data, _ in best.pieces or ()) <= KEPT
    assert best.row is not None
    assert best.row.from_server == 50_000 * (KEPT // 50_000 + 5)


def test_of_a_connection_in_tiny_pieces_so_many_are_kept() -> None:
    candidates = Candidates()
    one = Talk().begin().send(0, HELLO)
    frames = Frames()
    for packet in one.packets:
        candidates.streams.receive(frames.segment(packet) or pytest.fail("no TCP"))
    connection = candidates.streams._live[0]
    for _ in range(KEPT_PIECES + 10):
        candidates.data(connection.directions[1], b"x", 1_000.0)
    assert candidates.best is not None
    assert candidates.best.full
    assert len(candidates.best.pieces or ()) == KEPT_PIECES
    assert not connection.directions[1].followed


def test_what_is_held_of_connections_that_nobody_can_tell_is_bounded() -> None:
    """Only the server's records were captured: a ClientHello may still come, for any of them."""
    candidates = Candidates()
    frames = Frames()
    record = b"\x16\x03\x03\x3a\x98" + bytes(15_000)
    most = 0
    for port in range(20_000, 22_500):
        packet = Talk(("192.0.2.1", port)).send(1, flags=0x12).send(1, record).packets
        for one in packet:
            candidates.streams.receive(frames.segment(one) or pytest.fail("no TCP"))
            most = max(most, candidates._held)
    assert UNDECIDED_IN_ALL // 2 < most < UNDECIDED_IN_ALL + 20_000
    held = sum(len(data) for one in candidates._all.values() for _, data, _ in one.pieces or ())
    assert held <= most + 20_000
    candidates.streams.finish()
    assert candidates._held == 0
    assert {row.protocol for row in candidates.rows()} == {Protocol.TLS}


@given(st.integers(0, 1 << 32))
def test_any_mixture_gives_an_answer(seed: int) -> None:
    dice = random.Random(seed)
    packets: list[Packet] = []
    for number in range(dice.randrange(6)):
        said = [dice.choice([*TLS, *MQTT, *MIDDLE, *SSH, b"", dice.randbytes(9)]) for _ in range(dice.randrange(6))]
        packets += [one for one in talk(number, said).packets if dice.random() < 0.9]
    dice.shuffle(packets)
    candidates = feed(packets, number=dice.choice([None, None, 0, 1]), port=dice.choice([None, None, 8883]))
    rows = candidates.rows()
    assert [row.number for row in rows] == list(range(candidates.streams.connections))
    if candidates.best is not None:
        assert candidates.best.row == rows[candidates.best.connection.number]
        assert candidates.best.pieces is not None
