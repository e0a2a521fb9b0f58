"""Packets of every kind of network, and the TCP segment in them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import CLIENT, CLIENT_6, SERVER, SERVER_6, ethernet, ip, ipv4, ipv6, raw, tcp
from sealmq.kit.capture.frames import ACK, SYN, Frames, Segment, endpoints, reverse
from sealmq.kit.capture.pcap_files import Packet

FOUR = ip(CLIENT, SERVER, 7, ACK, b"hello")
SIX = ip(CLIENT_6, SERVER_6, 7, ACK, b"hello")


def segment(data: bytes, link_type: int = 101) -> Segment | None:
    return Frames().segment(Packet(3.0, link_type, data, len(data)))


@pytest.mark.parametrize(
    ("link_type", "data"),
    [
        (1, ethernet(FOUR)),
        (1, ethernet(FOUR) + bytes(30)),  # short frames are padded
        (1, ethernet(FOUR, 0x8100)),
        (1, ethernet(FOUR, 0x88A8, 0x8100)),
        (1, ethernet(SIX, 0x9100, 0x8100)),
        (1, ethernet(SIX)),
        (0, b"\2\0\0\0" + FOUR),
        (0, b"\0\0\0\2" + FOUR),
        (108, b"\0\0\0\x1e" + SIX),
        (12, FOUR),
        (14, FOUR),
        (101, FOUR),
        (101, SIX),
        (228, FOUR),
        (229, SIX),
        (113, b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" + FOUR),
        (113, b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\7\x86\xdd" + SIX),
        (276, b"\x08\0" + bytes(18) + FOUR),
        (276, b"\x86\xdd" + bytes(18) + SIX),
    ],
)
def test_the_segment_is_found_in_every_kind_of_frame(link_type: int, data: bytes) -> None:
    found = segment(data, link_type)
    assert found is not None
    assert (found.sequence, found.flags, found.payload, found.at) == (7, ACK, b"hello", 3.0)
    six = SIX in data
    assert found.source == (CLIENT_6 if six else CLIENT)
    assert found.destination == (SERVER_6 if six else SERVER)
    assert endpoints(reverse(found.flow)) == (found.destination, found.source)


def test_options_of_ipv4_and_of_tcp_are_passed_over() -> None:
    inner = tcp(CLIENT, SERVER, 9, SYN)
    inner = inner[:12] + b"\x70" + inner[13:] + b"\2\4\5\xb4\1\1\1\0" + b"data"
    for options in (b"", b"\x94\4\0\0", bytes(40)):
        found = segment(ipv4(CLIENT[0], SERVER[0], inner, options=options))
        assert found is not None
        assert (found.sequence, found.flags, found.payload) == (9, SYN, b"data")
        assert found.source == CLIENT


def test_extension_headers_of_ipv6_are_passed_over_as_many_as_are_sensible() -> None:
    inner = tcp(CLIENT_6, SERVER_6, 9, ACK, b"data")
    for count in range(1, 12):
        following = bytes([0, *[60] * (count - 1), 6])
        chain = b"".join(bytes([code, 1]) + bytes(14) for code in following[1:])
        frames = Frames()
        found = frames.segment(raw(ipv6(CLIENT_6[0], SERVER_6[0], chain + inner, following=0)))
        assert (found is not None) == (count < 8)
        assert frames.strange == (count >= 8)


def test_a_length_of_0_is_what_the_kernel_cuts_later() -> None:
    inner = tcp(CLIENT, SERVER, 9, ACK, b"x" * 70_000)
    found = segment(ipv4(CLIENT[0], SERVER[0], inner, length=0))
    assert found is not None
    assert len(found.payload) == 70_000
    found = segment(ipv6(CLIENT_6[0], SERVER_6[0], inner, length=0))
    assert found is not None
    assert len(found.payload) == 70_000


def test_fragments_are_counted_and_left_out() -> None:
    frames = Frames()
    inner = tcp(CLIENT, SERVER, 9, ACK, b"data")
    for packet in (
        ipv4(CLIENT[0], SERVER[0], inner, fragment=0x2000),
        ipv4(CLIENT[0], SERVER[0], inner, fragment=0x0010),
        ipv4(CLIENT[0], SERVER[0], inner, fragment=0x0010, options=bytes(4)),
        ipv6(CLIENT_6[0], SERVER_6[0], bytes([6]) + bytes(7) + inner, following=44),
    ):
        assert frames.segment(raw(packet)) is None
    assert frames.fragments == 4
    assert frames.segment(raw(ipv4(CLIENT[0], SERVER[0], inner, fragment=0x4000))) is not None  # "don't fragment"


@pytest.mark.parametrize("whole", [ethernet(FOUR), ethernet(SIX)])
def test_a_packet_that_was_cut_gives_what_is_there_of_it(whole: bytes) -> None:
    for length in range(len(whole)):
        frames = Frames()
        found = frames.segment(Packet(0.0, 1, whole[:length], len(whole)))
        if length >= len(whole) - 5:
            assert found is not None
            assert found.payload == b"hello"[: 5 - (len(whole) - length)]
        else:
            assert found is None or not found.payload
        assert frames.cut == (14 < length < len(whole))
        assert frames.strange == 0


def test_what_is_no_tcp_is_left_out() -> None:
    frames = Frames()
    for link_type, data in [
        (1, ethernet(ipv4("1.2.3.4", "5.6.7.8", bytes(30), protocol=17))),
        (1, ethernet(ipv4("1.2.3.4", "5.6.7.8", bytes(30), protocol=17, options=bytes(4)))),
        (1, bytes(12) + b"\x08\x06" + bytes(28)),
        (1, ethernet(FOUR, *[0x8100] * 5)),
        (101, ipv6(CLIENT_6[0], SERVER_6[0], bytes(30), following=58)),
        (101, b"\x75" + FOUR[1:]),
        (0, b"\x02\0\0\0"),
        (127, bytes(60)),
        (-1, bytes(60)),
    ]:
        assert frames.segment(Packet(0.0, link_type, data, len(data))) is None
    assert frames.unknown_links == {127}
    assert (frames.packets, frames.cut, frames.fragments, frames.strange) == (9, 0, 0, 0)


def test_headers_that_cannot_be_are_counted() -> None:
    frames = Frames()
    wrong = tcp(CLIENT, SERVER, 9)
    for offset in (0x40, 0xF0):
        assert frames.segment(raw(ipv4(CLIENT[0], SERVER[0], wrong[:12] + bytes([offset]) + wrong[13:]))) is None
        assert frames.segment(raw(ipv6(CLIENT_6[0], SERVER_6[0], wrong[:12] + bytes([offset]) + wrong[13:]))) is None
    assert frames.segment(raw(b"\x44" + FOUR[1:])) is None
    assert frames.segment(raw(ipv4(CLIENT[0], SERVER[0], b"short"))) is None
    assert frames.segment(raw(ipv6(CLIENT_6[0], SERVER_6[0], b"short"))) is None
    assert frames.segment(raw(ipv4(CLIENT[0], SERVER[0], wrong, length=10))) is None
    assert frames.strange == 8


@given(st.sampled_from([0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 999]), st.binary(max_size=120))
def test_any_bytes_are_a_segment_or_none(link_type: int, data: bytes) -> None:
    starts = (
        b"",
        b"\x45",
        b"\x46",
        b"\x60",
        ethernet(FOUR)[:30],
        ethernet(SIX)[:30],
        struct.pack("!16xHB", 0x0800, 0x4F),
    )
    for start in starts:
        found = segment(start + data, link_type)
        assert found is None or len(found.flow) in (12, 36)
        assert found is None or endpoints(found.flow)
