"""One identity may not take what is for everybody: links, sessions, subscriptions, queues. Each limit says so."""

from __future__ import annotations

from typing import Any

import pytest

from sealmq.broker.quotas import Quotas
from sealmq.broker.sessions import Session
from sealmq.mqtt.codes import ReasonCode
from stacks import Stage

QUOTA = 0x97


def in_flight(session: Session) -> int:
    """Bytes of what is not finished, counted by hand."""
    outgoing = session.outgoing
    return sum(one.size for part in (outgoing.sent, outgoing.unsent, outgoing.released) for one in part.values())


def total(quotas: Quotas, stage: Stage) -> tuple[int, int, int]:
    """Links, subscriptions and bytes, counted by hand."""
    sessions = stage.broker.sessions.values()
    return (
        sum(each.outbox is not None for each in sessions),
        sum(len(each.subscriptions) for each in sessions),
        sum(each.queued_bytes + in_flight(each) for each in sessions),
    )


@pytest.mark.parametrize(
    ("limit", "how"),
    [
        ("connections_per_identity", {}),
        ("sessions_per_identity", {"session_expiry_interval": 100}),
        ("sessions", {"session_expiry_interval": 100}),
    ],
)
def test_one_client_too_many_of_an_identity_is_told(stage: Stage, limit: str, how: dict[str, Any]) -> None:
    stage = Stage(**{limit: 2})
    for name in ("one", "two"):
        assert stage.client().connect(name, **how).reason_code == 0
    refused = stage.client()
    connack = refused.connect("three", **how)
    assert connack.reason_code == QUOTA
    assert limit in connack.properties.reason_string
    assert refused.closed
    assert stage.counters.limits[limit] == 1
    assert stage.client().connect("two", clean_start=False, **how).reason_code == 0  # whoever has one may come back
    if limit != "sessions":
        assert stage.client("other").connect("three", **how).reason_code == 0


def test_a_client_of_3_1_1_is_told_that_the_server_is_unavailable() -> None:
    stage = Stage(connections_per_identity=1)
    stage.client(level=4).connect("one")
    assert stage.client(level=4).connect("two").reason_code == ReasonCode.SERVER_UNAVAILABLE


def test_a_link_that_is_gone_makes_room() -> None:
    stage = Stage(connections_per_identity=1)
    one = stage.client()
    one.connect("one", session_expiry_interval=100)
    one.lose()
    assert stage.client().connect("two").reason_code == 0


def test_the_subscriptions_of_all_sessions_of_an_identity_have_a_limit() -> None:
    stage = Stage(subscriptions_per_identity=3)
    one, two = stage.client(), stage.client()
    one.connect("one")
    two.connect("two")
    assert one.subscribe("a") == one.subscribe("b") == two.subscribe("a") == [0]
    assert two.subscribe("b") == [QUOTA]
    assert two.subscribe("a", qos=1) == [1]  # replacing is not having one more
    assert stage.counters.limits["subscriptions_per_identity"] == 1
    one.unsubscribe("b")
    assert two.subscribe("b") == [0]
    one.disconnect()
    assert two.subscribe("c") == [0]


@pytest.mark.parametrize("limit", ["queued_bytes_per_identity", "queued_bytes_in_all"])
def test_what_waits_for_all_sessions_of_an_identity_has_a_limit(limit: str) -> None:
    stage = Stage(**{limit: 2_000})
    for name in ("one", "two"):
        absent = stage.client()
        absent.connect(name, session_expiry_interval=100)
        absent.subscribe("a", qos=1)
        absent.lose()
    publisher = stage.client("other")
    publisher.connect()
    for _ in range(20):
        publisher.publish("a", qos=1)
    _, _, queued = total(stage.broker.quotas, stage)
    assert 1_000 < queued <= 2_000
    assert stage.broker.quotas.everybody.queued_bytes == queued
    assert stage.counters.limits[limit] == stage.counters.dropped_queue_full > 0
    stage.wait(200)
    assert stage.broker.quotas.everybody.queued_bytes == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_not_acknowledged_has_a_limit_in_bytes_too(level: int, qos: int) -> None:
    stage = Stage(queued_bytes=20_000)
    silent = stage.client(level=level, answering=False)
    silent.connect("silent", clean_start=False, **({"session_expiry_interval": 100} if level == 5 else {}))
    silent.subscribe("a", qos=qos)
    publisher = stage.client("other", level)
    publisher.connect()
    for number in range(100):
        publisher.publish("a", b"%05d" % number + bytes(995), qos=qos)
    session = stage.session("silent")
    assert session is not None
    assert 20_000 < in_flight(session) < 22_000, "one more than the limit has room for, so that each fits alone"
    assert session.queue
    assert session.queued_bytes <= 20_000
    heard = [message.payload[:5] for message in silent.messages()]
    silent.lose()
    back = stage.client(level=level)
    back.connect("silent", clean_start=False, **({"session_expiry_interval": 100} if level == 5 else {}))
    again = [message.payload[:5] for message in back.messages()]
    assert again[: len(heard)] == heard
    assert again == [b"%05d" % number for number in range(len(again))]
    assert len(again) + stage.counters.dropped_queue_full == 100
    assert session.in_flight_bytes == session.queued_bytes == 0
    assert stage.broker.quotas.everybody.queued_bytes == 0


def test_one_identity_cannot_let_more_be_in_flight_than_its_quota_in_many_sessions() -> None:
    stage = Stage(queued_bytes_per_identity=20_000)
    for number in range(20):
        silent = stage.client(answering=False)
        silent.connect(f"silent {number}")
        silent.subscribe("a", qos=1)
    publisher = stage.client("other")
    publisher.connect()
    for _ in range(20):
        publisher.publish("a", bytes(1_000), qos=1)
    assert 18_000 < stage.broker.quotas.of("operator").queued_bytes <= 20_000
    assert stage.counters.limits["queued_bytes_per_identity"] == stage.counters.dropped_queue_full > 0


def test_one_identity_leaves_room_for_what_others_retain(level: int) -> None:
    stage = Stage(retained_messages=4, retained_messages_per_identity=2)
    one, two = stage.client(level=level), stage.client("other", level)
    one.connect("one")
    two.connect("two")
    for topic in "abc":
        one.publish(topic, b"one", qos=1, retain=True)
    assert stage.counters.limits["retained_messages_per_identity"] == 1
    two.publish("a", b"two", qos=1, retain=True)  # whoever speaks last owns the topic
    two.publish("d", b"two", qos=1, retain=True)
    one.publish("e", b"one", qos=1, retain=True)
    reader = stage.client("third", level)
    reader.connect("reader")
    reader.subscribe("#")
    assert sorted((m.topic, m.payload) for m in reader.messages()) == [
        ("a", b"two"),
        ("b", b"one"),
        ("d", b"two"),
        ("e", b"one"),
    ]
    one.publish("b", b"", qos=1, retain=True)
    one.publish("f", b"one", qos=1, retain=True)
    assert stage.counters.limits["retained_messages_per_identity"] == 1


def test_the_counts_are_those_of_the_sessions_whatever_happened() -> None:
    stage = Stage()
    for number in range(12):
        client = stage.client("operator" if number % 2 else "other", level=4 + number % 2)
        client.connect(f"c{number % 5}", clean_start=number % 3 == 0)
        client.subscribe("a", qos=1)
        client.subscribe("$share/g/a", qos=1)
        if number % 4 == 1:
            client.unsubscribe("a")
        client.publish("a", qos=1)
        if number % 2:
            client.lose()
        for identity in ("operator", "other"):
            mine = [each for key, each in stage.broker.sessions.items() if key.identity == identity]
            quota = stage.broker.quotas.of(identity)
            assert quota.sessions == len(mine)
            assert quota.links == sum(each.outbox is not None for each in mine)
            assert quota.subscriptions == sum(len(each.subscriptions) for each in mine)
            assert all(each.in_flight_bytes == in_flight(each) for each in mine)
            assert quota.queued_bytes == sum(each.queued_bytes + each.in_flight_bytes for each in mine)
