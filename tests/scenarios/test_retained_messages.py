"""Retained messages [MQTT 3.3.1.3] and message expiry [MQTT 3.3.2.3.3]."""

from __future__ import annotations

import pytest

from sealmq.broker.rules import ACTIONS, Rule
from stacks import Client, Stage


def retained(client: Client) -> list[tuple[str, bytes, bool]]:
    return sorted((message.topic, message.payload, message.retain) for message in client.messages())


def test_the_last_retained_message_meets_a_new_subscriber(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    for payload in (b"1", b"2"):
        publisher.publish("a/b", payload, retain=True)
    publisher.publish("a/c", b"3", qos=1, retain=True)
    publisher.publish("a/d", b"not retained")
    reader.subscribe("a/+", qos=2)
    assert retained(reader) == [("a/b", b"2", True), ("a/c", b"3", True)]  # [MQTT-3.3.1-5]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_retained_message_comes_at_the_lower_qos(stage: Stage, level: int, qos: int) -> None:
    publisher, reader = stage.pair(level)
    publisher.publish("a", b"1", qos=1, retain=True)
    reader.subscribe("a", qos=qos)
    (message,) = reader.messages()
    assert message.qos == min(1, qos)


def test_an_empty_payload_forgets_the_message_and_is_not_kept(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    publisher.publish("a", b"1", retain=True)
    publisher.publish("a", b"", retain=True)  # [MQTT-3.3.1-6]
    publisher.publish("never/was", b"", qos=1, retain=True)
    reader.subscribe("#")
    assert reader.messages() == []  # [MQTT-3.3.1-7]
    assert (stage.broker.retained.count, stage.broker.retained.size) == (0, 0)


def test_an_empty_retained_message_reaches_those_who_are_there(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a")
    publisher.publish("a", b"1", retain=True)
    publisher.publish("a", b"", retain=True)
    assert reader.payloads() == [b"1", b""]


def test_a_standing_subscription_gets_it_as_an_ordinary_message(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos=1)
    for qos in (0, 1):
        publisher.publish("a", b"1", qos=qos, retain=True)
    assert [message.retain for message in reader.messages()] == [False, False]  # [MQTT-3.3.1-12]


def test_retain_as_published_leaves_the_flag_as_it_came(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a", qos=1, retain_as_published=True)
    for qos in (0, 1):
        publisher.publish("a", b"1", qos=qos, retain=True)
        publisher.publish("a", b"2", qos=qos)
    assert [message.retain for message in reader.messages()] == [True, False, True, False]  # [MQTT-3.3.1-13]


def test_retain_handling_says_who_gets_what_is_retained(stage: Stage) -> None:
    publisher, reader = stage.pair()
    publisher.publish("a", b"1", retain=True)
    expected = {0: [b"1", b"1"], 1: [b"1"], 2: []}  # [MQTT-3.3.1-9 to -11]
    for handling, payloads in expected.items():
        reader.subscribe("a", retain_handling=handling)
        reader.subscribe("a", retain_handling=handling)
        assert reader.payloads() == payloads
        reader.unsubscribe("a")


def test_wildcards_at_the_beginning_do_not_reach_topics_of_the_server(level: int) -> None:
    stage = Stage([Rule(None, None, "allow", ACTIONS, ("#", "$own/#"))])
    publisher, reader = stage.pair(level)
    for topic in ("$own/a", "a/$b", "a/$b/c"):
        publisher.publish(topic, b"1", retain=True)
    for topic_filter, topics in {
        "#": ["a/$b", "a/$b/c"],  # [MQTT-4.7.2-1]
        "+/a": [],
        "+/#": ["a/$b", "a/$b/c"],
        "a/+": ["a/$b"],
        "$own/#": ["$own/a"],
        "$own/+": ["$own/a"],
    }.items():
        reader.subscribe(topic_filter)
        assert [topic for topic, _, _ in retained(reader)] == topics, topic_filter
        publisher.publish("$own/a", b"now")
        assert len(reader.messages()) == (topic_filter.startswith("$own")), topic_filter
        reader.unsubscribe(topic_filter)


def test_a_retained_message_expires_and_says_how_long_it_has(stage: Stage) -> None:
    publisher, reader = stage.pair()
    publisher.publish("a", b"1", retain=True, message_expiry_interval=10)
    for waited, left in ((0, 10), (4, 6), (5.8, 1)):
        stage.wait(waited)
        reader.subscribe("a")
        assert [message.properties.message_expiry_interval for message in reader.messages()] == [left]
    stage.wait(0.2)
    reader.subscribe("a")
    assert reader.messages() == []  # [MQTT-3.3.2-5]
    assert stage.broker.retained.count == 0


def test_retained_messages_with_subscription_identifiers_carry_them(stage: Stage) -> None:
    publisher, reader = stage.pair()
    publisher.publish("a", b"1", qos=1, retain=True)
    for qos in (0, 1):
        reader.subscribe("a", qos=qos, identifier=7)
        (message,) = reader.messages()
        assert message.properties.subscription_identifiers == (7,)


def test_what_there_is_no_room_for_is_refused_and_the_one_before_stays(level: int) -> None:
    stage = Stage(retained_messages=2)
    publisher, reader = stage.pair(level)
    for topic in ("a", "b", "c"):
        publisher.publish(topic, b"1", qos=1, retain=True)
    publisher.publish("d", b"1", qos=2, retain=True)
    answers = [packet.reason_code for packet in publisher.packets()]
    assert answers == ([0x10, 0x10, 0x97, 0x97] if level == 5 else [0, 0, 0, 0, 0])
    publisher.publish("a", b"2", qos=1, retain=True)
    reader.subscribe("#")
    assert retained(reader) == [("a", b"2", True), ("b", b"1", True)]


def test_a_message_that_waited_says_what_is_left_of_its_time_or_does_not_come(stage: Stage) -> None:
    publisher, _ = stage.pair()
    reader = stage.client()
    reader.connect("reader", session_expiry_interval=100)
    reader.subscribe("a", qos=1)
    reader.lose()
    for interval in (5, 8, None):
        publisher.publish("a", qos=1, **({} if interval is None else {"message_expiry_interval": interval}))
    stage.wait(5)
    reader = stage.client()
    reader.connect("reader", clean_start=False)
    left = [message.properties.message_expiry_interval for message in reader.messages()]
    assert left == [3, None]  # [MQTT-3.3.2-6]
    assert stage.counters.dropped_expired == 1


def test_a_message_that_does_not_wait_keeps_its_expiry(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a", qos=1)
    for qos in (0, 1):
        publisher.publish("a", qos=qos, message_expiry_interval=0)
        publisher.publish("a", qos=qos, message_expiry_interval=9)
    assert [message.properties.message_expiry_interval for message in reader.messages()] == [0, 9, 0, 9]
