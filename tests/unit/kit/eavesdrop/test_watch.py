"""One connection, watched: the language is told by the first byte, and everything is told once."""

from __future__ import annotations

import pytest

from mqtt_bytes import CONNECT_V5
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.events import Event
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.sealed import Links
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.eavesdrop.tamper import How
from sealmq.kit.eavesdrop.watch import METERED, Watch
from sealmq.mqtt.packets import ConnAck, PubAck, Publish
from sealmq.mqtt.writer import write_packet
from tls_pairs import Trust
from wiretap import wire

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER


class Scene:
    """A watch with its events and its sight."""

    def __init__(self, how: How | None = None) -> None:
        self.events: list[Event] = []
        self.sights: list[Sight] = []
        self.ends = 0
        self.watch = Watch(
            7, "192.0.2.1:5", tell=self.events.append, done=self.sights.append, links=Links(), how=how,
            finished=self._finished,
        )  # fmt: skip

    def _finished(self) -> None:
        self.ends += 1

    def send(self, sender: Sender, data: bytes, at: float = 0.0) -> bytes:
        arrived = self.watch.change(sender, data, at)
        self.watch.receive_data(sender, data, at)
        return arrived

    def names(self) -> list[str]:
        return [event.name for event in self.events]


def test_plaintext_is_told_from_first_to_last() -> None:
    scene = Scene()
    scene.watch.connected(0.1)
    assert scene.send(CLIENT, CONNECT_V5, 0.2) == CONNECT_V5
    scene.send(SERVER, write_packet(ConnAck(), 5), 0.3)
    scene.watch.ended(CLIENT, 0.4, "closed")
    scene.watch.ended(SERVER, 0.4, "reset")
    scene.watch.over(0.5, "")
    assert scene.names() == ["opened", "speaks", "CONNECT", "CONNACK", "ended", "ended", "closed"]
    assert {event.connection for event in scene.events} == {7}
    assert [event.at for event in scene.events] == [0.1, 0.2, 0.2, 0.3, 0.4, 0.4, 0.5]
    assert scene.events[5].line == "the broker broke off"
    (sight,) = scene.sights
    assert (sight.kind, sight.over, sight.sent[CLIENT], sight.packets) == (Kind.PLAINTEXT, 0.5, len(CONNECT_V5), 2)
    assert len(sight.exposures) == 12
    assert sight.meters[CLIENT].total == len(CONNECT_V5)
    assert scene.ends == 1


def test_tls_is_told_by_its_hello(trust: Trust) -> None:
    scene = Scene()
    tapped = wire(trust, "TLSv1.3")
    tapped.carry()
    for sender, data in tapped.passed:
        scene.send(sender, data)
    scene.watch.over(1.0, "")
    assert scene.names()[:3] == ["speaks", "ClientHello", "ServerHello"]
    assert scene.sights[0].kind is Kind.TLS
    assert len(scene.sights[0].exposures) == 12


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"GET / HTTP/1.1\r\n", "HTTP without encryption"), (b"SSH-2.0-x", "SSH"), (b"\x15\x03", "nor a TLS")],
)
def test_what_is_neither_is_named(data: bytes, words: str) -> None:
    scene = Scene(How.FLIP)
    assert scene.send(CLIENT, data) == data
    scene.watch.over(1.0, "")
    assert words in scene.events[0].line
    assert scene.sights[0].kind is Kind.OTHER
    assert scene.sights[0].exposures == ()


def test_a_broker_that_speaks_first_is_waited_for() -> None:
    scene = Scene()
    scene.send(SERVER, b"\x20\x02\x00\x00")
    assert scene.names() == []
    scene.send(CLIENT, CONNECT_V5)
    assert scene.names() == ["speaks", "CONNECT"]


def test_an_attack_and_its_outcome_are_told_once() -> None:
    scene = Scene(How.FLIP)
    sent = CONNECT_V5 + write_packet(Publish("t", b"ON", qos=1, packet_id=1), 5)
    assert scene.send(CLIENT, sent) != sent
    for _ in range(2):
        scene.send(SERVER, write_packet(ConnAck(), 5) if _ == 0 else write_packet(PubAck(1), 5), 0.1)
    scene.watch.ended(SERVER, 0.2, "closed")
    scene.watch.over(0.2, "")
    assert [name for name in scene.names() if name in ("tampered", "outcome")] == ["tampered", "outcome"]
    assert "payload 'ON'" in next(event.line for event in scene.events if event.name == "PUBLISH")
    assert scene.sights[0].attempt is not None
    assert scene.sights[0].attempt.verdict == "taken"
    row = next(one for one in scene.sights[0].exposures if one.id == "SNF-09")
    assert row.visible
    assert "'ON' became 'NN'" in row.value


def test_a_broker_that_is_not_there_leaves_no_sight() -> None:
    scene = Scene()
    scene.watch.over(0.1, "connection refused")
    assert scene.names() == ["unreachable"]
    assert scene.sights == []
    assert scene.ends == 1


def test_the_entropy_of_a_long_stream_is_that_of_its_first_megabyte() -> None:
    scene = Scene()
    scene.send(CLIENT, CONNECT_V5)
    for _ in range(40):
        scene.send(CLIENT, bytes(50_000))
    scene.watch.over(1.0, "")
    assert scene.sights[0].meters[CLIENT].total == METERED
    assert scene.sights[0].sent[CLIENT] == 2_000_000 + len(CONNECT_V5)
