"""SUBSCRIBE, UNSUBSCRIBE and how overlapping subscriptions meet [MQTT 3.3.4, 3.8, 3.10]."""

from __future__ import annotations

import pytest

from sealmq.broker.rules import ACTIONS, Rule
from sealmq.mqtt.packets import Subscribe, Subscription, UnsubAck, Unsubscribe
from stacks import Stage


def test_unsubscribe_answers_each_filter(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect()
    client.subscribe("a")
    client.subscribe("b/#")
    client.send(Unsubscribe(9, ["a", "never", "b/#", "b/#"]))
    codes = [0, 0x11, 0, 0x11] if level == 5 else []  # [MQTT-3.11.3-1], [MQTT-3.11.3-2]
    assert client.expect(UnsubAck).reason_codes == codes
    for topic in ("a", "b/1"):
        client.publish(topic)
    assert client.messages() == []  # [MQTT-3.10.4-2]


def test_filters_are_compared_letter_by_letter(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.subscribe("a/#")
    assert client.unsubscribe("a/+", "A/#", "a/b") == [0x11] * 3  # [MQTT-3.10.4-1]
    client.publish("a/b")
    assert len(client.messages()) == 1


def test_what_was_already_sent_may_still_be_acknowledged_after_unsubscribing(stage: Stage, level: int) -> None:
    client = stage.client("other", level, answering=False)
    client.connect()
    client.subscribe("a", qos=1)
    publisher, _ = stage.pair(level)
    publisher.publish("a", qos=1)
    client.unsubscribe("a")
    assert len(client.messages()) == 1
    assert len(stage.session("client", "other").outgoing) == 1  # type: ignore[union-attr]  # [MQTT-3.10.4-3]


@pytest.mark.parametrize("topic_filter", ["", "a/#/b", "a#", "+a", "#/"])
def test_a_filter_that_is_none_is_refused(stage: Stage, level: int, topic_filter: str) -> None:
    client = stage.client(level=level)
    client.connect()
    assert client.subscribe(topic_filter) == [0x8F if level == 5 else 0x80]
    assert client.subscribe("good") == [0]


def test_a_new_subscription_to_the_same_filter_replaces_the_old_one(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    for topic_filter in ("a", "a/#"):
        reader.subscribe(topic_filter, qos=0)
        reader.subscribe(topic_filter, qos=2)  # [MQTT-3.8.4-3]
        publisher.publish("a", qos=2)
        assert [message.qos for message in reader.messages()] == [2]
        reader.unsubscribe(topic_filter)


def test_overlapping_subscriptions_get_one_message_at_the_highest_qos(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    for topic_filter, qos in (("a/b", 0), ("a/+", 2), ("#", 1)):
        reader.subscribe(topic_filter, qos=qos)
    publisher.publish("a/b", qos=2)
    assert [message.qos for message in reader.messages()] == [2]  # [MQTT-3.3.4-2]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_carries_the_identifiers_of_all_subscriptions_that_match(stage: Stage, qos: int) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a/b", qos=2, identifier=1)
    reader.subscribe("a/+", qos=2, identifier=268_435_455)
    reader.subscribe("a/#", qos=2)
    reader.subscribe("c", qos=2, identifier=3)
    publisher.publish("a/b", b"x", qos=qos)
    (message,) = reader.messages()
    assert sorted(message.properties.subscription_identifiers) == [1, 268_435_455]  # [MQTT-3.3.4-3 to -4]
    publisher.publish("a/c", qos=qos)
    (message,) = reader.messages()
    assert message.properties.subscription_identifiers == (268_435_455,)


def test_replacing_a_subscription_replaces_its_identifier(stage: Stage) -> None:
    publisher, reader = stage.pair()
    for identifier, expected in ((5, (5,)), (6, (6,)), (0, ())):
        reader.subscribe("a", identifier=identifier)
        publisher.publish("a")
        assert [message.properties.subscription_identifiers for message in reader.messages()] == [expected]


def test_a_publishers_own_subscription_identifier_is_a_protocol_error(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a")
    publisher.publish("a", subscription_identifiers=(1,))  # [MQTT-3.3.4-6]
    assert publisher.goodbye() == 0x82
    assert reader.messages() == []


@pytest.mark.parametrize("qos", [0, 1])
def test_no_local_keeps_a_clients_own_messages_from_it(stage: Stage, qos: int) -> None:
    one, other = stage.pair()
    for client in (one, other):
        client.subscribe("a", qos=1, no_local=True)
        client.subscribe("b", qos=1)
    one.publish("a", b"a", qos=qos)  # [MQTT-3.8.3-3]
    one.publish("b", b"b", qos=qos)
    assert (one.payloads(), other.payloads()) == ([b"b"], [b"a", b"b"])


def test_no_local_gives_way_to_a_subscription_without_it(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.subscribe("a", no_local=True)
    client.subscribe("a/#")
    client.publish("a")
    assert len(client.messages()) == 1


def test_a_session_holds_so_many_subscriptions_and_no_more() -> None:
    stage = Stage(subscriptions_per_session=2)
    client = stage.client()
    client.connect()
    assert [client.subscribe(one)[0] for one in ("a", "b", "c", "a")] == [0, 0, 0x97, 0]
    client.unsubscribe("a")
    assert client.subscribe("c") == [0]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/#", "a", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("+/+", "/a", True),
        ("+", "/a", False),
        ("#", "/", True),
        ("#", "$own/a", False),
        ("+/a", "$own/a", False),
        ("$own/#", "$own/a", True),
        ("A", "a", False),
        ("a/b/#", "a/b/c/d/e", True),
        ("a/+/c", "a//c", True),
    ],
)
def test_filters_match_as_the_standard_says(level: int, topic_filter: str, topic: str, matches: bool) -> None:
    stage = Stage([Rule(None, None, "allow", ACTIONS, ("#", "$own/#"))])
    client = stage.client(level=level)
    client.connect()
    assert client.subscribe(topic_filter) == [0]
    client.publish(topic)
    assert len(client.messages()) == matches


def test_routes_follow_subscriptions_that_come_and_go(stage: Stage) -> None:
    publisher, reader = stage.pair()
    heard = []
    for step in range(4):
        for topic_filter in ("a/b", "a/+", "#"):
            (reader.subscribe if step % 2 == 0 else reader.unsubscribe)(topic_filter)
            publisher.publish("a/b")
            heard.append(len(reader.messages()))
    assert heard == [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0]


def test_a_subscribe_of_very_many_filters_is_not_even_looked_at() -> None:
    client = Stage().client()
    client.connect()
    client.send(Subscribe(1, [Subscription("a")] * 1_000))
    assert not client.closed
    client.send(Subscribe(2, [Subscription("a")] * 1_001))
    assert client.goodbye() == 0x97
