"""$SYS/broker: what the numbers are, and when they are worked out."""

from __future__ import annotations

import pytest

from outboxes import held, session
from sealmq.broker.counters import Counters
from sealmq.broker.retained import Retained, RetainedMessage
from sealmq.broker.router import Router
from sealmq.broker.sessions import NEVER, Delivery, Session, SessionKey
from sealmq.broker.statistics import INTERVAL, Load, Statistics
from sealmq.mqtt.packets import Publish

START = 1_000.0

MOSQUITTO = {
    "bytes/received",
    "bytes/sent",
    "clients/connected",
    "clients/disconnected",
    "clients/maximum",
    "clients/total",
    "load/bytes/received/1min",
    "load/bytes/sent/5min",
    "load/connections/15min",
    "load/messages/received/1min",
    "load/messages/sent/1min",
    "load/publish/dropped/1min",
    "load/publish/received/1min",
    "load/publish/sent/1min",
    "load/sockets/1min",
    "messages/received",
    "messages/sent",
    "publish/messages/dropped",
    "publish/messages/received",
    "publish/messages/sent",
    "shared_subscriptions/count",
    "store/messages/bytes",
    "store/messages/count",
    "subscriptions/count",
    "uptime",
    "version",
    "retained messages/count",
}
"""Names that mosquitto(8) has."""


class Room:
    def __init__(self) -> None:
        self.sessions: dict[SessionKey, Session] = {}
        self.router = Router()
        self.retained = Retained(10, 1_000)
        self.counters = Counters()
        self.statistics = Statistics(self.sessions, self.router, self.retained, self.counters)
        self.now = START

    def add(self, name: str, *filters: str) -> Session:
        one = session(name)
        self.sessions[one.key] = one
        for topic_filter in filters:
            one.subscriptions[topic_filter] = held(topic_filter)
            self.router.subscribe(one, one.subscriptions[topic_filter])
        return one

    def found(self, topic_filter: str = "$SYS/#") -> dict[str, str]:
        return {
            message.publish.topic.removeprefix("$SYS/broker/"): message.publish.payload.decode()
            for message in self.statistics.walk(topic_filter, self.now)
        }

    def tick(self, seconds: float = 0.0) -> dict[str, bytes]:
        self.now += seconds
        return {publish.topic: publish.payload for publish in self.statistics.tick(self.now)}


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_names_are_those_that_mosquittos_users_know(room: Room) -> None:
    assert room.found().keys() >= MOSQUITTO


def test_a_new_subscriber_finds_what_it_asks_for_and_nothing_outside(room: Room) -> None:
    assert room.found("$SYS/broker/uptime") == {"uptime": "0 seconds"}
    assert set(room.found("$SYS/broker/clients/+")) >= {"clients/total", "clients/connected"}
    assert room.found("#") == room.found("+/broker/uptime") == room.found("$other/#") == {}


def test_numbers_are_what_they_say(room: Room) -> None:
    one = room.add("one", "a", "$share/g/b")
    one.enqueue(Delivery(Publish("a", b"xyz"), 1))
    one.queued_bytes = 4
    one.outgoing.add(Delivery(Publish("a"), 1))
    room.retained.keep(RetainedMessage(Publish("a", b"x", retain=True), NEVER))
    room.counters.received, room.counters.delivered, room.counters.dropped_qos0 = 10, 20, 5
    room.counters.refused_publish, room.counters.refused_subscribe = 6, 7
    traffic = room.statistics.traffic
    traffic.packets_received, traffic.packets_sent, traffic.bytes_received, traffic.bytes_sent = 1, 2, 1_000, 2_000
    traffic.connect()
    traffic.refused["unknown_ca"] += 3
    room.statistics.version = "1.2.3"
    room.tick()
    room.tick(INTERVAL)
    found = room.found()
    expected = {
        "version": "sealmq version 1.2.3",
        "uptime": "10 seconds",
        "clients/total": "1",
        "clients/connected": "1",
        "clients/disconnected": "0",
        "clients/maximum": "1",
        "subscriptions/count": "2",
        "shared_subscriptions/count": "1",
        "retained messages/count": "1",
        "store/messages/count": "1",
        "store/messages/bytes": "4",
        "messages/inflight": "1",
        "messages/received": "11",
        "messages/sent": "22",
        "publish/messages/received": "10",
        "publish/messages/sent": "20",
        "publish/messages/dropped": "5",
        "bytes/received": "1000",
        "bytes/sent": "2000",
        "sealmq/dropped/qos0": "5",
        "sealmq/refused/publish": "6",
        "sealmq/refused/subscribe": "7",
        "sealmq/handshakes/refused": "3",
        "sealmq/handshakes/refused/unknown_ca": "3",
    }
    assert {name: found[name] for name in expected} == expected


def test_they_are_published_in_intervals_and_only_what_is_wanted(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.tick()
    assert room.tick(INTERVAL) == {}
    room.add("one", "$SYS/broker/uptime")
    room.add("two", "$share/g/$SYS/broker/clients/total")
    assert room.tick(INTERVAL - 1) == {}
    asked: list[str] = []
    monkeypatch.setitem(room.statistics._values, "version", lambda: asked.append("version"))
    assert room.tick(1) == {"$SYS/broker/uptime": b"20 seconds", "$SYS/broker/clients/total": b"2"}
    assert asked == []


def test_an_average_comes_near_the_rate_and_forgets_it() -> None:
    count = 0
    load = Load(lambda: count)
    for _ in range(60):
        count += 50
        load.update(10.0)
    assert load.words(1) == "299.99"
    assert 250 < load.averages[5] < 270
    assert load.averages[15] < load.averages[5]
    for _ in range(60):
        load.update(10.0)
    assert load.averages[1] < 0.1
