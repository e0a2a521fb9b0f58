"""A whole link over WebSocket in memory: browser, TLS, WebSocket, MQTT, broker, and the log that tells it."""

from __future__ import annotations

import logging

import pytest
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong

from certificates import Credentials
from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.broker.store import MemoryStore
from sealmq.house import House
from sealmq.identity import Identity
from sealmq.link import Link
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import (
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    Publish,
    SubAck,
    Subscribe,
    Subscription,
)
from sealmq.mqtt.state import Sender
from sealmq.secure_websocket import SecureWebSocket
from sealmq.tls.openssl import client_connection
from tls_pairs import Trust
from websocket_pairs import Client, frame, request

EVERYBODY = Rule(None, None, "allow", ACTIONS, ("#",))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Names:
    """A directory that knows everybody."""

    def identify(self, der: bytes, now: float) -> Identity:
        return Identity("dashboard", "device", "07")

    def describe(self, der: bytes) -> str:
        return "the certificate 'dashboard'"


class Wire:
    """TCP in memory."""

    peer = "192.0.2.1:40000"

    def __init__(self) -> None:
        self.written = b""
        self.writes = 0
        self.finished = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data
        self.writes += 1

    def waiting(self) -> int:
        return 0

    def accepted(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.aborted = True


class Browser:
    """MQTT in WebSocket in TLS, from the other side."""

    def __init__(self, house: House, trust: Trust, credentials: Credentials | None, size: int = 0) -> None:
        self.house = house
        self.wire = Wire()
        self.link = Link(self.wire, SecureWebSocket(trust.server().connection()), house)
        self.tls = client_connection(trust.client(credentials), "localhost")
        self.websocket = Client()
        self.mqtt = MQTTConnection(Sender.CLIENT)
        self.size = size
        self.heard: list[Packet] = []
        self.http = b""

    def turn(self) -> None:
        """Turns of the loop until both sides are silent."""
        for _ in range(6):
            ciphertext = self.tls.data_to_send()
            size = self.size or len(ciphertext) or 1
            for at in range(0, len(ciphertext), size):
                self.link.bytes_received(memoryview(ciphertext[at : at + size]))
            self.house.flush()
            plaintext = self.tls.receive_data(self.wire.written)
            self.wire.written = b""
            if self.http or plaintext.startswith(b"HTTP/1.1 4"):
                self.http += plaintext
                continue
            for event in self.websocket.receive(plaintext):
                if isinstance(event, BytesMessage):
                    self.heard += self.mqtt.receive_data(event.data)

    def open(self) -> None:
        self.tls.send(self.websocket.request())
        self.turn()
        assert self.websocket.accepted

    def say(self, *packets: Packet) -> None:
        """Send each packet in a frame of its own."""
        for packet in packets:
            self.mqtt.send(packet)
            self.tls.send(self.websocket.send(BytesMessage(self.mqtt.data_to_send())))
        self.turn()

    def connect(self, keep_alive: int = 0) -> None:
        self.open()
        self.say(Connect(level=5, client_id="page", keep_alive=keep_alive))
        assert isinstance(self.heard[-1], ConnAck)


@pytest.fixture
def house() -> House:
    limits = Limits()
    broker = Broker([EVERYBODY], limits, MemoryStore(), lambda: "new")
    return House(broker, Names(), limits, Clock(), lambda: None)


@pytest.mark.parametrize("size", [0, 1, 50])
def test_a_message_goes_through_the_whole_stack_and_back(house: House, trust: Trust, size: int) -> None:
    browser = Browser(house, trust, trust.device, size)
    browser.connect()
    browser.say(Subscribe(1, (Subscription("a/#", 0),)))
    assert isinstance(browser.heard[-1], SubAck)
    browser.say(Publish("a/b", b"x" * 50_000))
    assert isinstance(browser.heard[-1], Publish)
    assert (browser.heard[-1].topic, browser.heard[-1].payload) == ("a/b", b"x" * 50_000)
    browser.say(Disconnect())
    assert browser.wire.finished
    assert isinstance(browser.websocket.events[-1], CloseConnection)


def test_many_packets_in_one_turn_leave_as_one_frame_and_one_write(house: House, trust: Trust) -> None:
    browser = Browser(house, trust, trust.device)
    browser.connect()
    before, writes = len(browser.websocket.messages), browser.wire.writes
    for packet in [Subscribe(1, (Subscription("a", 0),)), *(Publish("a", bytes([value])) for value in range(50))]:
        browser.mqtt.send(packet)
    browser.tls.send(browser.websocket.send(BytesMessage(browser.mqtt.data_to_send())))  # and joined [MQTT-6.0.0-2]
    browser.turn()
    assert len([packet for packet in browser.heard if isinstance(packet, Publish)]) == 50
    assert len(browser.websocket.messages) == before + 1
    assert browser.wire.writes == writes + 1


def test_a_web_page_of_a_stranger_is_refused_with_one_line_in_the_log(
    house: House, trust: Trust, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(house, trust, trust.device)
    browser.tls.send(request(Origin="https://evil.example"))
    with caplog.at_level(logging.DEBUG):
        browser.turn()
        browser.link.lost("")
    assert browser.http.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert browser.tls.closed
    assert browser.wire.finished
    assert [record.getMessage() for record in caplog.records] == [
        "192.0.2.1:40000 was refused: a web page of 'https://evil.example' may not connect here"
        " (the certificate 'dashboard'); next: name it in sealmq.toml, [websocket] origins, if it is one of yours"
    ]


def test_plain_http_gets_an_answer_that_a_person_understands(house: House, trust: Trust) -> None:
    browser = Browser(house, trust, trust.device)
    browser.tls.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    browser.turn()
    assert browser.http.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"MQTT over WebSocket is spoken here" in browser.http
    assert browser.wire.finished


def test_a_text_frame_closes_the_connection(house: House, trust: Trust, caplog: pytest.LogCaptureFixture) -> None:
    browser = Browser(house, trust, trust.device)
    browser.connect()
    browser.tls.send(frame(1, b"hello"))  # [MQTT-6.0.0-1]
    with caplog.at_level(logging.INFO):
        browser.turn()
    assert isinstance(browser.heard[-1], Disconnect)
    last = browser.websocket.events[-1]
    assert isinstance(last, CloseConnection)
    assert last.code == 1003
    assert browser.wire.finished
    assert "text frame" in caplog.text
    assert not house.broker.sessions


def test_a_browser_that_closes_its_page_ends_the_link(house: House, trust: Trust) -> None:
    browser = Browser(house, trust, trust.device)
    browser.connect()
    browser.tls.send(browser.websocket.send(CloseConnection(1001)))
    browser.turn()
    assert isinstance(browser.websocket.events[-1], CloseConnection)
    assert browser.wire.finished
    assert browser.link.session is None


def test_a_websocket_ping_is_answered_but_is_no_sign_of_life_of_mqtt(house: House, trust: Trust) -> None:
    browser = Browser(house, trust, trust.device)
    browser.connect(keep_alive=10)
    deadline = browser.link.deadline
    clock = house.clock
    assert isinstance(clock, Clock)
    clock.now += 5
    browser.tls.send(browser.websocket.send(Ping(b"?")))
    browser.turn()
    assert browser.websocket.events[-1] == Pong(b"?")
    assert browser.link.deadline == deadline  # [MQTT-3.1.2-22]: it asks for packets
    browser.say(PingReq())
    assert isinstance(browser.heard[-1], PingResp)
    assert browser.link.deadline == deadline + 5


@pytest.mark.parametrize(("opened", "words"), [(False, "no whole WebSocket handshake"), (True, "no whole CONNECT")])
def test_what_did_not_come_in_time_has_its_name(
    house: House, trust: Trust, opened: bool, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(house, trust, trust.device)
    if opened:
        browser.open()
    browser.turn()
    with caplog.at_level(logging.INFO):
        browser.link.deadline_passed(house.clock() + 11)
    assert words in caplog.text
    assert browser.wire.aborted


def test_without_a_certificate_there_is_an_alert_and_no_http(
    house: House, trust: Trust, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(house, trust, None)
    browser.tls.send(browser.websocket.request())
    with caplog.at_level(logging.INFO), pytest.raises(Exception, match="certificate"):
        browser.turn()
    assert browser.http == b""
    assert not browser.websocket.accepted
    assert browser.wire.finished
    assert "was refused" in caplog.text
