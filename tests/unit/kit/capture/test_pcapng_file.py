"""What we write as a capture, we read as it was; and it is as private as what is in it."""

from __future__ import annotations

import ipaddress
import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import CLIENT, CLIENT_6, HELLO, SERVER, SERVER_6
from sealmq.errors import ConfigError
from sealmq.kit.capture.choosing import Captured, read_capture
from sealmq.kit.capture.pcap_files import Packet, Secrets, read_packets
from sealmq.kit.capture.pcapng_file import MSS, write_pcapng
from sealmq.kit.dissect.conversation import Sender

C, S = Sender.CLIENT, Sender.SERVER
BEGAN = 1_700_000_000.25
PIECES = [(C, HELLO, 0.001), (S, b"s" * 4_000, 0.02), (C, b"c", 0.03), (C, b"d" * 1_460, 0.03), (S, b"e", 0.5)]


def write(path: Path, pieces: list[tuple[Sender, bytes, float]] = PIECES, **options: Any) -> Captured:
    """Write a capture, and read it."""
    given = {"client": CLIENT, "server": SERVER, "key_log": "", "began": BEGAN, "comment": "", **options}
    write_pcapng(path, pieces, **given)
    return read_capture(path, number=0)


def packets(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [one.data for one in read_packets(file) if isinstance(one, Packet)]


def sum_of(data: bytes) -> int:
    """RFC 1071, as it is written there."""
    total = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (CLIENT_6, SERVER_6)])
def test_what_was_written_is_read(tmp_path: Path, client: tuple[str, int], server: tuple[str, int]) -> None:
    key_log = "CLIENT_RANDOM 00 11\n"
    found = write(tmp_path / "x.pcapng", client=client, server=server, key_log=key_log, comment="a test")
    for sender in Sender:
        said = b"".join(data for who, data, _ in PIECES if who is sender)
        assert b"".join(piece.data for piece in found.pieces if piece.sender is sender) == said
    assert sorted({round(piece.at, 5) for piece in found.pieces}) == [0.001, 0.02, 0.03, 0.5]
    assert found.chosen is not None
    assert (found.chosen.client, found.chosen.server) == (client, server)
    assert found.chosen.began == pytest.approx(BEGAN, abs=1e-6)
    assert found.secrets == key_log
    assert found.findings == ()
    assert [end.sender for end in found.ends] == [C, S]


@given(
    st.lists(st.tuples(st.sampled_from(Sender), st.binary(max_size=5_000), st.floats(0, 5))),
    st.floats(0, 4e9),
    st.booleans(),
)
def test_any_pieces_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[Sender, bytes, float]], began: float, six: bool
) -> None:
    pieces.sort(key=lambda piece: piece[2])
    client, server = (CLIENT_6, SERVER_6) if six else (CLIENT, SERVER)
    path = tmp_path_factory.getbasetemp() / "any.pcapng"
    found = write(path, pieces, began=began, client=client, server=server)
    streams: list[tuple[Sender, bytes]] = []
    for piece in found.pieces:
        streams.append((piece.sender, piece.data))
    for sender in Sender:
        said = b"".join(data for who, data, _ in pieces if who is sender)
        assert b"".join(data for who, data in streams if who is sender) == said
    assert len(found.ends) == 2


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (CLIENT_6, SERVER_6)])
def test_checksums_lengths_and_sequence_numbers_are_right(
    tmp_path: Path, client: tuple[str, int], server: tuple[str, int]
) -> None:
    path = tmp_path / "x.pcapng"
    write(path, client=client, server=server)
    expected: dict[bytes, int] = {}
    for packet in packets(path):
        six = packet[0] >> 4 == 6
        size = 40 if six else 20
        addresses = packet[8:40] if six else packet[12:20]
        inner = packet[size:]
        assert len(packet) <= MSS + 40
        assert len(inner) == int.from_bytes(packet[4:6] if six else packet[2:4], "big") - (0 if six else 20)
        assert six or sum_of(packet[:20]) == 0xFFFF
        assert sum_of(addresses + struct.pack("!II", len(inner), 6) + inner) == 0xFFFF
        ports, sequence, acknowledged, flags = inner[:4], *struct.unpack("!IIH", inner[4:14])
        payload = len(inner) - (flags >> 12) * 4
        assert sequence == expected.get(ports, 0)
        expected[ports] = sequence + payload + bool(flags & 3)
        assert acknowledged == (expected.get(ports[2:] + ports[:2], 0) if flags & 0x10 else 0)
    assert sum(expected.values()) == sum(len(data) for _, data, _ in PIECES) + 4


def test_the_secrets_stand_before_the_packets(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    write(path, key_log="CLIENT_RANDOM 00 11\n")
    with path.open("rb") as file:
        assert next(iter(read_packets(file))) == Secrets("CLIENT_RANDOM 00 11\n")
    write(path, key_log="")
    with path.open("rb") as file:
        assert not any(isinstance(one, Secrets) for one in read_packets(file))


def test_who_closed_first_closes_first(tmp_path: Path) -> None:
    found = write(tmp_path / "x.pcapng", ends=[(S, 0.6), (C, 0.9)])
    assert [(end.sender, round(end.at, 6)) for end in found.ends] == [(S, 0.6), (C, 0.9)]
    found = write(tmp_path / "x.pcapng", ends=[(S, 0.01)])  # it sent more: its FIN is behind that
    assert [(end.sender, round(end.at, 6)) for end in found.ends] == [(S, 0.5)]
    assert found.findings == ()


def test_an_address_of_each_kind_makes_ipv6_of_both(tmp_path: Path) -> None:
    found = write(tmp_path / "x.pcapng", client=("192.0.2.1", 4_000), server=("fe80::1%eth0", 8883))
    assert found.chosen is not None
    assert ipaddress.ip_address(found.chosen.client[0]) == ipaddress.ip_address("::ffff:192.0.2.1")
    assert found.chosen.server[0] == "fe80::1"


def test_a_long_comment_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    write(path, comment="ä" * 50_000)
    data = path.read_bytes()
    assert data.count("ä".encode()) == 32_766
    assert packets(path)


def test_only_its_owner_may_read_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_text("of old")
    path.chmod(0o644)
    write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        write(tmp_path / "none" / "x.pcapng")
    assert caught.value.why == "no such file or directory"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "x.pcapng"
    target.write_text("mine")
    path.symlink_to(target)
    write(path)
    assert target.read_text() == "mine"
    assert not path.is_symlink()


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    pipe, link, output = tmp_path / "pipe", tmp_path / "link", tmp_path / "output"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    output.symlink_to("/proc/self/fd/1")
    for path in (pipe, link, output):
        with pytest.raises(ConfigError, match="cannot be written") as caught:
            write(path)
        assert "no file" in caught.value.why
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert link.is_symlink()
    assert output.is_symlink()
    assert sorted(tmp_path.iterdir()) == sorted([pipe, link, output])
