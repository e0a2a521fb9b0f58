"""`sealmq eavesdrop` between real clients and real brokers: mosquitto without TLS, and ours with it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mqtt_bytes
from ports import free_port
from running import SEALMQ, Broker, Program, program, run, running, wait_until

pytestmark = pytest.mark.interop

PASSWORD = "hunter22-canary"
PAYLOAD = "payload-canary"


class Mosquitto(Program):
    """Mosquitto without TLS on a port of loopback; what it notes is in `errors`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "mosquitto.conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        super().__init__([program("mosquitto", "mosquitto"), "-v", "-c", folder / "mosquitto.conf"])
        self.errors.wait("running")

    @contextmanager
    def taker(self, topic: str, count: int) -> Iterator[Program]:
        """A subscriber that talks to it directly, and ends after so many messages."""
        path = program("mosquitto_sub", "mosquitto-clients")
        command = [path, "-h", "127.0.0.1", "-p", str(self.port), "-t", topic, "-C", str(count), "-v"]
        mark = len(self.errors.lines)
        with running(command) as started:
            self.errors.wait("Sending SUBACK", after=mark)
            yield started


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """It runs for all tests of this file."""
    started = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield started
    started.kill()


@contextmanager
def eavesdropping(to: int, *options: str | Path) -> Iterator[tuple[Program, int]]:
    """The listener before a broker of this machine, and the port that devices are pointed to."""
    command = [*SEALMQ, "eavesdrop", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{to}", *options]
    with running(command) as listener:
        line = listener.output.wait(r"Listening on|\"listening\"")
        port = json.loads(line)["port"] if "--json" in options else int(line.split("127.0.0.1:")[1].split(";")[0])
        yield listener, port


def said(listener: Program) -> str:
    """All that it printed, once Ctrl-C has ended it."""
    assert listener.end(signal.SIGINT) == 0, listener.errors.lines
    return "\n".join([*listener.output.lines, *listener.errors.lines])


def publish(port: int, *arguments: str) -> list[str | Path]:
    return [program("mosquitto_pub", "mosquitto-clients"), "-h", "127.0.0.1", "-p", str(port), *arguments]


def sealed(broker: Broker, port: int, topic: str, *arguments: str) -> list[str | Path]:
    """mosquitto_pub with TLS, through the listener."""
    command = broker.mosquitto("mosquitto_pub", "sensor-1", "-V", "mqttv5", "-t", topic, "-q", "1", *arguments)
    command[command.index("-p") + 1] = str(port)
    return command


ACCOUNT = ("-i", "client-canary", "-u", "anna", "-P", PASSWORD)


@pytest.mark.parametrize("version", ["311", "5"])
def test_plaintext_lies_open_and_the_password_is_not_repeated(
    mosquitto: Mosquitto, version: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    with eavesdropping(mosquitto.port, "--html", page) as (listener, port):
        run(publish(port, *ACCOUNT, "-V", version, "-t", "home/door", "-m", PAYLOAD, "-q", "1"))
        listener.output.wait(" closed ")
        text = said(listener)
    for seen in (
        "client id 'client-canary'",
        "user name 'anna'",
        "15 characters, in clear",
        "topic 'home/door'",
        PAYLOAD,
    ):
        assert seen in text
    assert PAYLOAD in text
    assert "8 of 12 things lay open in plaintext" in text
    assert PASSWORD not in text + page.read_text()
    assert PAYLOAD in page.read_text()


def test_json_repeats_no_password_either_unless_it_is_asked_for(mosquitto: Mosquitto) -> None:
    for options, shown in (((), False), (("--show-secrets",), True)):
        with eavesdropping(mosquitto.port, "--json", *options) as (listener, port):
            run(publish(port, *ACCOUNT, "-t", "home/door", "-m", PAYLOAD))
            listener.output.wait('"event": "closed"')
            text = said(listener)
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["event"] for line in lines][:4] == ["listening", "opened", "speaks", "CONNECT"]
        assert lines[-1]["event"] == "summary"
        assert len(lines[-1]["plaintext"]["exposures"]) == 12
        assert (PASSWORD in text) is shown


def test_a_changed_bit_is_swallowed_and_delivered_without_tls(mosquitto: Mosquitto) -> None:
    with (
        mosquitto.taker("lamp/#", 1) as taker,
        eavesdropping(mosquitto.port, "--tamper") as (listener, port),
    ):
        run(publish(port, "-t", "lamp/1", "-m", "ON", "-q", "1"))
        assert taker.ended() == 0
        assert taker.output.lines == ["lamp/1 NN"]
        listener.output.wait(" closed ")
        text = said(listener)
    assert "one bit of a payload was changed: 'ON' became 'NN'; topic 'lamp/1'" in text
    assert "the broker swallowed it: it acknowledged the changed message" in text


def test_a_message_is_delivered_twice_without_tls(mosquitto: Mosquitto) -> None:
    with (
        mosquitto.taker("door/#", 2) as taker,
        eavesdropping(mosquitto.port, "--replay") as (listener, port),
    ):
        run(publish(port, "-t", "door/1", "-m", "open", "-q", "1"))
        assert taker.ended() == 0
        assert taker.output.lines == ["door/1 open"] * 2
        listener.output.wait(" closed ")
        assert "the broker swallowed it: it acknowledged both" in said(listener)


def test_of_tls_nothing_of_the_inside_is_left(broker: Broker, topic: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with eavesdropping(broker.port, "--html", page) as (listener, port):
        run(sealed(broker, port, topic, "-m", PAYLOAD, "-i", "sensor-1"))
        listener.output.wait(" closed ")
        text = said(listener)
    everything = text + page.read_text()
    assert "server name localhost" in text
    assert "TLS 1.3" in text
    assert "encrypted" in text
    assert "4 of 12 things lay open in TLS 1.3" in text
    for hidden in (PAYLOAD, topic, "sensor-1", "devices/"):
        assert hidden not in everything


@pytest.mark.parametrize("option", ["--tamper", "--replay"])
def test_tls_1_3_refuses_the_attack_and_nothing_of_it_arrives(broker: Broker, topic: str, option: str) -> None:
    with eavesdropping(broker.port, option) as (listener, port):
        done = subprocess.run(
            sealed(broker, port, topic, "-m", "ON", "--repeat", "2"), capture_output=True, timeout=30, check=False
        )
        assert done.returncode != 0
        outcome = listener.output.wait(" outcome ")
        listener.output.wait(" closed ")
        said(listener)
    assert "TLS refused it" in outcome
    assert "the size of an encrypted alert" in outcome


@pytest.mark.parametrize("option", [None, "--tamper", "--replay"])
def test_tls_1_2_shows_the_certificates_and_refuses_the_attack(broker: Broker, option: str | None) -> None:
    context = broker.context("sensor-1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with eavesdropping(broker.port, *([option] if option else [])) as (listener, port):
        with (
            socket.create_connection(("127.0.0.1", port), 30) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(mqtt_bytes.connect_packet("sensor-1"))
            if option is None:
                assert mqtt_bytes.read_packet(connection)[0] == 0x20
            else:
                with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
                    _read_to_the_end(connection)
        listener.output.wait(" closed ")
        text = said(listener)
    assert "in clear, the device's: " in text
    assert "sensor-1" in text
    assert ("TLS refused it" in text) is (option is not None)


def _read_to_the_end(connection: ssl.SSLSocket) -> None:
    while True:
        mqtt_bytes.read_packet(connection)


def test_twenty_devices_at_once_with_and_without_tls(mosquitto: Mosquitto, broker: Broker, topic: str) -> None:
    for to, make in (
        (mosquitto.port, lambda port, number: publish(port, "-t", f"t/{number}", "-m", "x", "-q", "1")),
        (broker.port, lambda port, number: sealed(broker, port, topic, "-m", "x", "-i", f"n{number}")),
    ):
        with eavesdropping(to, "--count", "20") as (listener, port):
            devices = [Program(make(port, number)) for number in range(20)]
            assert [device.ended() for device in devices] == [0] * 20
            assert listener.ended() == 0
        assert sum(" closed " in line for line in listener.output.lines) == 20
        assert any("20 connections of" in line for line in listener.output.lines)


def test_a_broker_that_is_not_there_is_said_and_is_a_failure() -> None:
    with eavesdropping(free_port(), "--count", "1") as (listener, port):
        assert subprocess.run(publish(port, "-t", "t", "-m", "x"), capture_output=True, check=False).returncode != 0
        assert listener.ended() == 1
    assert any("the broker cannot be reached: connection refused" in line for line in listener.output.lines)


def test_who_reads_us_no_more_ends_it(mosquitto: Mosquitto) -> None:
    command = [*SEALMQ, "eavesdrop", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{mosquitto.port}"]
    listener = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert listener.stdout is not None
        port = int(listener.stdout.readline().split("127.0.0.1:")[1].split(";")[0])
        assert any("TLS checks the name" in line for line in listener.stdout), "its last line before somebody comes"
        listener.stdout.close()
        wait_until(lambda: subprocess.run(publish(port, "-t", "t", "-m", "x"), capture_output=True).returncode != 0)
        assert listener.wait(30) == 1
        assert listener.stderr is not None
        assert "Traceback" not in listener.stderr.read()
    finally:
        listener.kill()
        listener.wait()
        assert listener.stderr is not None
        listener.stderr.close()
