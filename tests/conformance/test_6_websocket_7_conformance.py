"""Chapter 6, WebSocket, over its own floor and over a whole link; and what chapter 7 of MQTT 3.1.1 adds."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sealmq
from by_hand import connect, field, properties, publish, split, subscribe
from sealmq.errors import WebSocketError
from sealmq.house import House
from sealmq.link import Link
from sealmq.mqtt.packets import Connect
from sealmq.secure_websocket import SecureWebSocket
from sealmq.tcp.websocket import WebSocketConnection
from sealmq.tls.openssl import client_connection
from stacks import Client as MemoryClient
from stacks import Stage, Wire
from tls_pairs import Trust
from websocket_pairs import Client, frame, request

BINARY, TEXT = 2, 1


class Browser:
    """A client over TLS and WebSocket, before a link of that stage; it hears bytes."""

    def __init__(self, stage: Stage, trust: Trust) -> None:
        credentials = trust.device_ca.issue("other")
        stage.registry.by_certificate[credentials.der] = "other"
        house: House = stage.house
        self.stage = stage
        self.wire = Wire(stage.limits.buffered_bytes)
        self.link = Link(self.wire, SecureWebSocket(trust.server().connection()), house)
        self.wire.link = self.link
        self.tls = client_connection(trust.client(credentials), "localhost")
        self.socket = Client()
        self.tls.send(self.socket.request())
        self._carry()
        assert self.socket.accepted is not None
        self.subprotocol = self.socket.accepted.subprotocol

    def _carry(self) -> None:
        while True:
            self.stage.settle()
            written = b"".join(self.wire.writes)
            self.wire.writes.clear()
            if written:
                self.socket.receive(self.tls.receive_data(written))
            if data := self.tls.data_to_send():
                self.link.bytes_received(memoryview(data))
            elif not written:
                return

    def say(self, frames: bytes) -> list[tuple[int, bytes]]:
        """Send frames; returns the MQTT packets that came, each in whatever frames."""
        heard = len(self.socket.messages)
        self.tls.send(frames)
        self._carry()
        return split(b"".join(self.socket.messages[heard:]))


@pytest.fixture
def sealed(trust: Trust) -> Stage:
    return Stage(trust=trust)


def conversation(level: int) -> bytes:
    return connect(level, field(b"c")) + subscribe(level, 1, (b"a", 1)) + publish(level, b"a", b"x", 2, 7) + b"\xc0\x00"


def answers(level: int) -> list[tuple[int, bytes]]:
    head = field(b"a") + b"\0\1"
    return [
        (0x90, b"\0\1" + properties(level) + b"\x01"),
        (0x32, head + properties(level) + b"x"),
        (0x40, b"\0\7"),
        (0xD0, b""),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_packets_and_frames_need_not_begin_together(sealed: Stage, trust: Trust, level: int, size: int) -> None:
    """[MQTT-6.0.0-1, MQTT-6.0.0-2, MQTT-6.0.0-4, MQTT-4.2.0-1], [MQTT 3.1.1: MQTT-7.1.1-2]"""
    browser = Browser(sealed, trust)
    assert browser.subprotocol == "mqtt"
    said = conversation(level)
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    heard = browser.say(b"".join(frame(BINARY, piece) for piece in pieces))
    assert heard[0][0] == 0x20
    assert heard[1:] == answers(level)  # `Browser` takes nothing but binary frames for messages


def test_a_text_frame_closes_the_connection(sealed: Stage, trust: Trust, level: int) -> None:
    """[MQTT-6.0.0-1]"""
    browser = Browser(sealed, trust)
    browser.say(frame(BINARY, connect(level, field(b"c"))))
    assert not browser.wire.finished
    browser.say(frame(TEXT, b"\xc0\x00") if level == 5 else frame(TEXT, b"hello"))
    assert browser.wire.finished
    assert sealed.session("c", "other") is None


def test_the_server_chooses_mqtt_and_nothing_without_it() -> None:
    """[MQTT-6.0.0-4]"""
    for offered, taken in (
        ("mqtt", True),
        ("chat, mqtt", True),
        ("mqttv3.1, mqtt", True),
        ("chat", False),
        (None, False),
    ):
        server = WebSocketConnection()
        try:
            server.receive_data(request(Sec_WebSocket_Protocol=offered))
        except WebSocketError:
            pass
        said = server.data_to_send()
        assert said.startswith(b"HTTP/1.1 101 ") == taken
        assert (b"\r\nsec-websocket-protocol: mqtt\r\n" in said.lower()) == taken


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_tls_alone_carries_the_same_conversation(sealed: Stage, level: int, size: int) -> None:
    """[MQTT-4.2.0-1], [MQTT 3.1.1: MQTT-7.1.1-2]: a stream of bytes, cut anywhere."""
    client = MemoryClient(sealed, "other", level)
    said = conversation(level)
    client.mqtt.send(Connect("c", level=level))  # so that the client's own reader knows where it is
    client.mqtt.data_to_send()
    client.answering = False
    for at in range(0, len(said), size):
        client.raw(said[at : at + size])
    assert [type(packet).__name__ for packet in client.packets()] == [
        "ConnAck",
        "SubAck",
        "Publish",
        "PubAck",
        "PingResp",
    ]


# --- chapter 7 of MQTT 3.1.1


def test_a_client_that_knows_the_standard_alone_is_served(stage: Stage, level: int) -> None:
    """[MQTT 3.1.1: MQTT-7.0.0-2]: no property, no user name, no topic of ours is needed."""
    client = stage.client(level=level)
    client.mqtt.send(Connect("c", level=level))
    client.mqtt.data_to_send()
    client.answering = False
    client.raw(conversation(level))
    kinds = [type(packet).__name__ for packet in client.packets()]
    assert kinds == ["ConnAck", "SubAck", "Publish", "PubAck", "PingResp"]


def test_the_server_connects_to_nobody() -> None:
    """A server that connects to servers would owe what a client owes [MQTT 3.1.1: MQTT-7.0.0-1]."""
    reaching = {
        "create_connection",
        "open_connection",
        "create_unix_connection",
        "sock_connect",
        "connect_ex",
        "connect",
    }
    source = Path(sealmq.__file__).parent
    found = set()
    for path in source.rglob("*.py"):
        if {"cli", "kit", "renewal"} & set(path.parts) or path == source / "client.py":
            continue  # what a person types, the client's side, the load: not the server, nor imported by it
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in reaching:
                found.add(ast.unparse(node.func))
    assert found <= {"sqlite3.connect", "self.statistics.traffic.connect"}
