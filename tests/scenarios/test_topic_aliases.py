"""Topic aliases that the broker uses towards a client that takes them [MQTT 3.1.2.11.5, 3.3.2.3.4]."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import Publish
from stacks import Client, Stage

TOPIC = "devices/sensor-1/temperature"


def reader(stage: Stage, most: int, qos: int = 0, name: str = "reader", **how: int) -> Client:
    client = stage.client("other")
    client.connect(name, topic_alias_maximum=most, **how)
    client.subscribe("#", qos=qos)
    return client


def aliases(messages: list[Publish]) -> list[int | None]:
    return [message.properties.topic_alias for message in messages]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_client_that_takes_aliases_gets_them_and_reads_the_same(stage: Stage, qos: int) -> None:
    one, plain = reader(stage, 2, qos), reader(stage, 0, qos, "plain")
    publisher = stage.client()
    publisher.connect("publisher")
    topics = [TOPIC, TOPIC, TOPIC + "/2", TOPIC + "/3", "short", TOPIC]
    for number, topic in enumerate(topics):
        publisher.publish(topic, b"%d" % number, qos=qos, content_type="text")
    heard, plainly = one.messages(), plain.messages()
    assert [(message.topic, message.payload) for message in heard] == [
        (message.topic, message.payload) for message in plainly
    ]
    assert {message.properties.content_type for message in heard} == {"text"}
    assert aliases(heard) == [1, 1, 2, None, None, 1]  # [MQTT-3.1.2-26]
    assert aliases(plainly) == [None] * 6  # [MQTT-3.1.2-27]


def test_no_more_aliases_than_the_limits_say() -> None:
    stage = Stage(topic_alias_maximum=1)
    one = reader(stage, 100)
    one.publish(TOPIC)
    one.publish(TOPIC + "/2")
    assert aliases(one.messages()) == [1, None]


def test_aliases_are_a_links_own_and_a_session_begins_anew(stage: Stage) -> None:
    publisher, _ = stage.pair()
    one = reader(stage, 5, 1, session_expiry_interval=100)
    publisher.publish(TOPIC, qos=1)
    publisher.publish(TOPIC, qos=1)
    assert aliases(one.messages()) == [1, 1]
    one.lose()
    publisher.publish(TOPIC, b"waited", qos=1)
    back = stage.client("other")
    back.connect("reader", clean_start=False, topic_alias_maximum=5)
    assert [(message.topic, message.payload) for message in back.messages()] == [(TOPIC, b"waited")]  # [MQTT-3.3.2-7]
    back.lose()
    back = stage.client("other")
    back.connect("reader", clean_start=False)
    back.subscribe("#")
    publisher.publish(TOPIC)
    assert aliases(back.messages()) == [None]


def test_an_alias_is_not_introduced_by_what_may_be_dropped() -> None:
    stage = Stage(buffered_bytes=10_000)
    publisher, _ = stage.pair()
    one = reader(stage, 5)
    one.stop_reading()
    while not one.wire.full:
        publisher.publish("fill", b"x" * 1_000)
    stage.wait(3)  # it is given up: what comes now is dropped
    publisher.publish(TOPIC, b"dropped")
    assert stage.counters.dropped_qos0 == 1
    one.read_on()
    one.messages()
    publisher.publish(TOPIC, b"1")
    publisher.publish(TOPIC, b"2")
    assert [(message.topic, message.properties.topic_alias) for message in one.messages()] == [(TOPIC, 1), (TOPIC, 1)]


def test_an_alias_does_not_make_a_packet_too_large(stage: Stage) -> None:
    publisher, _ = stage.pair()
    one = reader(stage, 5, maximum_packet_size=200)
    fits = 200 - 3 - 2 - len(TOPIC) - 1
    for size in (fits, fits + 1, fits - 5, fits):
        publisher.publish(TOPIC, b"x" * size)
    messages = one.messages()
    assert [(len(message.payload), message.properties.topic_alias) for message in messages] == [
        (fits, None),
        (fits - 5, 1),
        (fits, 1),
    ]
    assert stage.counters.dropped_too_large == 1


def test_retained_messages_and_shares_of_groups_use_them_too(stage: Stage) -> None:
    publisher, _ = stage.pair()
    publisher.publish(TOPIC, retain=True)
    one = stage.client("other")
    one.connect("one", topic_alias_maximum=5)
    one.subscribe("#")
    one.subscribe("$share/g/#")
    publisher.publish(TOPIC)
    assert aliases(one.messages()) == [1, 1, 1]
