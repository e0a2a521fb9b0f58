"""Files of packets: what every writer may write, where they are cut off, and what lies in them."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import Talk, block, enhanced, interface, option, pcap, pcapng, secrets, section
from sealmq.errors import ConfigError
from sealmq.kit.capture.pcap_files import (
    LONGEST_PACKET,
    LONGEST_SECRETS,
    MOST_INTERFACES,
    Finding,
    Packet,
    Secrets,
    read_packets,
)

PACKETS = Talk().begin().send(0, b"hello").end().packets
ORDERS = ["<", ">"]


class Pipe(io.BytesIO):
    """A file that gives a byte or three at a time, as a pipe may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1 + self.tell() % 3))


def read(data: bytes) -> list[Packet | Secrets | Finding]:
    return list(read_packets(io.BytesIO(data)))


def findings(data: bytes) -> list[str]:
    return [one.sentence for one in read(data) if isinstance(one, Finding)]


def check(found: list[Packet | Secrets | Finding], expected: list[Packet]) -> None:
    assert [one for one in found if not isinstance(one, Packet)] == []
    packets = [one for one in found if isinstance(one, Packet)]
    assert [one[1:] for one in packets] == [one[1:] for one in expected]
    assert [one.at for one in packets] == pytest.approx([one.at for one in expected], abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_a_pcap_gives_its_packets(order: str, nanoseconds: bool) -> None:
    check(read(pcap(PACKETS, order=order, nanoseconds=nanoseconds)), PACKETS)


@pytest.mark.parametrize("order", ORDERS)
def test_a_pcapng_gives_its_packets(order: str) -> None:
    check(read(pcapng(PACKETS, order=order)), PACKETS)


@pytest.mark.parametrize("data", [pcap(PACKETS), pcapng(PACKETS, key_log=b"x" * 99)])
def test_how_a_file_is_read_does_not_matter(data: bytes) -> None:
    assert list(read_packets(Pipe(data))) == read(data)


def test_the_link_type_is_16_bits_of_its_field() -> None:
    """The others say how long the checksum behind a frame is (draft-ietf-opsawg-pcap section 4)."""
    assert read(pcap(PACKETS[:1], link_type=0x5400_0001))[0][1] == 1


def test_the_old_variant_of_linux_has_longer_headers() -> None:
    one = PACKETS[0]
    data = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65_535, 101)
    data += struct.pack("<IIII", 1_000, 0, len(one.data), one.length) + bytes(8) + one.data
    check(read(data + data[24:]), [one, one])


def test_sections_have_their_own_byte_order_and_interfaces() -> None:
    data = section("<") + interface("<", link_type=1) + enhanced(b"abcd", 5_000_000, "<")
    data += section(">") + interface(">", link_type=101) + enhanced(b"efghi", 6_000_000, ">")
    check(read(data), [Packet(5.0, 1, b"abcd", 4), Packet(6.0, 101, b"efghi", 5)])


@pytest.mark.parametrize(
    ("resolution", "ticks", "seconds"),
    [(b"\x09", 1_500_000_000, 1.5), (b"\x03", 1_500, 1.5), (b"\x8a", 1_536, 1.5), (b"\x00", 7, 7.0), (b"\xff", 9, 0.0)],
)
def test_an_interface_has_its_own_ticks(resolution: bytes, ticks: int, seconds: float) -> None:
    options = option(2, b"lo") + option(9, resolution) + option(14, struct.pack("<q", -10)) + option(0, b"")
    assert read(section() + interface(options=options) + enhanced(b"abcd", ticks))[0][0] == pytest.approx(seconds - 10)


def test_a_simple_packet_has_the_first_interface_and_no_time() -> None:
    """Its length is the original's; the interface says how much of it was kept (draft-ietf-opsawg-pcapng)."""
    data = section() + interface(link_type=228, kept=6) + block(3, struct.pack("<I", 9) + b"abcdef")
    check(read(data), [Packet(0.0, 228, b"abcdef", 9)])
    assert findings(section() + block(3, struct.pack("<I", 9))) == [
        "1 blocks of the file are not as they must be, and were passed over"
    ]


def test_an_old_packet_block_is_read() -> None:
    head = struct.pack("<HHIIII", 0, 0, 0, 2_000_000, 5, 80)
    check(read(section() + interface() + block(2, head + b"abcde")), [Packet(2.0, 101, b"abcde", 80)])


def test_secrets_are_given_where_they_stand() -> None:
    data = section() + secrets(b"CLIENT_RANDOM 1 2\n") + interface() + enhanced(b"abcd", 0) + secrets(b"\xff")
    assert [one for one in read(data) if isinstance(one, Secrets)] == [
        Secrets("CLIENT_RANDOM 1 2\n"),
        Secrets("\ufffd"),
    ]
    assert read(section() + secrets(b"of something else", kind=0x57474B4C)) == []


def test_other_blocks_are_passed_over() -> None:
    data = section() + block(5, bytes(40)) + interface() + block(0x0BAD, bytes(3 << 20)) + enhanced(b"abcd", 0)
    check(read(data), [Packet(0.0, 101, b"abcd", 4)])


# --- cut off, and lying


@pytest.mark.parametrize("data", [pcap(PACKETS), pcapng(PACKETS, key_log=b"CLIENT_RANDOM 1 2\n")])
def test_a_file_that_is_cut_off_gives_what_is_whole(data: bytes) -> None:
    whole = [one for one in read(data) if isinstance(one, Packet)]
    for length in range(28, len(data)):
        *found, last = read(data[:length]) or [None]
        packets = [one for one in [*found, last] if isinstance(one, Packet)]
        assert packets == whole[: len(packets)]
        if isinstance(last, Finding):
            assert last.sentence == (f"the file is cut off: it ends in the middle, behind {len(packets)} whole packets")
    assert sum(isinstance(one, Finding) for one in read(data[:-1])) == 1


@pytest.mark.parametrize("length", [4, 5, 23])
def test_a_pcap_that_ends_in_its_header_is_no_capture(length: int) -> None:
    with pytest.raises(ConfigError, match="cut off within its first 24 bytes"):
        read(pcap(PACKETS)[:length])


def test_a_packet_that_says_it_is_too_long_ends_the_reading() -> None:
    data = pcap(PACKETS[:2]) + struct.pack("<IIII", 0, 0, LONGEST_PACKET + 1, 60) + bytes(100)
    assert findings(data) == [
        "packet 3 of the file says that it has 262,145 bytes, which none has: nothing behind it was read"
    ]


def test_blocks_that_are_too_long_are_passed_over_and_nothing_is_kept_for_them() -> None:
    big = block(6, bytes(LONGEST_PACKET * 2)) + secrets(bytes(LONGEST_SECRETS)) + interface(options=bytes(70_000))
    data = section() + interface() + big + enhanced(b"abcd", 0) + enhanced(b"no", 0, number=1)
    found = read(data)
    assert found[:2] == [Packet(0.0, 101, b"abcd", 4), Packet(0.0, -1, b"no", 2)]
    assert findings(data) == ["3 blocks of the file are not as they must be, and were passed over"]
    tracemalloc.start()
    file = io.BytesIO(data)
    list(read_packets(file))
    assert tracemalloc.get_traced_memory()[1] < 6 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (struct.pack("<III", 6, 8, 8), "the block behind packet 1 of the file has a length that none has"),
        (struct.pack("<IIII", 5, 14, 0, 14), "the block behind packet 1 of the file has a length that none has"),
        (struct.pack("<IIII", 5, 16, 0, 20), "the block behind packet 1 of the file says two lengths"),
        (
            struct.pack("<II", 5, 1 << 20) + bytes((1 << 20) - 8),
            "the block behind packet 1 of the file says two lengths",
        ),
        (section(major=2), "the section behind packet 1 of the file is of a version that nobody here knows"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "behind packet 1 of the file stands what is no header of a section"),
    ],
)
def test_a_block_that_cannot_be_ends_the_reading(bad: bytes, said: str) -> None:
    data = section() + interface() + enhanced(b"abcd", 0) + bad + enhanced(b"efgh", 0)
    assert read(data) == [Packet(0.0, 101, b"abcd", 4), Finding(said)]


@pytest.mark.parametrize(
    "odd",
    [
        enhanced(b"abcd", 0, number=7),
        block(6, struct.pack("<IIIII", 0, 0, 0, 9_999, 9_999)),
        block(6, b"short"),
        block(2, b"short"),
        block(3, b""),
        block(10, b""),
    ],
)
def test_a_block_that_lies_is_counted_and_passed_over(odd: bytes) -> None:
    found = read(section() + interface() + odd + enhanced(b"abcd", 0))
    assert found[0] == Packet(0.0, 101, b"abcd", 4)
    assert found[1:] == [Finding("1 blocks of the file are not as they must be, and were passed over")]


def test_interfaces_are_bounded_and_an_unreadable_one_keeps_its_place() -> None:
    data = section() + block(1, b"") + interface() + enhanced(b"abcd", 0, number=1)
    assert read(data)[0] == Packet(0.0, 101, b"abcd", 4)
    assert findings(data) == ["1 blocks of the file are not as they must be, and were passed over"]
    many = section() + interface() * (MOST_INTERFACES + 3) + enhanced(b"abcd", 0, number=MOST_INTERFACES - 1)
    assert findings(many) == ["3 blocks of the file are not as they must be, and were passed over"]


# --- what is no capture


@pytest.mark.parametrize(
    ("data", "looks", "remedy"),
    [
        (b"", "an empty file", "tcpdump -w"),
        (gzip.compress(pcap(PACKETS)), "something that gzip packed", "gunzip"),
        (b"\x28\xb5\x2f\xfd1234", "something that zstd packed", "zstd -d"),
        (b"PK\x03\x04", "a zip archive", "unzip"),
        (b"CLIENT_RANDOM aa bb\n", "a key log", "opens a capture"),
        (b"# made by curl\nSERVER_HANDSHAKE_TRAFFIC_SECRET aa bb\n", "a key log", "opens a capture"),
        (b"Hello, world\n", "text", "tcpdump -w"),
        (b"-----BEGIN CERTIFICATE-----\n", "PEM: a certificate or a key", "the file of the capture"),
        (b"\x00\x01\x02", r"nothing known \(it begins with 00 01 02\)", "tcpdump -w"),
        (b"snoop\0\0\0", "a capture of snoop", "editcap"),
    ],
)
def test_what_is_no_capture_is_named(data: bytes, looks: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=f"this is no capture: it looks like {looks}") as caught:
        read(data)
    assert remedy in caught.value.remedy


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", pcap([])[:24], section(), section() + interface()):
        with suppress(ConfigError):
            assert all(isinstance(one, Packet | Secrets | Finding) for one in read(start + data))


@given(st.sampled_from([pcap(PACKETS), pcapng(PACKETS, key_log=b"CLIENT_RANDOM 1 2\n")]), st.data())
def test_a_capture_with_changed_bytes_is_read_as_far_as_it_goes(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        changed[draw.draw(st.integers(4, len(data) - 1))] = draw.draw(st.integers(0, 255))
    for one in read(bytes(changed)):
        assert not isinstance(one, Packet) or len(one.data) <= LONGEST_PACKET
