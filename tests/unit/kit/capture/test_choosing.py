"""A capture is read: what was chosen, what it says, what its reader should know, and what is refused."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captures import (
    CLIENT,
    CONNECT,
    HELLO,
    SERVER,
    SERVER_HELLO,
    Talk,
    enhanced,
    ethernet,
    interface,
    pcap,
    pcapng,
    section,
)
from captures import secrets as secrets_block
from sealmq.errors import ConfigError
from sealmq.kit.capture.choosing import (
    LONGEST_KEY_LOG,
    Captured,
    End,
    Piece,
    choose,
    read_capture,
)
from sealmq.kit.capture.first_look import Protocol
from sealmq.kit.capture.pcap_files import Packet, Secrets, read_packets
from sealmq.kit.dissect.conversation import Sender

C, S = Sender.CLIENT, Sender.SERVER
PACKETS = Talk().begin().send(0, HELLO).send(1, SERVER_HELLO).send(0, b"\x17\x03\x03\0\1x").end().packets
KEYS = "CLIENT_RANDOM 00 11\n"


def captured(data: bytes, *, number: int | None = None, port: int | None = None) -> Captured:
    return choose(read_packets(io.BytesIO(data)), number=number, port=port)


@pytest.mark.parametrize("data", [pcap(PACKETS), pcapng(PACKETS, key_log=KEYS.encode())])
def test_a_file_gives_one_connection(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(data)
    found = read_capture(path)
    assert found.pieces == (
        Piece(C, HELLO, pytest.approx(0.03, abs=1e-6)),
        Piece(S, SERVER_HELLO, pytest.approx(0.04, abs=1e-6)),
        Piece(C, b"\x17\x03\x03\0\1x", pytest.approx(0.05, abs=1e-6)),
    )
    assert found.ends == (End(C, pytest.approx(0.06, abs=1e-6), False), End(S, pytest.approx(0.07, abs=1e-6), False))
    assert found.chosen is not None
    assert (found.chosen.client, found.chosen.server, found.chosen.protocol) == (CLIENT, SERVER, Protocol.TLS)
    assert found.connections == (found.chosen,) == read_capture(path).connections
    assert (found.total, found.packets, found.findings) == (1, len(PACKETS), ())
    assert found.secrets == (KEYS if data.startswith(b"\n") else "")


def test_progress_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    data = pcap(PACKETS) + pcap(Talk().begin().send(0, bytes(60_000)).packets * 60)[24:]
    path.write_bytes(data)
    told: list[tuple[int, int]] = []
    assert read_capture(path, progress=lambda done, size: told.append((done, size))) == read_capture(path)
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == (len(data), len(data))


def test_packets_in_the_wrong_order_give_the_same() -> None:
    expected = captured(pcapng(PACKETS))
    for seed in range(50):
        shuffled = PACKETS[:]
        random.Random(seed).shuffle(shuffled)
        found = captured(pcapng(shuffled))
        assert found.pieces == expected.pieces
        assert found.chosen == expected.chosen


def test_a_reset_is_an_end_of_its_own() -> None:
    found = captured(pcap(Talk().begin().send(0, HELLO).reset(1).packets))
    assert found.ends == (End(S, pytest.approx(0.04, abs=1e-6), True),)


def test_what_is_missing_is_said() -> None:
    talk = Talk().begin().send(0, HELLO).send(1, SERVER_HELLO).send(1, b"lost").send(1, b"behind")
    del talk.packets[5]
    found = captured(pcap(talk.packets))
    assert found.findings == (
        "4 bytes that the server sent are missing from the capture: what it sent behind them is left out",
    )
    assert [piece.data for piece in found.pieces] == [HELLO, SERVER_HELLO]


def test_packets_that_were_cut_are_said() -> None:
    cut = [Packet(one.at, one.link_type, one.data[:60], one.length) for one in PACKETS]
    found = captured(pcap(cut))
    assert found.findings[0] == "2 packets were not captured as a whole (tcpdump: -s 0): bytes are missing"
    assert "bytes that the client sent are missing" in found.findings[1]
    assert found.pieces[0].data == HELLO[:20]


def test_what_else_is_odd_is_said() -> None:
    assert captured(pcap([])).findings == (
        "the capture holds no packets",
        "no connection of the capture begins with a ClientHello, or with a CONNECT of MQTT",
    )
    assert captured(pcap(PACKETS, link_type=127)).findings[0] == (
        "packets of a network that is not known here were left out (link type 127)"
    )
    middle = captured(pcap(Talk().begin().send(1, SERVER_HELLO).packets))
    assert middle.findings == ("the beginning of this connection was not captured, or it is neither TLS nor MQTT",)
    fragment = PACKETS[0].data[:6] + b"\x20\0" + PACKETS[0].data[8:]
    wrong = PACKETS[0].data[:32] + b"\x10" + PACKETS[0].data[33:]
    odd = captured(pcap([*PACKETS, *[Packet(0.0, 101, one, len(one)) for one in (fragment, wrong)]]))
    assert odd.findings == (
        "1 fragments of IP packets were left out",
        "1 packets have headers that can't be, and were left out",
    )
    assert captured(pcap(PACKETS)[:-1]).findings == (
        f"the file is cut off: it ends in the middle, behind {len(PACKETS) - 1} whole packets",
    )


def test_many_secrets_are_joined_up_to_a_bound() -> None:
    data = section() + secrets_block(b"one\n") + interface() + enhanced(PACKETS[0].data, 0) + secrets_block(b"two\n")
    assert captured(data).secrets == "one\n\ntwo\n"
    many = choose([Secrets("x" * (LONGEST_KEY_LOG // 4))] * 9)
    assert LONGEST_KEY_LOG - 1_000 < len(many.secrets) <= LONGEST_KEY_LOG
    assert many.findings[0] == "of the secrets in the file the first 16 MiB are used"
    assert sum("secrets" in sentence for sentence in many.findings) == 1


def test_times_that_no_calendar_knows_are_put_into_it() -> None:
    """if_tsoffset may be anything."""
    options = b"\x0e\0\x08\0" + (1 << 62).to_bytes(8, "little")
    data = section() + interface(options=options)
    for one in PACKETS:
        data += enhanced(one.data, 0)
    (row,) = captured(data).connections
    assert row.began == 253_402_300_799.0


@pytest.mark.parametrize(
    ("wish", "said"),
    [({"number": 1}, "the capture has no connection 1"), ({"port": 443}, "no connection of the .* 443")],
)
def test_a_wish_that_nothing_meets_is_refused(wish: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        captured(pcap(PACKETS), **wish)
    assert "--list" in caught.value.remedy


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_capture(tmp_path / "none.pcap")
    assert caught.value.why == "no such file or directory"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_capture(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ConfigError, match="looks like text"):
        read_capture(tmp_path / "text")


@given(st.data())
def test_any_change_of_a_capture_gives_an_answer_or_is_refused(data: st.DataObject) -> None:
    talk = Talk(("192.0.2.7", 1_883)).begin().send(0, CONNECT).send(1, b"\x20\x02\0\0").reset(0)
    frames = [Packet(one.at, 1, ethernet(one.data), one.length + 14) for one in PACKETS + talk.packets]
    whole = data.draw(st.sampled_from([pcap(frames, link_type=1), pcapng(talk.packets + PACKETS, key_log=b"x y z\n")]))
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(0, len(changed))) :]
    number, port = data.draw(st.sampled_from([(None, None), (0, None), (1, None), (None, 8883)]))
    try:
        found = captured(bytes(changed), number=number, port=port)
    except ConfigError:
        return
    assert len(found.connections) == found.total
    assert all(piece.at >= 0 and piece.data for piece in found.pieces)
    assert [piece.at for piece in found.pieces] == sorted(piece.at for piece in found.pieces)
