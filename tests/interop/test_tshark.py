"""Wireshark's tshark opens what we write, and we read what its tools write."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from captures import CLIENT, CLIENT_6, SERVER, SERVER_6
from recorded_handshakes import CONNECT, Recording, record
from running import WAIT, Program, program, run, wait_until
from sealmq.errors import ConfigError
from sealmq.kit.capture.choosing import Captured, read_capture
from sealmq.kit.capture.first_look import Protocol
from sealmq.kit.capture.pcapng_file import write_pcapng
from sealmq.kit.dissect.conversation import Sender
from tls_pairs import Trust
from tshark_readings import complaints, handshake_messages, rows, tshark

pytestmark = pytest.mark.interop

KINDS = [("TLSv1.2", False), ("TLSv1.2", True), ("TLSv1.3", False), ("TLSv1.3", True)]
HELLOS = [("client", 1), ("server", 2)]
EXPECTED = {
    ("TLSv1.2", False): [*HELLOS, ("server", 11), ("server", 12), ("server", 14), ("client", 16), ("client", 20),
                         ("server", 4), ("server", 20)],
    ("TLSv1.2", True): [*HELLOS, ("server", 11), ("server", 12), ("server", 13), ("server", 14), ("client", 11),
                        ("client", 16), ("client", 15), ("client", 20), ("server", 4), ("server", 20)],
    ("TLSv1.3", False): [*HELLOS, ("server", 8), ("server", 11), ("server", 15), ("server", 20), ("client", 20),
                         ("server", 4), ("server", 4)],
    ("TLSv1.3", True): [*HELLOS, ("server", 8), ("server", 13), ("server", 11), ("server", 15), ("server", 20),
                        ("client", 11), ("client", 15), ("client", 20), ("server", 4), ("server", 4)],
}  # fmt: skip
"""Sender and HandshakeType of every message (RFC 8446 section 2, RFC 5246 section 7.3); both ends are OpenSSL's."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


def write(path: Path, recording: Recording, *, keys: bool = True, six: bool = False) -> Path:
    client, server = (CLIENT_6, SERVER_6) if six else (CLIENT, SERVER)
    key_log = recording.key_log if keys else ""
    write_pcapng(
        path, recording.pieces, client=client, server=server, key_log=key_log, began=1.7e9, comment="made by a test"
    )
    return path


def said(pieces: object, sender: Sender) -> bytes:
    return b"".join(data for who, data, _ in pieces if who is sender)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("version", "mutual"), KINDS)
@pytest.mark.parametrize("six", [False, True])
def test_tshark_reads_a_written_handshake_decrypted(
    trust: Trust, tmp_path: Path, version: str, mutual: bool, six: bool
) -> None:
    path = write(tmp_path / "x.pcapng", record(trust, version, mutual=mutual), six=six)
    assert complaints(path) == []
    messages = handshake_messages(path)
    assert [(sender, type_) for sender, type_, _ in messages] == EXPECTED[version, mutual]
    assert all(length >= 0 for _, _, length in messages)
    packets = [name for (names,) in rows(path, ["mqtt.msgtype"], wanted="mqtt") for name in names.split(",")]
    assert packets == ["1", "2", "14"]
    assert rows(path, ["mqtt.clientid"], wanted="mqtt.msgtype == 1") == [["abc"]]


def test_without_keys_tshark_sees_what_an_eavesdropper_sees(trust: Trust, tmp_path: Path) -> None:
    recording = record(trust, "TLSv1.3", mutual=True)
    path = write(tmp_path / "x.pcapng", recording, keys=False)
    assert complaints(path) == []
    assert [type_ for _, type_, _ in handshake_messages(path)] == [1, 2]
    assert rows(path, ["mqtt.msgtype"], wanted="mqtt") == []
    (row,) = read_capture(path).connections
    assert row.server_name == "localhost" == rows(path, ["tls.handshake.extensions_server_name"], wanted="tls")[0][0]


def test_tshark_sees_the_comment_the_times_and_the_ends(trust: Trust, tmp_path: Path) -> None:
    recording = record(trust, "TLSv1.3", mutual=True, connack=b"\x30\xff\x7f\x00\x01t\x00" + bytes(16_379))
    path = write(tmp_path / "x.pcapng", recording)
    assert complaints(path) == []
    assert "made by a test" in run([program("capinfos", "wireshark-common"), "-k", path]).stdout
    times = [float(at) for (at,) in rows(path, ["frame.time_epoch"])]
    assert times == sorted(times)
    assert times[0] == pytest.approx(1.7e9)
    assert times[-1] - times[0] == pytest.approx(recording.pieces[-1][2], abs=1e-6)
    for side, sender in ((0, Sender.CLIENT), (1, Sender.SERVER)):
        text = tshark(path, "-q", "-z", "follow,tcp,raw,0")
        lines = [line for line in text.splitlines() if re.fullmatch(r"\t?[0-9a-f]+", line)]
        stream = b"".join(bytes.fromhex(line.strip()) for line in lines if line.startswith("\t") == bool(side))
        assert stream == said(recording.pieces, sender)


# --- what their tools write


CONVERSIONS = [["-F", "pcap"], ["-F", "nsecpcap"], ["-F", "pcapng"], ["-F", "pcap", "-T", "rawip4"]]


@pytest.mark.parametrize("options", CONVERSIONS, ids=" ".join)
def test_what_editcap_makes_of_it_is_read_as_it_was(trust: Trust, tmp_path: Path, options: list[str]) -> None:
    recording = record(trust, "TLSv1.3", mutual=True)
    source = write(tmp_path / "x.pcapng", recording)
    run([program("editcap", "wireshark-common"), *options, source, tmp_path / "y"])
    check(read_capture(tmp_path / "y"), recording, secrets="pcapng" in options)


def check(found: Captured, recording: Recording, *, secrets: bool) -> None:
    for sender in Sender:
        assert said(found.pieces, sender) == said(recording.pieces, sender)
    assert found.secrets == (recording.key_log if secrets else "")
    assert found.findings == ()
    assert found.chosen is not None
    assert found.chosen.server_name == "localhost"
    first = {sender: next(at for who, _, at in recording.pieces if who is sender) for sender in Sender}
    for piece in found.pieces[:1]:
        assert piece.at == pytest.approx(first[piece.sender], abs=1e-6)


def test_packets_that_were_cut_are_found_out(trust: Trust, tmp_path: Path) -> None:
    recording = record(trust, "TLSv1.3", mutual=True)
    source = write(tmp_path / "x.pcapng", recording)
    run([program("editcap", "wireshark-common"), "-s", "300", source, tmp_path / "y"])
    found = read_capture(tmp_path / "y")
    assert "packets were not captured as a whole" in found.findings[0]
    for sender in Sender:
        seen = said(found.pieces, sender)
        assert 0 < len(seen) < len(said(recording.pieces, sender))
        assert said(recording.pieces, sender).startswith(seen)


def test_packets_in_another_order_and_twice_are_read_as_they_were(trust: Trust, tmp_path: Path) -> None:
    recording = record(trust, "TLSv1.3", mutual=True)
    source = write(tmp_path / "x.pcapng", recording)
    count = len(rows(source, ["frame.number"]))
    editcap, parts = program("editcap", "wireshark-common"), []
    for number in [*range(2, count + 1, 2), *range(count - 1, 0, -2), *range(1, count, 3)]:
        parts.append(tmp_path / f"part{number}")
        run([editcap, "-r", source, parts[-1], str(number)])
    run([program("mergecap", "wireshark-common"), "-a", "-w", tmp_path / "y", *parts])
    found = read_capture(tmp_path / "y")
    for sender in Sender:
        assert said(found.pieces, sender) == said(recording.pieces, sender)
    assert [piece.sender for piece in found.pieces if piece.at < 0.02][:1] == [Sender.CLIENT]


@pytest.fixture
def answering(trust: Trust) -> Iterator[int]:
    """A TLS server on loopback that answers two connections. Gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*trust.broker.save(trust.folder, "answering"))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WAIT)

    def answer() -> None:
        for _ in range(2):
            try:
                plain, _ = listener.accept()
            except OSError:
                return  # nobody comes: the test was left out
            with context.wrap_socket(plain, server_side=True) as link:
                while data := link.recv(1 << 16):
                    link.sendall(data)
                link.unwrap()

    thread = threading.Thread(target=answer)
    thread.start()
    yield listener.getsockname()[1]
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # or it would be waited for that long
    thread.join(WAIT)
    listener.close()


@pytest.mark.parametrize("name", ["lo.pcapng", "any.pcapng", "lo.pcap"])
def test_what_dumpcap_captures_is_read(trust: Trust, tmp_path: Path, answering: int, name: str) -> None:
    """Two connections on loopback: our numbers are Wireshark's, and the second can be chosen."""
    path = tmp_path / name
    command = [program("dumpcap", "wireshark-common"), "-i", name.partition(".")[0], "-w", str(path), "-q", "-B", "64"]
    dumpcap = Program([*command, *(["-P"] if name.endswith("pcap") else []), "-f", f"tcp port {answering}"])
    try:
        try:
            dumpcap.errors.wait(r"^File: ")
        except AssertionError as error:
            pytest.skip(f"dumpcap may not capture here: {error}")
        context = ssl.create_default_context(cadata=trust.root_ca.pem.decode())
        for size in (10, 20_000):
            with (
                socket.create_connection(("127.0.0.1", answering), WAIT) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as link,
            ):
                link.sendall(CONNECT * size)
                got = 0
                while got < len(CONNECT) * size:
                    got += len(link.recv(1 << 16))
                link.unwrap()
        wait_until(lambda: ended(path), pause=0.1)
    finally:
        dumpcap.process.terminate()
        dumpcap.ended()
    compare(path, answering)


def ended(path: Path) -> bool:
    """Has the end of the second connection been written? Its client's FIN; what comes behind may be a reset."""
    try:
        return bool(read_capture(path, number=1).ends)
    except ConfigError:
        return False


def compare(path: Path, port: int) -> None:
    """Hold our list, and the bytes of the second connection, against tshark's."""
    listed = read_capture(path).connections
    assert [(row.protocol, row.whole, row.server_name, row.server[1]) for row in listed] == [
        (Protocol.TLS, True, "localhost", port)
    ] * 2
    begins = "tcp.flags.syn == 1 && tcp.flags.ack == 0"
    streams = {int(number): int(client) for number, client in rows(path, ["tcp.stream", "tcp.srcport"], wanted=begins)}
    assert {row.number: row.client[1] for row in listed} == streams
    found = read_capture(path, number=1)
    assert found.chosen == listed[1]
    assert found.findings == ()
    assert found.chosen.from_client > 20_000 * len(CONNECT)
    text = tshark(path, "-q", "-z", "follow,tcp,raw,1")
    lines = [line for line in text.splitlines() if re.fullmatch(r"\t?[0-9a-f]+", line)]
    for side, sender in ((0, Sender.CLIENT), (1, Sender.SERVER)):
        stream = b"".join(bytes.fromhex(line.strip()) for line in lines if line.startswith("\t") == bool(side))
        assert stream == said(found.pieces, sender)
