"""Other rules while clients are connected: who stays, who goes, and what waits for whom."""

from __future__ import annotations

from typing import Any

import pytest

from sealmq.broker.access import Grants
from sealmq.broker.change import adopt, recognize
from sealmq.broker.limits import Limits
from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule
from sealmq.broker.sessions import Delivery, Held, Session, SessionKey
from sealmq.identity import Identity
from sealmq.mqtt.packets import PubAck, Publish, Subscribe, Subscription, Will
from stacks import Stage

EVERYTHING = Rule(None, None, "allow", ACTIONS, ("#",))
ONLY_A = Rule(None, None, "allow", ACTIONS, ("a/#",))


def change(stage: Stage, *rules: Rule, **limits: Any) -> None:
    adopt(stage.broker, rules, Limits(**limits) if limits else stage.limits, 0.0)
    stage.house.flush()
    stage.settle()


@pytest.mark.parametrize("level", [4, 5])
def test_who_is_still_allowed_all_that_it_has_notices_nothing(level: int) -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.pair(level)
    subscriber.subscribe("a/+", 1)
    change(stage, ONLY_A)
    publisher.publish("a/b", b"still here")
    assert subscriber.payloads() == [b"still here"]
    assert not publisher.closed
    assert not subscriber.closed


def test_a_subscription_that_is_no_longer_allowed_ends_with_its_link() -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.pair()
    subscriber.subscribe("a/#")
    subscriber.subscribe("b/#")
    change(stage, ONLY_A)
    assert subscriber.goodbye() == 0x87
    assert not publisher.closed


def test_a_3_1_1_client_is_closed_without_words() -> None:
    stage = Stage((EVERYTHING,))
    _, subscriber = stage.pair(4)
    subscriber.subscribe("b/#")
    change(stage, ONLY_A)
    assert subscriber.goodbye() is None


def test_an_absent_session_loses_the_subscription_and_what_waits_for_it_alone() -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.client(), stage.client("other")
    publisher.connect("publisher")
    subscriber.connect("subscriber", session_expiry_interval=100)
    subscriber.subscribe("a/#", 1)
    subscriber.subscribe("b/#", 1)
    subscriber.lose()
    publisher.publish("a/1", b"may", qos=1)
    publisher.publish("b/1", b"may not", qos=1)
    session = stage.session("subscriber", "other")
    assert session is not None
    before = session.queued_bytes
    change(stage, ONLY_A)
    assert 0 < session.queued_bytes < before
    again = stage.client("other")
    assert again.connect("subscriber", clean_start=False, session_expiry_interval=100).session_present
    assert again.payloads() == [b"may"]


def test_a_remembered_topic_is_asked_about_again() -> None:
    stage = Stage((EVERYTHING,))
    publisher, _ = stage.pair()
    publisher.publish("b", qos=1)
    assert publisher.expect(PubAck).reason_code in (0x00, 0x10)
    change(stage, ONLY_A)
    publisher.publish("b", qos=1)
    assert publisher.expect(PubAck).reason_code == 0x87
    assert not publisher.closed


def test_a_will_that_is_no_longer_allowed_is_never_published() -> None:
    stage = Stage((EVERYTHING,))
    watcher, doomed = stage.client(), stage.client("other")
    watcher.connect("watcher")
    watcher.subscribe("#")
    doomed.connect("doomed", will=Will("b/will", b"alas"))
    change(stage, Rule("operator", None, "allow", frozenset({"subscribe"}), ("#",)), ONLY_A)
    assert doomed.goodbye() == 0x87
    assert watcher.payloads() == []
    assert not watcher.closed


def test_the_same_rules_change_nothing() -> None:
    stage = Stage(DEFAULT_RULES)
    publisher, _ = stage.pair()
    publisher.publish("b")
    session = stage.session("publisher")
    assert session is not None
    assert session.publishable.keys() == {"b"}
    change(stage, *DEFAULT_RULES)
    assert session.publishable.keys() == {"b"}


def test_limits_count_for_what_comes() -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.pair()
    assert subscriber.subscribe("a") == [0]
    change(stage, EVERYTHING, subscriptions_per_session=1, retained_messages=0)
    assert subscriber.subscribe("b") == [0x97]
    assert subscriber.subscribe("a") == [0]
    publisher.publish("a", qos=1, retain=True)
    assert publisher.expect(PubAck).reason_code == 0x97


def test_messages_have_the_new_limits_too() -> None:
    stage = Stage((EVERYTHING,))
    publisher, _ = stage.pair()
    adopt(stage.broker, (EVERYTHING,), Limits(topic_length=4), 0.0)
    publisher.publish("long/topic", b"x", qos=1)
    assert publisher.expect(PubAck).reason_code == 0x90


def kept(name: str, topic_filter: str) -> Session:
    """A session as a store gives it back: nobody has proved anything yet."""
    nobody = Identity(name, "")
    session = Session(SessionKey(name, "c"), nobody, Grants((), nobody, "c"))
    session.number, session.expiry = 1, 100.0
    session.subscriptions[topic_filter] = Held(Subscription(topic_filter, 1), 0)
    return session


def test_after_a_start_who_is_no_more_has_no_session_and_who_is_has_its_rights() -> None:
    stage = Stage((Rule("device", None, "allow", ACTIONS, ("a/#",)),))
    gone, stays, less = kept("gone", "a/#"), kept("stays", "a/#"), kept("less", "b/#")
    less.will = Will("b/will", b"x")
    stage.broker.restore([gone, stays, less], [])
    recognize(stage.broker, lambda name: None if name == "gone" else Identity(name, "device"), 0.0)
    assert set(stage.broker.sessions.values()) == {stays, less}
    assert list(stays.subscriptions) == ["a/#"]
    assert not less.subscriptions
    assert less.will is None


def test_what_waited_for_a_group_goes_to_the_member_that_still_may() -> None:
    stage = Stage((Rule(None, "stays", "allow", ACTIONS, ("a/#",)),))
    shared = "$share/g/a/#"
    stays, less = kept("stays", shared), kept("less", shared)
    one = Delivery(Publish("a/b", b"x", 1, packet_id=1), 1, shared=shared)
    less.enqueue(one)
    stage.broker.restore([stays, less], [])
    recognize(stage.broker, lambda name: Identity(name, "device"), 0.0)
    assert not less.queue
    assert less.queued_bytes == 0
    assert [each.publish.payload for each in stays.queue] == [b"x"]


def test_a_topic_alias_is_asked_about_again_by_the_topic_that_it_stands_for() -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.pair()
    subscriber.subscribe("#")
    publisher.publish("b/secret", b"1", qos=1, topic_alias=1)
    change(stage, Rule("operator", None, "allow", frozenset({"subscribe"}), ("#",)), ONLY_A)
    publisher.publish("", b"2", qos=1, topic_alias=1)
    publisher.publish("a/x", b"3", qos=1, topic_alias=1)
    publisher.publish("", b"4", qos=1, topic_alias=1)
    codes = [packet.reason_code for packet in publisher.received if isinstance(packet, PubAck)]
    assert [code >= 0x80 for code in codes] == [False, True, False, False]
    assert subscriber.payloads() == [b"1", b"3", b"4"]


def test_what_is_retained_and_still_owed_is_not_sent_when_it_may_no_longer_be_read() -> None:
    stage = Stage((EVERYTHING,))
    publisher, subscriber = stage.pair()
    for number in range(200):
        publisher.publish(f"b/{number}", b"x" * 10_000, retain=True)
        publisher.publish(f"a/{number}", b"y", retain=True)
    with stage.one_turn():  # a first share is encrypted, and the rest still owed
        subscriber.send(Subscribe(1, [Subscription("b/#"), Subscription("a/#")]))
        adopt(stage.broker, (ONLY_A,), stage.limits, 0.0)
    assert subscriber.goodbye() == 0x87
    assert len([one for one in subscriber.messages() if one.topic.startswith("b/")]) < 200
    again = stage.client("other")
    again.connect("subscriber")
    assert again.subscribe("b/#") == [0x87]
    assert again.subscribe("a/#") == [0]
    assert {message.topic[0] for message in again.messages()} == {"a"}


def test_a_will_that_may_not_be_said_is_refused_at_connect_and_one_of_a_group_is_not_special() -> None:
    stage = Stage((ONLY_A,))
    assert stage.client().connect("one", will=Will("b", b"x")).reason_code == 0x87
    assert stage.client().connect("two", will=Will("$SYS/broker/x", b"x")).reason_code == 0x87
    assert stage.client().connect("three", will=Will("a", b"x")).reason_code == 0
    client = stage.client("other")
    client.connect("four")
    assert client.subscribe("$share/g/b") == [0x87]
    assert client.subscribe("$share/g/a/+") == [0]


def test_who_came_before_a_change_of_limits_and_says_connect_behind_it_gets_what_connack_says() -> None:
    stage = Stage((EVERYTHING,))
    client = stage.client()
    change(stage, EVERYTHING, topic_alias_maximum=40, receive_maximum=2_000, packet_size=2_000_000)
    promised = client.connect("late").properties
    assert (promised.topic_alias_maximum, promised.maximum_packet_size) == (40, 2_000_000)
    client.publish("a", bytes(1_500_000), topic_alias=40)
    assert not client.closed
    client.publish("a", topic_alias=41)
    assert client.goodbye() == 0x94
