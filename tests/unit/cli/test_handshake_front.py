from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from ports import free_port
from running import SEALMQ, running
from sealmq import cli
from sealmq.cli.handshake_front import _greet, read_places
from sealmq.cli.handshake_output import Outputs
from sealmq.errors import ConfigError
from sealmq.kit.eavesdrop.relay import Address
from small_brokers import broker, serving
from tapped import Stage

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def test_places_are_written_as_everywhere() -> None:
    here, there = read_places("8884", "broker.example")
    assert (str(here), str(there)) == ("127.0.0.1:8884", "broker.example:8883")
    here, _ = read_places("0.0.0.0:8884", "broker.example:1")
    assert here.host == "0.0.0.0"


@pytest.mark.parametrize(("listen", "to"), [("8884", None), (":8884", "a"), ("x", "a"), ("8884", "a b")])
def test_what_is_no_place_is_refused(listen: str, to: str | None) -> None:
    with pytest.raises(ConfigError):
        read_places(listen, to)


def test_pictures_are_not_for_it(capsys: Shown) -> None:
    assert cli.run(["handshake", "--listen", "0", "--to", "a", "--html", "x.html"]) == 2
    assert "--html" in capsys.readouterr().err


def dial(port: int, stage: Stage, version: ssl.TLSVersion) -> bytes:
    """A device that connects through the front."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(stage.root)
    context.minimum_version = context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x03a-1")
        return tls.recv(100)


def test_a_device_is_passed_through_and_explained(stage: Stage, tmp_path: Path) -> None:
    with serving(broker(stage.server())) as port:
        front_of = ["--listen", "127.0.0.1:0", "--to", f"localhost:{port}", "--count", "2", "--json"]
        with running([*SEALMQ, "handshake", *front_of]) as front:
            here = re.search(r"Point your device to 127\.0\.0\.1:(\d+)", front.errors.wait("Point your device"))
            assert here
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert dial(int(here[1]), stage, version) == b"\x20\x03\x00\x00\x00"
            assert front.ended() == 0
    reports = [json.loads(line) for line in front.output.lines]
    assert [one["negotiated"]["version"] for one in reports] == ["TLS 1.2", "TLS 1.3"]
    assert {one["meta"]["seen"] for one in reports} == {"wire"}
    assert reports[0]["chain"]["certificates"][0]["subject"] == "CN=localhost", "TLS 1.2 shows it to everybody"
    assert reports[1]["chain"] is None
    assert "encrypted record" in [row["name"] for row in reports[1]["messages"]]


def test_a_device_that_trusts_another_authority_is_told_by_its_alert(stage: Stage, tmp_path: Path) -> None:
    other = Stage(tmp_path)
    with serving(broker(stage.server())) as port:
        command = [*SEALMQ, "handshake", "--listen", "127.0.0.1:0", "--to", f"localhost:{port}", "--count", "1"]
        with running(command) as front:
            here = re.search(r"127\.0\.0\.1:(\d+)", front.output.wait("Point your device"))
            assert here
            with pytest.raises(ssl.SSLError):
                dial(int(here[1]), other, ssl.TLSVersion.TLSv1_3)
            assert front.ended() == 1
    assert "unknown_ca" in "\n".join(front.output.lines)


def test_a_broker_that_is_not_there_is_told(stage: Stage) -> None:
    nobody = free_port()
    command = [*SEALMQ, "handshake", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{nobody}", "--count", "1"]
    with running(command) as front:
        here = re.search(r"127\.0\.0\.1:(\d+)", front.output.wait("Point your device"))
        assert here
        thread = threading.Thread(target=lambda: socket.create_connection(("127.0.0.1", int(here[1])), 5).close())
        thread.start()
        assert front.ended() == 3
        thread.join()
    assert "could not be reached" in "\n".join(front.output.lines)


def test_an_open_address_is_warned_of(capsys: Shown) -> None:
    for host, warned in (("0.0.0.0", True), ("::", True), ("192.0.2.1", True), ("127.0.0.1", False), ("::1", False)):
        _greet([Address(host, 8884)], Address("broker", 8883), Outputs(0, False, None, None, None, None))
        assert ("open to other machines" in capsys.readouterr().err) is warned, host


def test_a_terminal_that_does_not_read_holds_no_device(stage: Stage) -> None:
    with serving(broker(stage.server())) as port:
        command = [*SEALMQ, "handshake", "--listen", "127.0.0.1:0", "--to", f"localhost:{port}", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as front:
            try:
                assert front.stderr is not None
                here = re.search(r"127\.0\.0\.1:(\d+)", front.stderr.readline())
                assert here
                for _ in range(8):  # more than a pipe holds
                    assert dial(int(here[1]), stage, ssl.TLSVersion.TLSv1_2) == b"\x20\x03\x00\x00\x00"
                front.terminate()
                output, _ = front.communicate(timeout=30)
            finally:
                front.kill()
    assert len(output) > 2 * 65_536
    assert len(output.splitlines()) == 8
