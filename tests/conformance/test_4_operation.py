"""Chapter 4: sessions, QoS, delivery once more, order, topics, groups, flow control, errors."""

from __future__ import annotations

from typing import Any

import pytest

from by_hand import MALFORMED, PROTOCOL_ERROR, Hand, publish, subscribe
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.errors import LocalProtocolError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import PingReq, PingResp, PubAck, PubComp, Publish, PubRec, PubRel
from sealmq.mqtt.properties import Properties
from stacks import Client, Stage


def reader(stage: Stage, level: int, qos: int, **how: Any) -> Client:
    """A client that comes back to its session, and acknowledges nothing by itself."""
    client = stage.client("other", level, answering=False)
    how |= {"session_expiry_interval": 1_000} if level == 5 else {}
    connack = client.connect("reader", clean_start=False, **how)
    if not connack.session_present:
        client.subscribe("#", qos=qos)
    return client


def said(client: Client) -> list[tuple[type, int]]:
    return [(type(packet), packet.packet_id) for packet in client.packets()]  # type: ignore[union-attr]


# --- 4.1: the session


def test_a_session_is_kept_as_long_as_its_connection(stage: Stage, level: int) -> None:
    """[MQTT-4.1.0-1]: however short it was to live without one."""
    client = stage.client(level=level)
    client.connect("one", keep_alive=60, **({"session_expiry_interval": 1} if level == 5 else {}))
    client.subscribe("a", qos=1)
    for _ in range(10):
        stage.wait(50)
        client.send(PingReq())
    client.publish("a", b"1", qos=1)
    assert client.payloads() == [b"1"]


def test_a_session_ends_with_its_time(stage: Stage) -> None:
    """[MQTT-4.1.0-2, MQTT-3.1.2-23]"""
    client = stage.client()
    client.connect("one", session_expiry_interval=100)
    client.subscribe("a", qos=1)
    client.lose()
    stage.wait(99)
    assert stage.session("one") is not None
    stage.wait(1.5)
    assert stage.session("one") is None
    assert not stage.client().connect("one", clean_start=False).session_present


# --- 4.3: the server sends


def test_qos_0_is_sent_once_and_not_again(stage: Stage, level: int) -> None:
    """[MQTT-4.3.1-1]"""
    publisher, _ = stage.pair(level)
    first = reader(stage, level, 0)
    publisher.publish("a", b"x", qos=2)
    (message,) = first.messages()
    assert (message.qos, message.dup, message.packet_id) == (0, False, 0)
    first.lose()
    assert reader(stage, level, 0).messages() == []


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_is_unfinished_until_it_is_acknowledged(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-4.3.2-1 to -3, MQTT-4.3.3-1 to -3, MQTT-4.4.0-1], [MQTT 3.1.1: MQTT-4.3.2-1, MQTT-4.3.3-1, MQTT-4.6.0-1]"""
    publisher, _ = stage.pair(level)
    link = reader(stage, level, qos)
    for number in range(4):
        publisher.publish("a", b"%d" % number, qos=qos)
    first = link.messages()
    assert [(message.qos, message.dup) for message in first] == [(qos, False)] * 4
    ids = [message.packet_id for message in first]
    assert len(set(ids)) == 4
    for _ in range(3):  # again and again, in the same order, under the same identifiers
        link.lose()
        link = reader(stage, level, qos)
        assert [(each.packet_id, each.payload, each.dup) for each in link.messages()] == [
            (packet_id, b"%d" % number, True) for number, packet_id in enumerate(ids)
        ]
    link.send(*((PubAck if qos == 1 else PubRec)(packet_id) for packet_id in ids))
    link.packets()
    link.lose()
    assert reader(stage, level, qos).messages() == []


def test_nothing_is_sent_again_while_the_link_stands(stage: Stage, level: int) -> None:
    """[MQTT-4.4.0-1]: at no other time than when a session goes on."""
    publisher, _ = stage.pair(level)
    link = reader(stage, level, 2, keep_alive=3_600)
    publisher.publish("a", b"1", qos=1)
    publisher.publish("a", b"2", qos=2)
    _, two = link.messages()
    link.send(PubRec(two.packet_id))
    assert said(link) == [(PubRel, two.packet_id)]
    stage.wait(3_000)
    assert link.packets() == []


def test_pubrec_is_answered_by_pubrel_which_is_unfinished_until_pubcomp(stage: Stage, level: int) -> None:
    """[MQTT-4.3.3-4 to -6, MQTT-4.4.0-1], [MQTT 3.1.1: MQTT-4.3.3-1, MQTT-4.6.0-4]"""
    publisher, _ = stage.pair(level)
    link = reader(stage, level, 2)
    for number in range(3):
        publisher.publish("a", b"%d" % number, qos=2)
    one, two, three = (message.packet_id for message in link.messages())
    link.send(PubRec(three), PubRec(one), PubRec(two))
    in_order = [(PubRel, three), (PubRel, one), (PubRel, two)]
    assert said(link) == in_order
    for _ in range(2):
        link.lose()
        link = reader(stage, level, 2)
        assert said(link) == in_order  # PUBREL, and never PUBLISH again
    link.send(PubComp(one))
    link.lose()
    link = reader(stage, level, 2)
    assert said(link) == [(PubRel, three), (PubRel, two)]
    link.send(PubComp(three), PubComp(two))
    link.lose()
    assert reader(stage, level, 2).packets() == []


@pytest.mark.parametrize("qos", [1, 2])
def test_a_refusal_is_an_answer_too(stage: Stage, qos: int) -> None:
    """[MQTT-4.4.0-2, MQTT-4.3.3-4]"""
    publisher, _ = stage.pair()
    link = reader(stage, 5, qos)
    publisher.publish("a", b"1", qos=qos)
    (message,) = link.messages()
    link.send((PubAck if qos == 1 else PubRec)(message.packet_id, 0x97))
    assert link.packets() == []
    link.lose()
    assert reader(stage, 5, qos).packets() == []


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_sent_does_not_expire(stage: Stage, qos: int) -> None:
    """[MQTT-4.3.3-7]"""
    publisher, _ = stage.pair()
    link = reader(stage, 5, qos)
    publisher.publish("a", b"1", qos=qos, message_expiry_interval=5)
    link.messages()
    link.lose()
    stage.wait(60)
    back = reader(stage, 5, qos)
    assert [(each.payload, each.dup) for each in back.messages()] == [(b"1", True)]


# --- 4.3: the server receives


def test_qos_1_behind_its_puback_is_a_new_message(stage: Stage, level: int) -> None:
    """[MQTT-4.3.2-4, MQTT-4.3.2-5], [MQTT 3.1.1: MQTT-4.3.2-2]"""
    publisher, other = stage.pair(level)
    other.subscribe("a", qos=1)
    for dup in (False, True, True):
        publisher.send(Publish("a", b"1", 1, dup=dup, packet_id=7))
        assert said(publisher) == [(PubAck, 7)]
    assert other.payloads() == [b"1"] * 3


def test_qos_2_passes_once_until_it_is_released(stage: Stage, level: int) -> None:
    """[MQTT-4.3.3-8, MQTT-4.3.3-10 to -12], [MQTT 3.1.1: MQTT-4.3.3-2]"""
    _, other = stage.pair(level)
    other.subscribe("a", qos=2)
    sender = stage.client("third", level, answering=False)
    sender.connect("sender")
    for round_ in (b"1", b"2"):
        for dup in (False, True, False):
            sender.send(Publish("a", round_, 2, dup=dup, packet_id=7))
            assert said(sender) == [(PubRec, 7)]
        assert other.payloads() == [round_]
        sender.send(PubRel(7))
        assert said(sender) == [(PubComp, 7)]


def test_qos_2_that_was_refused_leaves_its_identifier_free(stage: Stage) -> None:
    """[MQTT-4.3.3-9]"""
    spy = stage.client()
    spy.connect("spy")
    spy.subscribe("#", qos=2)
    sensor = stage.client("sensor-1", answering=False)
    sensor.connect()
    sensor.send(Publish("not/mine", b"1", 2, packet_id=7))
    (pubrec,) = sensor.packets()
    assert (type(pubrec), pubrec.reason_code) == (PubRec, 0x87)  # type: ignore[union-attr]
    sensor.send(Publish("devices/sensor-1/a", b"2", 2, packet_id=7))
    (pubrec,) = sensor.packets()
    assert pubrec.reason_code == 0  # type: ignore[union-attr]
    assert spy.payloads() == [b"2"]


def test_an_exchange_goes_on_though_the_message_has_expired(stage: Stage) -> None:
    """[MQTT-4.3.3-13]"""
    away = reader(stage, 5, 2)
    away.lose()
    sender = stage.client(answering=False)
    sender.connect("sender", keep_alive=3_600)
    message = Publish("a", b"1", 2, packet_id=7, properties=Properties(message_expiry_interval=1))
    sender.send(message)
    assert said(sender) == [(PubRec, 7)]
    stage.wait(10)
    sender.send(Publish("a", b"1", 2, dup=True, packet_id=7, properties=message.properties))
    sender.send(PubRel(7))
    assert said(sender) == [(PubRec, 7), (PubComp, 7)]
    assert reader(stage, 5, 2).messages() == []


def test_a_message_reaches_every_session_that_wants_it(stage: Stage, level: int) -> None:
    """[MQTT-4.5.0-1]: whoever is here, and whoever is away."""
    publisher, here = stage.pair(level)
    here.subscribe("a/+", qos=1)
    away = reader(stage, level, 1)
    away.lose()
    deaf = stage.client("third", level)
    deaf.connect("deaf")
    deaf.subscribe("b/+", qos=1)
    publisher.publish("a/b", b"1", qos=1)
    assert (here.payloads(), deaf.payloads()) == ([b"1"], [])
    assert reader(stage, level, 1).payloads() == [b"1"]


# --- 4.6: order


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_keep_their_order_through_windows_queues_and_absence(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-4.6.0-5, MQTT-4.6.0-6]"""
    publisher = stage.client(level=level)
    publisher.connect("publisher")
    narrow = {"receive_maximum": 3} if level == 5 else {}
    link = reader(stage, level, qos, **narrow)
    heard: list[bytes] = []

    def take() -> None:
        while messages := link.messages():
            heard.extend(each.payload for each in messages if not each.dup)
            link.send(*(PubAck(each.packet_id) for each in messages if each.qos == 1))
            link.send(*(PubRec(each.packet_id) for each in messages if each.qos == 2))
            released = [each for each in link.received if isinstance(each, PubRel)]
            link.received = [each for each in link.received if not isinstance(each, PubRel)]
            link.send(*(PubComp(each.packet_id) for each in released))

    for number in range(60):
        with stage.one_turn():
            publisher.publish(f"a/{number % 3}", b"%d" % number, qos=qos)
        if number % 7 == 0:
            take()
        if qos and number % 20 == 10:
            take()
            link.lose()
        if qos and number % 20 == 13:
            link = reader(stage, level, qos, **narrow)
    take()
    assert heard == [b"%d" % number for number in range(60)]


def test_acknowledgements_have_the_order_of_what_they_answer(stage: Stage, level: int) -> None:
    """[MQTT 3.1.1: MQTT-4.6.0-2, MQTT-4.6.0-3]: of messages that are taken, and of those that are not."""
    hand = Hand(stage, level, "sensor-1")
    hand.connect()
    numbers = range(1, 21)
    for flags, answer in ((2, 0x40), (4, 0x50)):
        sent = b"".join(
            publish(level, b"devices/sensor-1/a" if number % 3 else b"not/mine", b"x", flags, number)
            for number in numbers
        )
        heard = hand.say(sent)
        assert [(first, int.from_bytes(body[:2], "big")) for first, body in heard] == [(answer, n) for n in numbers]


# --- 4.7: topics


@pytest.mark.parametrize(
    "topic_filter", ["#/a", "a/#/b", "a#", "a/b#", "#a", "##", "a/##", "+a", "a+", "a/+b", "a/b+/c", "++", "#+", ""]
)
def test_a_filter_with_a_wildcard_in_the_wrong_place_is_refused(stage: Stage, level: int, topic_filter: str) -> None:
    """[MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1]"""
    hand = Hand(stage, level)
    hand.connect()
    (answer,) = hand.say(subscribe(level, 1, (topic_filter.encode(), 0)))
    assert answer[1][-1] == (0x8F if level == 5 else 0x80)
    assert not hand.closed


def test_an_empty_topic_name_is_refused(stage: Stage, level: int) -> None:
    """[MQTT-4.7.3-1]: in MQTT 5 it stands for an alias, and there is none."""
    hand = Hand(stage, level)
    hand.connect()
    assert hand.is_refused_for(PROTOCOL_ERROR, hand.say(publish(level, b"", b"x")))


def test_a_topic_may_have_as_many_bytes_as_its_length_can_say(level: int) -> None:
    """[MQTT-4.7.3-3]: 65,535; more cannot be written, and a limit of ours may be lower."""
    stage = Stage(topic_length=65_535)
    hand = Hand(stage, level)
    hand.connect()
    topic = "ä".encode() * 32_767 + b"x"
    hand.say(subscribe(level, 1, (topic, 0)))
    ((first, body),) = hand.say(publish(level, topic, b"x"))
    assert (first, body[2 : 2 + 65_535]) == (0x30, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("+", "a", True),
        ("+", "a/b", False),
        ("+", "/a", False),
        ("/+", "/a", True),
        ("+/+", "/a", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("a/+/c", "a//c", True),
        ("#", "a/b", True),
        ("#", "$own/a", False),
        ("+/a", "$own/a", False),
        ("+/#", "$own/a", False),
        ("$own/#", "$own/a", True),
        ("$own/+", "$own/a", True),
        ("A", "a", False),
        ("\u00e4", "a\u0308", False),  # two ways to write one letter are two topics
        ("\u212b", "\u00c5", False),
        ("a b", "a b", True),
        ("a ", "a", False),
        ("a", "a/", False),
        ("/", "/", True),
        ("a//b", "a/b", False),
        ("a/./b", "a/b", False),
        ("a\ufffd", "a?", False),
    ],
)
def test_filters_match_by_levels_and_characters(level: int, topic_filter: str, topic: str, matches: bool) -> None:
    """[MQTT-3.3.2-3, MQTT-4.7.2-1, MQTT-4.7.3-4], for messages as they come and for what is retained."""
    stage = Stage([Rule(None, None, "allow", ACTIONS, ("#", "$own/#"))])
    publisher, other = stage.pair(level)
    other.subscribe(topic_filter)
    publisher.publish(topic, b"now", retain=True)
    assert [each.topic for each in other.messages()] == [topic] * matches
    other.unsubscribe(topic_filter)
    other.subscribe(topic_filter)
    assert [each.topic for each in other.messages()] == [topic] * matches


# --- 4.8: groups


@pytest.mark.parametrize(
    "topic_filter", ["$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#", "$share/g+/a"]
)
def test_a_shared_subscription_has_a_name_and_a_filter(stage: Stage, level: int, topic_filter: str) -> None:
    """[MQTT-4.8.2-1, MQTT-4.8.2-2]"""
    client = stage.client(level=level)
    client.connect()
    assert client.subscribe(topic_filter) == [0x8F if level == 5 else 0x80]
    assert client.subscribe("$share/g/a/+") == [0]


# --- 4.13, and 4.8 of 3.1.1: errors


@pytest.mark.parametrize("wrong", [b"\x00\x00", b"\xf8\x00", b"\xc0\x01\x00", b"\x32\x06\x00\x01a\x00\x01\xff"])
def test_whatever_is_malformed_ends_its_own_link_and_no_other(stage: Stage, level: int, wrong: bytes) -> None:
    """[MQTT-4.13.1-1], [MQTT 3.1.1: MQTT-4.8.0-1]"""
    if level == 4 and wrong[0] == 0x32:
        wrong = b"\x32\x04\x00\x01a\x00"
    other = stage.client("other", level)
    other.connect("other")
    hand = Hand(stage, level)
    hand.connect()
    heard = hand.say(wrong)
    reason_code = PROTOCOL_ERROR if level == 4 and wrong[0] == 0xF8 else MALFORMED
    assert hand.is_refused_for(reason_code, heard)
    other.send(PingReq())
    assert [type(each) for each in other.packets()] == [PingResp]


def test_an_error_of_the_moment_ends_the_link_that_it_came_by(
    stage: Stage, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[MQTT-4.13.2-1], [MQTT 3.1.1: MQTT-4.8.0-2]: an error in our own house, as if it were full."""
    other = stage.client("other", level)
    other.connect("other")
    hand = Hand(stage, level)
    hand.connect()

    def fails(*_: object) -> None:
        raise LocalProtocolError("no room", ReasonCode.QUOTA_EXCEEDED)

    monkeypatch.setattr(stage.broker.subscriptions, "on_subscribe", fails)
    heard = hand.say(subscribe(level, 1, (b"a", 0)))
    assert hand.is_refused_for(0x83, heard)
    other.send(PingReq())
    assert [type(each) for each in other.packets()] == [PingResp]
