"""What has expired goes by itself: from queues and from what is retained, in memory and in the store, in shares."""

from __future__ import annotations

import pytest

from durable_stage import DurableStage
from sealmq.broker import expiry
from sealmq.broker.sessions import Session
from sealmq.mqtt.packets import Subscribe, Subscription
from stacks import Client


@pytest.fixture
def stage() -> DurableStage:
    stage = DurableStage()
    absent = stage.client("operator")
    absent.connect("absent", session_expiry_interval=1_000_000)
    absent.send(Subscribe(1, [Subscription("a/#", 1)]))
    stage.commit()
    absent.lose()
    stage.commit()
    return stage


def publisher(stage: DurableStage) -> Client:
    client = stage.client("operator", answering=False)
    client.connect("publisher")
    return client


def only(stage: DurableStage) -> Session:
    (session,) = (session for session in stage.broker.sessions.values() if session.key.client_id == "absent")
    return session


def rows(stage: DurableStage, table: str) -> int:
    stage.commit()
    return int(stage.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_what_waits_for_who_is_away_goes_when_its_time_is_over(stage: DurableStage) -> None:
    client = publisher(stage)
    for number in range(3):
        client.publish("a/short", b"%d" % number, 1, message_expiry_interval=10)
        client.publish("a/long", b"%d" % number, 1, message_expiry_interval=1_000)
        client.publish("a/ever", b"%d" % number, 1)
    assert rows(stage, "messages") == 9
    before = only(stage).queued_bytes
    stage.wait(9)
    assert len(only(stage).queue) == 9
    stage.wait(2)
    left = only(stage).queue
    assert [delivery.publish.topic for delivery in left] == ["a/long", "a/ever"] * 3
    assert only(stage).queued_bytes == sum(delivery.size for delivery in left) < before
    assert stage.counters.dropped_expired == 3
    assert rows(stage, "messages") == rows(stage, "deliveries") == 6
    stage.wait(1_000)
    assert rows(stage, "messages") == 3


def test_what_comes_back_from_the_disk_goes_in_its_time_too(stage: DurableStage) -> None:
    publisher(stage).publish("a", b"1", 1, message_expiry_interval=100)
    publisher(stage).publish("a", b"2", 1, retain=True, message_expiry_interval=50)
    publisher(stage).publish("a", b"3", 1, message_expiry_interval=20)
    stage.commit()
    stage = stage.crash(30)
    assert [delivery.publish.payload for delivery in only(stage).queue] == [b"1", b"2"]  # at the first tick
    assert (rows(stage, "messages"), rows(stage, "retained")) == (2, 1)
    stage.wait(21)
    assert (rows(stage, "messages"), rows(stage, "retained")) == (1, 0)
    stage.wait(60)
    assert rows(stage, "messages") == 0


def test_what_is_retained_goes_when_its_time_is_over(stage: DurableStage) -> None:
    client = publisher(stage)
    client.publish("r/1", retain=True, message_expiry_interval=10)
    client.publish("r/2", retain=True)
    client.publish("r/3", retain=True, message_expiry_interval=10)
    client.publish("r/3", retain=True, message_expiry_interval=20)
    assert rows(stage, "retained") == 3
    stage.wait(11)
    assert (rows(stage, "retained"), stage.broker.retained.count, stage.counters.expired_retained) == (2, 2, 1)
    stage.wait(10)
    assert (rows(stage, "retained"), stage.broker.retained.count, stage.counters.expired_retained) == (1, 1, 2)
    assert [message.publish.topic for message in stage.broker.retained] == ["r/2"]


def test_a_tick_does_a_share_and_the_next_goes_on(stage: DurableStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "SHARE", 4)
    client = publisher(stage)
    for number in range(10):
        client.publish(f"r/{number}", retain=True, message_expiry_interval=10)
        client.publish("a", b"%d" % number, 1, message_expiry_interval=10)
    stage.commit()
    stage.clock.now += 11
    counts = []
    for _ in range(4):
        stage.broker.tick(stage.clock.now)
        counts.append((stage.broker.retained.count, len(only(stage).queue)))
    assert counts == [(6, 10), (2, 10), (0, 0), (0, 0)]  # a queue is looked through whole


def test_a_queue_of_many_times_is_not_looked_through_at_every_tick(stage: DurableStage) -> None:
    client = publisher(stage)
    for number in range(20):
        client.publish("a", b"%d" % number, 1, message_expiry_interval=number + 1)
    lengths = []
    for _ in range(40):
        stage.clock.now += 0.5
        stage.broker.tick(stage.clock.now)
        lengths.append(len(only(stage).queue))
    assert len(set(lengths)) <= 2 + 20 / expiry.PAUSE
    stage.wait(expiry.PAUSE)
    assert not only(stage).queue


def test_a_session_that_ends_takes_its_reminder_along(stage: DurableStage) -> None:
    publisher(stage).publish("a", b"1", 1, message_expiry_interval=10)
    stage.broker.end_sessions("operator", stage.clock.now, "it was revoked")
    stage.wait(20)
    assert stage.counters.dropped_expired == 0
