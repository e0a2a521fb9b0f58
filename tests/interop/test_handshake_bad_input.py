"""Whatever answers, and whatever file is given: one finding, no traceback, in bounded time and memory."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import hostile_capture
import pytest

from handshake_stage import Said, measured
from ports import free_port
from recorded_handshakes import Recording, record
from sealmq.kit.capture.pcapng_file import write_pcapng
from small_brokers import (
    CONNACK_5,
    Handle,
    broker,
    endless_certificate,
    sends,
    server_hello,
    serving,
    wait_for_end,
)
from small_brokers import record as tls_record
from tls_pairs import Trust

pytestmark = pytest.mark.interop

MEMORY = 200_000_000
"""Bytes at most; some 60 million are Python's own."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return Trust(tmp_path_factory.mktemp("trust"))


def check(said: Said, code: int, *words: str, seconds: float = 60.0) -> None:
    """One finding that says so, by its exit code, on the terminal or on stderr."""
    text = " ".join((said.text + said.errors).split())
    assert said.code == code, text
    for each in words:
        assert each in text
    assert said.seconds < seconds
    assert 0 < said.peak < MEMORY


# --- who answers


def flood(block: bytes) -> Handle:
    """A gigabyte of it."""
    many = block * (1_000_000 // len(block))

    def handle(connection: socket.socket) -> None:
        for _ in range(1_000):
            connection.sendall(many)

    return handle


def drip(data: bytes) -> Handle:
    """A byte a second."""

    def handle(connection: socket.socket) -> None:
        for place in range(len(data)):
            connection.sendall(data[place : place + 1])
            time.sleep(1)

    return handle


ANSWERS: dict[str, tuple[Callable[[socket.socket], None], int, str]] = {
    "silent": (wait_for_end, 3, "nothing came back for the ClientHello"),
    "MQTT in plaintext": (sends(CONNACK_5), 4, "MQTT without encryption (a CONNACK packet)"),
    "HTTP": (sends(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), 4, "HTTP without encryption"),
    "SSH": (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), 4, "this looks like SSH"),
    "garbage": (sends(bytes(range(7, 250)) * 40), 4, "nothing known (it begins with 07 08 09"),
    "endless certificate": (endless_certificate, 5, "the client refused after the broker's ServerHello"),
    "broken record": (sends(tls_record(b"\x02\0\0\x01\0")), 5, "saying decode_error"),
    "record too long": (sends(b"\x16\x03\x03\xff\xff" + bytes(1_000)), 5, "saying record_overflow"),
    "a byte a second": (drip(server_hello()), 5, "an answer to the ClientHello began, and was not whole"),
    "text, a byte a second": (drip(b"hello there"), 4, "nothing known (it begins with 68 65"),
    "a gigabyte of zeros": (flood(b"\0"), 4, "nothing known (it begins with 00"),
    "a gigabyte of records": (flood(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" * 4_096), 5, "unexpected_message"),
    "a gigabyte of tiny records": (flood(b"\x16\x03\x03\0\x01\x0b"), 5, "unexpected_message"),
    "a gigabyte of alerts": (flood(b"\x15\x03\x03\0\x02\x01\x5a"), 1, "the broker refused"),
    "a gigabyte of HelloRequests": (flood(tls_record(bytes(4))), 5, "HelloRequest"),
}


WAITED_FOR = {
    "silent": "1.5",
    "a byte a second": "6",
    "text, a byte a second": "6",
    "a gigabyte of HelloRequests": "6",
}
"""Seconds after which those are given up that never end by themselves; of three of them something must come before."""


@pytest.mark.parametrize("answer", ANSWERS)
def test_who_is_no_broker_of_tls_is_one_finding(tmp_path: Path, answer: str) -> None:
    handle, code, words = ANSWERS[answer]
    with serving(handle) as port:
        check(measured(tmp_path, f"127.0.0.1:{port}", "--timeout", WAITED_FOR.get(answer, "15")), code, words)


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")  # where no server of names answers, it takes 30 s else
    port = free_port()
    said = measured(tmp_path, f"127.0.0.1:{port}", "--timeout", "1")
    check(said, 3, "Connection refused", "nobody listens at this port")
    assert said.text.count("Connection refused") == 1, "said once"
    said = measured(tmp_path, f"127.0.0.1:{port}", "--timeout", "1", "--pcapng", tmp_path / "x.pcapng")
    check(said, 3, "nobody listens at this port", "x.pcapng is not written: there was no connection to capture")
    assert not (tmp_path / "x.pcapng").exists()
    check(measured(tmp_path, "no-such-name.invalid", "--timeout", "1"), 3, "could not be resolved")


INSIDE = {
    "zeros": (b"\0", "it begins with 00 00"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it looks like HTTP"),
    "PUBLISH": (b"\x30\x05\x00\x01a\x00b", "it begins with 30 05"),
    "an endless packet": (b"\x30\xff\xff\xff\x7f" + bytes(995), "it begins with 30 ff"),
}


@pytest.mark.parametrize("inside", INSIDE)
def test_a_gigabyte_within_tls_that_is_no_mqtt(trust: Trust, tmp_path: Path, inside: str) -> None:
    block, words = INSIDE[inside]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*trust.broker.save(tmp_path, "flooding"))

    def handle(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65_536)
            flood(block)(tls)

    with serving(handle) as port:
        said = measured(tmp_path, f"127.0.0.1:{port}", "--cafile", trust.root, "--timeout", "15", "--no-probes")
    check(said, 1, "TLS is good, and what came in it for CONNECT is no MQTT", words)


# --- captures


@pytest.fixture(scope="module")
def recording(trust: Trust) -> Recording:
    return record(trust, "TLSv1.3", mutual=True)


def write(path: Path, recording: Recording, *, keys: bool = True) -> Path:
    key_log = recording.key_log if keys else ""
    ends = {"client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 8883)}
    write_pcapng(path, recording.pieces, **ends, key_log=key_log, began=1.7e9, comment="")
    return path


def test_a_capture_that_is_cut_off_anywhere(recording: Recording, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", recording).read_bytes()
    part = tmp_path / "part"
    codes = set()
    for size in (20, 60, 900, len(whole) // 3, len(whole) // 2, len(whole) - 3):
        part.write_bytes(whole[:size])
        said = measured(tmp_path, "--pcap", part)
        check(said, said.code, "the file is cut off")
        assert said.code in (0, 2, 5)
        codes.add(said.code)
        if said.code == 5:
            check(said, 5, "what was seen ends before the handshake was done", "cut off too early")
    assert codes == {0, 2, 5}


def test_what_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello " * 1_000)
    (tmp_path / "directory").mkdir()
    for name, words in {
        "empty": "this is no capture: it looks like an empty file",
        "text": "this is no capture: it looks like text",
        "directory": "is a directory",
        "absent": "no such file",
        "/dev/zero": "this is no capture",
        "/proc/self/mem": "cannot be read",  # which nobody can read from its beginning
    }.items():
        check(measured(tmp_path, "--pcap", tmp_path / name), 2, words)


@pytest.mark.parametrize("kind", hostile_capture.KINDS)
def test_a_hostile_capture(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "hostile"
    hostile_capture.write(path, kind, 3_000_000)
    said = measured(tmp_path, "--pcap", path)
    assert said.code in (2, 5)
    check(said, said.code)
    assert "✗" in said.text or "sealmq: " in said.errors


def test_key_logs(trust: Trust, recording: Recording, tmp_path: Path) -> None:
    capture = write(tmp_path / "capture", recording, keys=False)
    (tmp_path / "right").write_text(recording.key_log)
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "endless").write_bytes(b"x" * 10_000_000)
    (tmp_path / "other").write_text(record(trust, "TLSv1.3", mutual=True).key_log)
    right = measured(tmp_path, "--pcap", capture, "--keylog", tmp_path / "right", "--json")
    assert right.code == 0
    assert sorted(one["name"] for one in json.loads(right.text)["mqtt"]) == ["CONNACK", "CONNECT", "DISCONNECT"]
    for name in ("garbage", "endless", "other"):
        said = measured(tmp_path, "--pcap", capture, "--keylog", tmp_path / name)
        check(said, 0, "does not hold the secrets of this connection", "what was said in it is encrypted")
    check(measured(tmp_path, "--pcap", capture), 0, "nobody gave the keys")
    check(measured(tmp_path, "--pcap", capture, "--keylog", tmp_path / "absent"), 2, "No such file")
    (tmp_path / "directory").mkdir()
    check(measured(tmp_path, "--pcap", capture, "--keylog", tmp_path / "directory"), 2, "is a directory")
    check(measured(tmp_path, "--pcap", capture, "--stream", "7"), 2, "no connection 7")


def test_what_is_asked_wrongly(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no PEM")
    with serving(broker(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))) as port:
        place = f"127.0.0.1:{port}"
        for arguments, words in (
            (["127.0.0.1:99999"], "no port from 1 to 65535"),
            (["a b"], "is not HOST[:PORT]"),
            ([place, "--tls-version", "1.4"], "no TLS version"),
            ([place, "--ciphers", "NO-SUCH"], "no cipher suites"),
            ([place, "--cafile", tmp_path / "text"], "cannot be used"),
            ([place, "--cert", trust.root], "cannot be used together"),
            ([place, "-u", "anna"], "only to a broker that was verified"),
            ([place, "--compare", "1.5"], "no way '1.5' to compare"),
            ([place, "--html", tmp_path / "no" / "x.html"], "no folder"),
            ([place, "--stream", "1"], "is for --pcap"),
        ):
            check(measured(tmp_path, *arguments), 2, words)
