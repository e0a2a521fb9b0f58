"""Passwords: a link waits for the gatekeeper, and nothing is lost or reordered meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from sealmq.broker.gate import Answer, Denial
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.identity import Identity, Terms
from sealmq.link import Link
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import ConnAck, Connect, PingReq, PingResp, PubAck, Publish, Subscribe, Subscription
from sealmq.tls.plaintext import PlaintextConnection
from stacks import Client, PlainTLS, Stage

EVERYTHING = (Rule(None, None, "allow", ACTIONS, ("#",)),)
PANEL = Identity("panel", "account", kind="account")
PASSWORD, BOTH = Terms("password"), Terms("certificate-and-password")
both_levels = pytest.mark.parametrize("level", [4, 5])


class Gate:
    """A gatekeeper that answers at once, or when told to."""

    def __init__(self, *, at_once: bool) -> None:
        self.at_once = at_once
        self.asked: list[tuple[str | None, bytes | None, Answer]] = []

    def ask(self, name: str | None, password: bytes | None, peer: str, answer: Answer) -> None:
        assert peer == "192.0.2.7:1883"
        self.asked.append((name, password, answer))
        if self.at_once:
            self.reply()

    def forget(self, answer: Answer) -> None:
        self.asked = [each for each in self.asked if each[2] != answer]

    def reply(self) -> None:
        name, password, answer = self.asked.pop(0)
        right = (name, password) == ("panel", b"secret")
        answer(PANEL if right else Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "wrong password for 'panel'"))


class PasswordStage(Stage):
    """A stage with a gate, and a listener with these terms."""

    def __init__(self, terms: Terms = PASSWORD, *, at_once: bool = False, **limits: Any) -> None:
        super().__init__(EVERYTHING, **limits)
        self.gate = Gate(at_once=at_once)
        self.house.gatekeeper = self.gate
        self.terms = terms

    def client(self, name: str = "operator", level: int = 5, **how: Any) -> Client:
        client = super().client(name, level, **how)
        client.link.lost("replaced")
        tls = (
            PlaintextConnection()
            if self.terms.plaintext
            else PlainTLS(b"" if self.terms == PASSWORD else name.encode())
        )
        client.link = client.wire.link = Link(client.wire, tls, self.house, self.terms)
        return client

    def reply(self) -> None:
        self.gate.reply()
        self.settle()


def hello(client: Client, user: str | None = "panel", password: bytes | None = b"secret", *behind: Any) -> None:
    client.send(Connect("client", level=client.level, user_name=user, password=password), *behind)


@both_levels
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("terms", [PASSWORD, Terms("password", plaintext=True)])
def test_the_account_is_who_it_is(level: int, at_once: bool, terms: Terms) -> None:
    stage = PasswordStage(terms, at_once=at_once)
    client = stage.client(level=level)
    hello(client)
    if not at_once:
        assert client.received == []
        stage.reply()
    assert client.expect(ConnAck).reason_code == 0
    assert client.link.identity == PANEL
    assert client.link.account == "panel"
    assert stage.session("client", "panel") is not None
    assert client.wire.reading


@both_levels
def test_a_wrong_password_is_refused_and_the_client_learns_no_more(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "sealmq")
    stage = PasswordStage()
    client = stage.client(level=level)
    hello(client, "panel", b"guess me")
    stage.reply()
    answer = client.expect(ConnAck)
    assert answer.reason_code == 0x86
    assert client.closed
    assert "panel" not in str(answer)
    assert stage.broker.sessions == {}
    assert "CONNECT refused: wrong password for 'panel'" in caplog.text
    assert "guess me" not in caplog.text


def test_a_certificate_and_a_password_make_the_device_with_its_own_name() -> None:
    stage = PasswordStage(BOTH)
    client = stage.client("sensor-1")
    hello(client)
    stage.reply()
    assert client.expect(ConnAck).reason_code == 0
    assert client.link.identity is not None
    assert (client.link.identity.name, client.link.account) == ("sensor-1", "panel")
    assert stage.session("client", "sensor-1") is not None


def test_a_refused_certificate_is_not_mended_by_a_password() -> None:
    stage = PasswordStage(BOTH)
    stage.registry.revoked.add("sensor-1")
    client = stage.client("sensor-1")
    hello(client)
    assert stage.gate.asked == []
    assert client.expect(ConnAck).reason_code == 0x87
    assert client.closed


def test_a_certificate_does_without_a_password_where_none_is_asked() -> None:
    stage = PasswordStage(Terms())
    client = stage.client("sensor-1")
    hello(client, "panel", b"whatever")
    assert stage.gate.asked == []
    assert client.expect(ConnAck).reason_code == 0
    assert client.link.account == ""


@both_levels
def test_what_comes_behind_connect_waits_and_then_has_its_order(level: int) -> None:
    stage = PasswordStage()
    client = stage.client(level=level)
    hello(
        client, "panel", b"secret",
        Subscribe(1, [Subscription("a", 1)]),
        Publish("a", b"first", 1, packet_id=2),
    )  # fmt: skip
    assert not client.wire.reading
    for packet in (Publish("a", b"second", 1, packet_id=3), PingReq()):  # as if the kernel had held them still
        client.mqtt.send(packet)
        client.link.bytes_received(memoryview(client.mqtt.data_to_send()))
    assert client.received == []
    stage.reply()
    kinds = [type(packet).__name__ for packet in client.received]
    assert kinds[0] == "ConnAck"
    assert client.payloads() == [b"first", b"second"]
    assert sorted(packet.packet_id for packet in client.received if isinstance(packet, PubAck)) == [2, 3]
    assert isinstance(client.received[-1], PingResp) or client.expect(PingResp)


def test_bytes_that_end_in_mid_packet_are_put_together() -> None:
    stage = PasswordStage()
    client = stage.client()
    client.mqtt.send(Connect("client", user_name="panel", password=b"secret"))
    client.mqtt.send(Publish("a", b"x" * 100, 1, packet_id=7))
    data = client.mqtt.data_to_send()
    client.link.bytes_received(memoryview(data[:60]))
    client.link.bytes_received(memoryview(data[60:90]))
    client.link.bytes_received(memoryview(data[90:]))
    stage.reply()
    assert client.expect(PubAck).packet_id == 7


def test_what_waits_is_bounded() -> None:
    stage = PasswordStage(first_packet_size=200)
    client = stage.client()
    hello(client)
    client.link.bytes_received(memoryview(bytes(300)))
    assert client.closed
    stage.gate.reply()
    stage.settle()
    assert stage.broker.sessions == {}


def test_nothing_but_connect_is_heard_before_it() -> None:
    stage = PasswordStage()
    client = stage.client()
    client.raw(b"\xc0\x00")
    assert client.closed
    assert stage.gate.asked == []


def test_who_went_away_is_forgotten() -> None:
    stage = PasswordStage()
    client = stage.client()
    hello(client)
    (waiting,) = stage.gate.asked
    client.lose()
    assert stage.gate.asked == []
    waiting[2](PANEL)  # too late
    assert stage.broker.sessions == {}
    assert not stage.house.links


def test_the_answer_has_a_deadline_too() -> None:
    stage = PasswordStage(connect_timeout=5.0)
    client = stage.client()
    hello(client)
    stage.wait(8)
    assert client.expect(ConnAck).reason_code == 0x89
    assert client.closed


def test_bytes_one_by_one_do_not_put_the_deadline_of_connect_off() -> None:
    stage = PasswordStage(connect_timeout=5.0)
    client = stage.client()
    for byte in b"\x10\x20\x00\x04MQTT":
        client.raw(bytes([byte]))
        stage.wait(1)
    assert client.closed


def test_the_password_is_let_go_of() -> None:
    stage = PasswordStage()
    client = stage.client()
    hello(client)
    asked = client.link._asked
    assert asked is not None
    assert asked.packet.password is None
    assert "secret" not in repr(Connect("client", user_name="panel", password=b"secret"))


def test_without_a_gatekeeper_no_password_is_right() -> None:
    stage = Stage(EVERYTHING)
    client = stage.client()
    client.link.terms = PASSWORD
    hello(client)
    assert client.expect(ConnAck).reason_code == 0x86
