"""Chapter 3.3: PUBLISH, retained messages, properties, identifiers, Receive Maximum."""

from __future__ import annotations

import pytest

from by_hand import MALFORMED, Hand, field, properties, publish, subscribe
from mqtt_bytes import packet
from sealmq.mqtt.codes import PacketType
from sealmq.mqtt.packets import PingReq, PingResp, PubAck, PubComp, Publish, PubRec, Will
from sealmq.mqtt.properties import pull_properties
from sealmq.mqtt.wire import Cursor
from stacks import Stage


def test_dup_at_qos_0_and_qos_3_are_malformed(stage: Stage, level: int) -> None:
    """[MQTT-3.3.1-2, MQTT-3.3.1-4]"""
    for flags in (0x08, 0x09, 0x06, 0x07, 0x0E, 0x0F):
        hand = Hand(stage, level)
        hand.connect()
        assert hand.is_refused_for(MALFORMED, hand.say(publish(level, b"a", b"x", flags, 1))), flags


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_dup_of_the_publisher_goes_no_further(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-3.3.1-2, MQTT-3.3.1-3, MQTT-4.3.1-1, MQTT-4.3.2-2, MQTT-4.3.3-2]"""
    hand, reader = Hand(stage, level), Hand(stage, level)
    hand.connect()
    reader.connect(b"reader")
    reader.say(subscribe(level, 1, (b"a", qos)))
    for number, dup in enumerate((0, 8, 0)):
        hand.say(publish(level, b"a", b"x", 0x02 | dup, number + 1))
        hand.say(publish(level, b"a", b"x", 0x04 | dup, number + 7))
    assert [first for first, _ in reader.hear()] == [0x30 | min(1, qos) << 1, 0x30 | qos << 1] * 3


def test_what_is_sent_again_has_dup(stage: Stage, level: int) -> None:
    """[MQTT-3.3.1-1, MQTT-4.4.0-1]"""
    hand, other = Hand(stage, level), Hand(stage, level)
    hand.connect(flags=0x00)
    other.connect(b"other")
    hand.say(subscribe(level, 1, (b"a", 2)))
    other.say(publish(level, b"a", b"1", 2, 1) + publish(level, b"a", b"2", 4, 2))
    sent = [(first, body) for first, body in hand.hear()]
    assert [first for first, _ in sent] == [0x32, 0x34]
    hand.client.lose()
    back = Hand(stage, level)
    back.connect(flags=0x00)
    assert back.waited == [(0x3A, sent[0][1]), (0x3C, sent[1][1])]  # byte for byte, but for DUP


# --- retained


def test_the_last_retained_message_is_kept_with_its_qos(stage: Stage, level: int) -> None:
    """[MQTT-3.3.1-5, MQTT-3.3.1-8], [MQTT 3.1.1: MQTT-3.3.1-6, MQTT-3.3.1-8]"""
    publisher, reader = stage.pair(level)
    for number, (qos, retain) in enumerate(((1, True), (2, True), (0, True), (1, True), (2, False))):
        publisher.publish("a", b"%d" % number, qos=qos, retain=retain)
        reader.subscribe("a", qos=2)
        (message,) = reader.messages()
        expected = (b"%d" % number, qos) if retain else (b"3", 1)  # one without RETAIN changes nothing
        assert (message.payload, message.qos, message.retain) == (*expected, True)
        reader.unsubscribe("a")


def test_each_topic_that_a_new_subscription_matches_is_sent(stage: Stage, level: int) -> None:
    """[MQTT-3.3.1-9], [MQTT 3.1.1: MQTT-3.3.1-6]"""
    publisher, reader = stage.pair(level)
    for topic in ("a/1", "a/2", "b/1", "a/1/x"):
        publisher.publish(topic, topic.encode(), retain=True)
    reader.subscribe("a/+")
    assert sorted(reader.payloads()) == [b"a/1", b"a/2"]
    reader.subscribe("#")
    assert sorted(reader.payloads()) == [b"a/1", b"a/1/x", b"a/2", b"b/1"]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_empty_retained_message_passes_and_leaves_nothing(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-3.3.1-6, MQTT-3.3.1-7]"""
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos=2)
    publisher.publish("a", b"1", qos=qos, retain=True)
    publisher.publish("a", b"", qos=qos, retain=True)
    publisher.publish("b", b"", qos=qos, retain=True)
    assert [(message.payload, message.qos) for message in reader.messages()] == [(b"1", qos), (b"", qos)]
    reader.subscribe("#")
    assert reader.messages() == []


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_standing_subscription_gets_retain_as_it_asked_for(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-3.3.1-12, MQTT-3.3.1-13]"""
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos=qos)
    reader.subscribe("b", qos=qos, retain_as_published=level == 5)
    for retain in (True, False):
        publisher.publish("a", b"x", qos=qos, retain=retain)
        publisher.publish("b", b"x", qos=qos, retain=retain)
    assert [message.retain for message in reader.messages()] == [False, level == 5, False, False]


def test_without_room_at_qos_0_the_former_retained_message_goes(level: int) -> None:
    """[MQTT 3.1.1: MQTT-3.3.1-7]: nobody is told that it was not kept, and what is old must not pass for the last."""
    stage = Stage(retained_bytes=2_000)
    publisher, reader = stage.pair(level)
    for qos in (0, 1, 2):
        publisher.publish("a", b"old", retain=True)
        publisher.publish("a", b"x" * 5_000, qos=qos, retain=True)
        reader.subscribe("a")
        is_told = level == 5 and qos > 0  # that it was refused: then the one before is still the last
        assert reader.payloads() == ([b"old"] if is_told else [])
        reader.unsubscribe("a")


def test_a_retained_will_without_room_takes_the_former_message_along(level: int) -> None:
    """[MQTT-3.1.2-15]: here too what is old must not pass for the last."""
    stage = Stage(retained_bytes=2_000)
    publisher, reader = stage.pair(level)
    publisher.publish("gone", b"I am here", retain=True)
    client = stage.client(level=level)
    client.connect("one", will=Will("gone", b"x" * 5_000, 0, True))
    client.lose()
    reader.subscribe("gone")
    assert reader.messages() == []


# --- topic names and properties


def test_the_topic_name_stands_first(stage: Stage, level: int) -> None:
    """[MQTT-3.3.2-1]"""
    topic = b"topic/\xc3\xa4"
    hand = Hand(stage, level)
    hand.connect()
    hand.say(subscribe(level, 1, (topic, 0)))
    assert hand.say(publish(level, topic, b"x")) == [(0x30, field(topic) + properties(level) + b"x")]
    assert hand.is_refused_for(MALFORMED, hand.say(packet(0x30, b"\x00\x20short")))


@pytest.mark.parametrize("topic", ["+", "#", "a/+", "a/#", "a+b", "#/a"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_topic_name_with_a_wildcard_reaches_nobody(stage: Stage, level: int, topic: str, qos: int) -> None:
    """[MQTT-3.3.2-2, MQTT-4.7.0-1]"""
    reader = stage.client("other", level)
    reader.connect("reader")
    reader.subscribe("#")
    hand = Hand(stage, level)
    hand.connect()
    assert hand.is_refused_for(0x90, hand.say(publish(level, topic.encode(), b"x", qos << 1, 1)))
    assert reader.messages() == []


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_a_publisher_says_of_its_message_arrives_as_it_was_said(stage: Stage, qos: int) -> None:
    """[MQTT-3.3.2-4, MQTT-3.3.2-15 to -18, MQTT-3.3.2-20]: byte for byte, in the order of the publisher."""
    said = (
        b"\x26" + field(b"b") + field(b"2")
        + b"\x03" + field("tüpe".encode())
        + b"\x26" + field(b"a") + field(b"1")
        + b"\x01\x01"
        + b"\x26" + field(b"b") + field(b"2")
        + b"\x08" + field(b"answers/1")
        + b"\x09" + field(b"\x00\xff\x00")
        + b"\x26" + field(b"") + field(b"")
    )  # fmt: skip
    for identifier in (b"", b"\x0b\x07"):
        hand, reader = Hand(stage), Hand(stage)
        hand.connect(b"hand" + identifier)
        reader.connect(b"reader" + identifier)
        reader.say(subscribe(5, 1, (b"a", qos), data=identifier))
        hand.say(publish(5, b"a", b"x", qos << 1, 1, data=said))
        ((_, body),) = reader.hear()
        body = body[3 + (2 if qos else 0) :]
        if identifier:
            read = pull_properties(Cursor(body), PacketType.PUBLISH)
            pairs = (("b", "2"), ("a", "1"), ("b", "2"), ("", ""))
            assert read.user_properties == pairs
            assert (read.payload_format_indicator, read.content_type, read.response_topic, read.correlation_data) == (
                1,
                "tüpe",
                "answers/1",
                b"\x00\xff\x00",
            )
            assert read.subscription_identifiers == (7,)
        else:
            assert body == properties(5, said) + b"x"


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_that_waited_says_what_is_left_of_its_time(stage: Stage, qos: int) -> None:
    """[MQTT-3.3.2-5, MQTT-3.3.2-6]"""
    publisher, _ = stage.pair()
    reader = stage.client()
    reader.connect("one", session_expiry_interval=1_000)
    reader.subscribe("a", qos=2)
    reader.lose()
    for interval in (10, 100, 0):
        publisher.publish("a", b"%d" % interval, qos=qos, message_expiry_interval=interval)
    stage.wait(30)
    back = stage.client()
    back.connect("one", clean_start=False)
    assert [(each.payload, each.properties.message_expiry_interval) for each in back.messages()] == [(b"100", 70)]


# --- topic aliases


def test_every_alias_up_to_the_maximum_is_taken(stage: Stage) -> None:
    """[MQTT-3.3.2-12]"""
    hand, reader = stage.pair()
    reader.subscribe("#")
    most = stage.limits.topic_alias_maximum
    for alias in range(1, most + 1):
        hand.publish(f"a/{alias}", topic_alias=alias)
    for alias in range(most, 0, -1):
        hand.publish("", topic_alias=alias)
    numbers = [*range(1, most + 1), *range(most, 0, -1)]
    assert [message.topic for message in reader.messages()] == [f"a/{alias}" for alias in numbers]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_the_server_uses_no_alias_above_the_clients_maximum(stage: Stage, most: int) -> None:
    """[MQTT-3.1.2-26, MQTT-3.1.2-27, MQTT-3.3.2-8, MQTT-3.3.2-11]"""
    publisher, _ = stage.pair()
    reader = stage.client("other")
    reader.connect("one", **({"topic_alias_maximum": most} if most else {}))
    reader.subscribe("#", qos=1)
    for number in range(10):
        publisher.publish(f"a/long/topic/name/{number % 5}", qos=number % 2)
    used = {message.properties.topic_alias for message in reader.messages()}
    assert used == {None, *range(1, most + 1)}


# --- answers, overlapping subscriptions, Receive Maximum


def test_each_qos_has_its_answer(stage: Stage, level: int) -> None:
    """[MQTT-3.3.4-1]"""
    client = stage.client(level=level, answering=False)
    client.connect()
    for qos, kind in ((0, None), (1, PubAck), (2, PubRec)):
        client.publish("a", qos=qos)
        assert [type(each) for each in client.packets()] == ([kind] if kind else [])


def test_each_copy_carries_the_identifiers_of_what_it_comes_for(stage: Stage) -> None:
    """[MQTT-3.3.4-3 to -5]: one copy for all that is the client's own, and one for each group."""
    publisher, reader = stage.pair()
    for number, topic_filter in enumerate(("a/b", "a/+", "$share/g/a/b", "$share/h/#", "other")):
        reader.subscribe(topic_filter, qos=1, identifier=number + 1)
    for qos in (0, 1):
        publisher.publish("a/b", qos=qos)
        carried = sorted(message.properties.subscription_identifiers for message in reader.messages())
        assert carried == [(1, 2), (3,), (4,)]


def test_nothing_but_publish_waits_for_the_receive_maximum(stage: Stage) -> None:
    """[MQTT-3.3.4-9, MQTT-3.3.4-10, MQTT-4.9.0-1 to -3]"""
    publisher, _ = stage.pair()
    reader = stage.client("other", answering=False)
    reader.connect("one", receive_maximum=2)
    reader.subscribe("#", qos=2)
    for number in range(4):
        publisher.publish("a", b"%d" % number, qos=1 + number % 2)
    first, second = reader.messages()
    assert (first.payload, second.payload) == (b"0", b"1")
    reader.send(PingReq())
    assert [type(each) for each in reader.packets()] == [PingResp]
    assert reader.subscribe("b") == [0]
    assert reader.unsubscribe("b") == [0]
    reader.send(Publish("nobody", b"", 1, packet_id=9))
    acknowledgements = [each for each in reader.packets() if isinstance(each, PubAck)]
    assert [each.packet_id for each in acknowledgements] == [9]
    publisher.publish("a", b"qos 0")
    assert reader.payloads() == [b"qos 0"]
    reader.send(PubRec(second.packet_id))
    publisher.publish("a", b"4", qos=1)
    assert reader.messages() == []  # PUBREC frees nothing
    reader.send(PubComp(second.packet_id))
    assert reader.payloads() == [b"2"]
    reader.send(PubAck(first.packet_id))
    assert reader.payloads() == [b"3"]


def test_a_refusal_frees_its_place_in_the_receive_maximum(stage: Stage) -> None:
    """[MQTT-3.3.4-9, MQTT-4.9.0-2]: PUBACK does, PUBCOMP, and PUBREC of 0x80 or above."""
    publisher, _ = stage.pair()
    reader = stage.client("other", answering=False)
    reader.connect("one", receive_maximum=1)
    reader.subscribe("#", qos=2)
    for number, qos in enumerate((2, 1, 2)):
        publisher.publish("a", b"%d" % number, qos=qos)
    for number, refusal in enumerate((PubRec, PubAck, PubRec)):
        (message,) = reader.messages()
        assert message.payload == b"%d" % number
        reader.send(refusal(message.packet_id, 0x83))
    assert reader.packets() == []


def test_pubrec_frees_no_place_in_the_receive_maximum(stage: Stage) -> None:
    """[MQTT-3.3.4-9, MQTT-4.9.0-2]: PUBCOMP does."""
    publisher, _ = stage.pair()
    reader = stage.client("other", answering=False)
    reader.connect("one", receive_maximum=1)
    reader.subscribe("#", qos=2)
    publisher.publish("a", b"1", qos=2)
    (message,) = reader.messages()
    reader.send(PubRec(message.packet_id))
    publisher.publish("a", b"2", qos=2)
    assert reader.messages() == []
    reader.send(PubComp(message.packet_id))
    assert reader.payloads() == [b"2"]
