"""Standing in front of a running broker: real clients go through, with their certificates, and are read on the way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certificates import Authority
from running import WAIT, Broker, program, run, running
from sealmq.kit.dissect.conversation import ContentType, Message, Sender
from sealmq.kit.dissect.hello import read_client_hello
from sealmq.kit.eavesdrop.front import QUIET_NOW, Passed, Stood, stand_in_front
from sealmq.kit.eavesdrop.relay import Address
from sealmq.kit.handshake.fingerprint import fingerprint_of

pytestmark = pytest.mark.interop

TLS = pytest.mark.parametrize("version", ["1.2", "1.3"])
CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED = 11, 13, 15, 20
CONNECT = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08sensor-1"
DISCONNECT = b"\xe0\x00"
CONNACK = b"\x20\x02\x00\x00"


@dataclass
class Front:
    """A front in a thread of its own."""

    port: int = 0
    passed: list[Passed] = field(default_factory=list)
    stood: list[Stood] = field(default_factory=list)
    thread: threading.Thread | None = None

    def told(self) -> Passed:
        """The one connection, once the front has ended by itself."""
        assert self.thread is not None
        self.thread.join(WAIT)
        assert self.stood, "the front did not end"
        (passed,) = self.passed
        return passed


@contextmanager
def front(broker: Broker, key_log: Path | None = None, quiet: float | None = None) -> Iterator[Front]:
    """It ends after one connection was told of."""
    made, listening = Front(), threading.Event()
    asked: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def started(addresses: list[Address]) -> None:
        made.port = addresses[0].port
        listening.set()

    async def stand() -> None:
        stop = asyncio.Event()
        asked.append((asyncio.get_running_loop(), stop))
        here, there = Address("127.0.0.1", 0), Address("127.0.0.1", broker.port)
        stood = await stand_in_front(
            here, there, tell=made.passed.append, key_log=key_log, count=1, quiet=quiet, started=started, stop=stop
        )
        made.stood.append(stood)

    made.thread = threading.Thread(target=lambda: asyncio.run(stand()))
    made.thread.start()
    assert listening.wait(WAIT)
    try:
        yield made
    finally:
        loop, stop = asked[0]
        if made.thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        made.thread.join(WAIT)


def mosquitto(broker: Broker, port: int, topic: str) -> list[str | Path]:
    command = broker.mosquitto("mosquitto_pub", "sensor-1")
    command[command.index("-p") + 1] = str(port)
    return [*command, "-q", "1", "-t", topic, "-m", "21.5"]


def only(version: str, folder: Path) -> dict[str, str]:
    """An environment in which OpenSSL speaks this version alone: mosquitto_pub's option is the least."""
    settings = folder / "openssl.cnf"
    settings.write_text(
        "openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = each\n"
        f"[each]\nMinProtocol = TLSv{version}\nMaxProtocol = TLSv{version}\n"
    )
    return {**os.environ, "OPENSSL_CONF": str(settings)}


def s_client(broker: Broker, port: int, version: str, *more: str | Path) -> list[str | Path]:
    root = broker.files("sensor-1")[0]
    where = ["-connect", f"127.0.0.1:{port}", "-servername", "localhost", f"-tls{version.replace('.', '_')}"]
    return [program("openssl", "openssl"), "s_client", "-quiet", *where, "-CAfile", root, *more]


def say(command: list[str | Path], data: bytes) -> bytes:
    """What is said back."""
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, timeout=WAIT, check=False)
    return done.stdout


def handshake(passed: Passed, sender: Sender, type_: int) -> Message | None:
    return passed.conversation.find(sender, ContentType.HANDSHAKE, type_)


def alerts(passed: Passed) -> list[tuple[Sender, int]]:
    return [(one.sender, one.type) for one in passed.conversation.messages if one.kind == ContentType.ALERT]


@TLS
def test_mosquitto_pub_goes_through_with_its_certificate(
    broker: Broker, topic: str, version: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    mark = broker.mark
    with front(broker) as ours, running(broker.sealmq("sub", "-C", "1", "-q", "1", "-F", "%t %p", topic)) as sub:
        broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
        run(mosquitto(broker, ours.port, topic), env=only(version, tmp_path))
        assert sub.ended() == 0, sub.errors.lines
        passed = ours.told()
    assert sub.output.lines == [f"{topic} 21.5"]
    broker.log.wait("sensor-1 .*connected", after=mark)
    assert (handshake(passed, Sender.CLIENT, CERTIFICATE) is not None) is (version == "1.2")
    assert not passed.conversation.opened
    assert passed.conversation.application[Sender.CLIENT] == b""
    found = fingerprint_of(passed.conversation)
    assert found is not None
    assert found.stack.startswith("OpenSSL")
    sizes = {sender.value: passed.conversation.sent[sender] for sender in Sender}
    record_property("said", f"mosquitto_pub through the front, TLS {version}: {sizes}, {found.stack}")


@TLS
def test_with_the_devices_key_log_everything_is_read(broker: Broker, version: str, tmp_path: Path) -> None:
    _, chain, key = broker.files("sensor-1")
    files = ["-cert", chain, "-cert_chain", chain, "-key", key, "-keylogfile", tmp_path / "keys"]
    with front(broker, tmp_path / "keys") as ours:
        heard = say(s_client(broker, ours.port, version, *files), CONNECT + DISCONNECT)
        passed = ours.told()
    seen = passed.conversation
    assert heard == CONNACK
    assert seen.opened, seen.trouble
    assert seen.application == {Sender.CLIENT: CONNECT + DISCONNECT, Sender.SERVER: CONNACK}
    for sender, type_ in (
        (Sender.SERVER, CERTIFICATE), (Sender.SERVER, CERTIFICATE_REQUEST), (Sender.CLIENT, CERTIFICATE),
        (Sender.CLIENT, CERTIFICATE_VERIFY), (Sender.CLIENT, FINISHED), (Sender.SERVER, FINISHED),
    ):  # fmt: skip
        assert handshake(passed, sender, type_) is not None, (sender, type_)
    hello = handshake(passed, Sender.CLIENT, 1)
    assert hello is not None
    assert read_client_hello(hello.body).random.hex() in passed.keys


@TLS
def test_without_the_key_log_nothing_inside_is_read(broker: Broker, version: str) -> None:
    _, chain, key = broker.files("sensor-1")
    with front(broker) as ours:
        assert say(s_client(broker, ours.port, version, "-cert", chain, "-key", key), CONNECT + DISCONNECT) == CONNACK
        passed = ours.told()
    assert not passed.conversation.opened
    assert set(passed.conversation.application.values()) == {b""}
    assert passed.keys == ""


@TLS
def test_a_device_that_does_not_trust_the_broker_breaks_off_behind_its_certificate(
    broker: Broker, topic: str, version: str, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(Authority("Another Root CA").pem)
    with front(broker) as ours:
        command = mosquitto(broker, ours.port, topic)
        command[command.index("--cafile") + 1] = tmp_path / "other.pem"
        words = [str(word) for word in command]
        environment = only(version, tmp_path)
        done = subprocess.run(words, capture_output=True, timeout=WAIT, check=False, env=environment)
        passed = ours.told()
    assert done.returncode != 0
    assert alerts(passed) == [(Sender.CLIENT, 48)], "unknown_ca"
    assert handshake(passed, Sender.CLIENT, FINISHED) is None
    flight = [one for one in passed.conversation.records if one.sender is Sender.SERVER]
    last = passed.conversation.messages[-1].records[0]
    assert last > max(one.number for one in flight)
    if version == "1.2":
        assert handshake(passed, Sender.SERVER, CERTIFICATE) is not None


@TLS
def test_a_device_without_a_certificate_is_refused_and_the_keys_show_why(
    broker: Broker, version: str, tmp_path: Path
) -> None:
    """RFC 8446 section 6.2: certificate_required. RFC 5246 has handshake_failure for it."""
    with front(broker, tmp_path / "keys") as ours:
        say(s_client(broker, ours.port, version, "-keylogfile", tmp_path / "keys"), CONNECT)
        passed = ours.told()
    assert (Sender.SERVER, 116 if version == "1.3" else 40) in alerts(passed)


def test_a_device_that_stays_is_told_of_once_it_is_quiet(broker: Broker, topic: str) -> None:
    with front(broker, quiet=4.0) as ours:  # longer than it takes both of them to say hello
        command = broker.mosquitto("mosquitto_sub", "sensor-1", "-t", topic)
        command[command.index("-p") + 1] = str(ours.port)
        with running(command):
            passed = ours.told()
    assert (passed.told, passed.over) == (QUIET_NOW, None)
    assert handshake(passed, Sender.SERVER, 2) is not None
