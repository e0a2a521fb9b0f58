"""What a broker can do to a client: each ends in words, and says whether trying again may help.

The broker is a thread that speaks TLS, reads CONNECT, sends the bytes of the play and closes.
"""

from __future__ import annotations

import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from certificates import Authority
from sealmq.cli.connection import Connection, Dial, Will, expect_topic_name, last_words, read_version, reason_string
from sealmq.cli.target import Target
from sealmq.errors import ConfigError, Error, TLSError, TrustError

# paho lets go of a socket whose handshake failed without closing it.
pytestmark = pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")

ACCEPTED_V5 = bytes([0x20, 3, 0, 0, 0])
ACCEPTED_V311 = bytes([0x20, 2, 0, 0])


@dataclass
class Broker:
    """What the thread says after CONNECT, and what it heard."""

    listener: socket.socket
    context: ssl.SSLContext
    answer: bytes = ACCEPTED_V5
    last_words: bytes = b""
    heard: bytes = b""
    hangs_up: bool = False

    def serve(self) -> None:
        try:
            plain, _ = self.listener.accept()
            plain.settimeout(10)
            with self.context.wrap_socket(plain, server_side=True) as link:
                self.heard = link.recv(4096)
                link.sendall(self.answer)
                if self.hangs_up:
                    return
                while data := link.recv(4096):
                    self.heard += data
                    if data.endswith((b"\xe0\x00", b"\xe0\x02\x00\x00")) and self.last_words:
                        link.sendall(self.last_words)
                        return
        except OSError:
            pass  # nobody came, or they did not like each other


@dataclass
class Play:
    broker: Broker
    dial: Dial
    thread: threading.Thread


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of our CA ("ours"), of another one ("theirs") and of a stranger who trusts ours ("stranger")."""
    folder = tmp_path_factory.mktemp("bundles")
    root, other = Authority("Root"), Authority("Other")
    for name, trusted, issuer in (("ours", root, root), ("theirs", other, other), ("stranger", root, other)):
        (folder / name).mkdir()
        (folder / name / "root.pem").write_bytes(trusted.pem)
        chain, key = issuer.issue("sensor-1").save(folder / name, "made")
        chain.rename(folder / name / "device-chain.pem")
        key.rename(folder / name / "device.key")
    root.issue("broker", purpose="server", hosts=["localhost"]).save(folder, "broker")
    return folder


@pytest.fixture
def play(folder: Path) -> Iterator[Play]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    context.load_verify_locations(folder / "ours" / "root.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = Broker(listener, context)
        thread = threading.Thread(target=broker.serve)
        thread.start()
        yield Play(broker, Dial(Target(folder / "ours", "localhost", listener.getsockname()[1])), thread)
        listener.shutdown(socket.SHUT_RDWR)  # wakes a thread that nobody came to
        thread.join(10)
        assert not thread.is_alive()
    gc.collect()  # here, and not in somebody else's test


def dialled(play: Play, bundle: str = "ours", host: str = "localhost", **options: object) -> Connection:
    target = Target(play.dial.target.bundle.parent / bundle, host, play.dial.target.port)
    return Connection(Dial(target, **options))  # type: ignore[arg-type]


def turn_until_it_ends(connection: Connection) -> None:
    while True:
        connection.turn(10)


def test_it_opens_after_connack_and_says_goodbye(play: Play) -> None:
    connection = dialled(play, client_id="me", will=Will("gone", b"away", 1, True), session_expiry=60)
    connection.open()
    connection.close()
    play.thread.join(10)
    assert b"me" in play.broker.heard
    assert b"away" in play.broker.heard
    assert play.broker.heard.endswith((b"\xe0\x00", b"\xe0\x02\x00\x00"))


def test_mqtt_311(play: Play) -> None:
    play.broker.answer = ACCEPTED_V311
    connection = dialled(play, version=MQTTProtocolVersion.MQTTv311)
    connection.open()
    connection.close()
    play.thread.join(10)
    assert play.broker.heard[6:9] == b"TT\x04"


@pytest.mark.parametrize(
    ("version", "answer", "why"),
    [
        (MQTTProtocolVersion.MQTTv5, ACCEPTED_V5, ""),
        (MQTTProtocolVersion.MQTTv311, ACCEPTED_V311, "has no words for a refusal: it may be one; -V 5 has"),
    ],
)
def test_a_lost_connection_may_be_a_refusal_where_there_are_no_words_for_one(
    play: Play, version: MQTTProtocolVersion, answer: bytes, why: str
) -> None:
    play.broker.answer, play.broker.hangs_up = answer, True
    connection = dialled(play, version=version)
    connection.open()
    with pytest.raises(Error, match="the connection to the broker was lost") as caught:
        turn_until_it_ends(connection)
    assert caught.value.why.endswith(why)
    assert bool(caught.value.why) == bool(why)
    connection.close()


@pytest.mark.parametrize(
    ("answer", "words", "transient"),
    [
        (bytes([0x20, 3, 0, 0x87, 0]), r"refused the connection: not authorized \(0x87\)", False),
        (bytes([0x20, 3, 0, 0x89, 0]), r"refused the connection: server busy", True),
        (bytes([0x20, 3, 0, 0x85, 0]), r"client identifier not valid", False),
    ],
)
def test_a_refusal_in_connack(play: Play, answer: bytes, words: str, transient: bool) -> None:
    play.broker.answer = answer
    connection = dialled(play)
    with pytest.raises(Error, match=words):
        connection.open()
    assert connection.transient is transient
    connection.close()


@pytest.mark.parametrize(
    ("answer", "words", "transient"),
    [
        (bytes([0xE0, 2, 0x8B, 0]), "ended the connection: server shutting down", True),
        (bytes([0xE0, 2, 0x98, 0]), "ended the connection: administrative action", False),
    ],
)
def test_a_goodbye_of_the_broker(play: Play, answer: bytes, words: str, transient: bool) -> None:
    play.broker.answer = ACCEPTED_V5 + answer
    connection = dialled(play)

    def open_and_wait() -> None:
        connection.open()  # it may come in the same breath as CONNACK
        connection.turn_until(lambda: False)

    with pytest.raises(Error, match=words):
        open_and_wait()
    assert connection.transient is transient
    connection.close()


def test_a_certificate_that_the_broker_does_not_know(play: Play) -> None:
    connection = dialled(play, "stranger")
    with pytest.raises(TLSError, match="does not know the authority") as caught:
        connection.open()
    assert caught.value.alert == "unknown_ca"
    assert not connection.transient
    connection.close()


def test_a_broker_that_we_do_not_know(play: Play) -> None:
    with pytest.raises(TrustError, match="does not come from this bundle's authority"):
        dialled(play, "theirs").open()


def test_a_broker_with_another_name(play: Play) -> None:
    with pytest.raises(TrustError, match=r"not for the name '127\.0\.0\.1'"):
        dialled(play, host="127.0.0.1").open()


def test_nobody_is_there(play: Play) -> None:
    connection = dialled(play)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connection.dial = Dial(Target(play.dial.target.bundle, "127.0.0.1", unused.getsockname()[1]))
        with pytest.raises(Error, match="nobody listens"):
            connection.open()
    assert connection.transient


def test_the_small_things() -> None:
    assert read_version("311") == read_version("mqttv311") == MQTTProtocolVersion.MQTTv311
    assert reason_string(None) == ""
    expect_topic_name("-t", "a/b")
    with pytest.raises(ConfigError, match="--will-topic 'a/#'"):
        expect_topic_name("--will-topic", "a/#")


@pytest.mark.parametrize("size", [0, 1, 200, 20_000])
def test_a_message_above_the_brokers_limit_is_not_sent(play: Play, size: int) -> None:
    rest = 2 + len("a/b") + 2 + 1 + size  # topic, packet identifier, no properties, payload
    packet = 1 + len(_length(rest)) + rest
    play.broker.answer = bytes([0x20, 8, 0, 0, 5, 0x27]) + packet.to_bytes(4, "big")
    connection = dialled(play)
    connection.open()
    connection.check_size("a/b", bytes(size), 1, None)
    with pytest.raises(Error, match="too large for the broker") as caught:
        connection.check_size("a/b", bytes(size + 1), 1, None)
    assert f"the broker takes {packet}" in caught.value.why
    connection.close()


def _length(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, *_length(value >> 7)])


def test_a_refusal_while_closing_is_told(play: Play) -> None:
    play.broker.last_words = bytes([0xE0, 2, 0x97, 0])
    connection = dialled(play)
    connection.open()
    with pytest.raises(Error, match=r"ended the connection: quota exceeded \(0x97\)"):
        connection.finish()
    connection.close()


def test_a_friendly_end_while_closing_is_no_error(play: Play) -> None:
    play.broker.last_words = bytes([0xE0, 2, 0, 0])
    connection = dialled(play)
    connection.open()
    connection.finish()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", None),
        (b"\xe0\x00", None),
        (b"\xe0\x02\x00\x00", None),
        (b"\xe0\x01\x95", (0x95, "")),
        (b"\x40\x02\x00\x01\xe0\x02\x95\x00", (0x95, "")),
        (b"\xe0\x07\x95\x05\x1f\x00\x02no", (0x95, "no")),
        (b"\xe0\x07\x95\x05\x1f\x00\x02", None),
        (b"\xe0\xff\xff\xff\xff\xff", None),
        (b"\xe0\x80", None),
    ],
)
def test_last_words_are_found_among_other_packets(data: bytes, found: tuple[int, str] | None) -> None:
    assert last_words(data) == found
