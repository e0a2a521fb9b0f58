"""Chapter 3.1: CONNECT, and what a session and a will owe to it."""

from __future__ import annotations

from typing import Any

import pytest

from by_hand import MALFORMED, PROTOCOL_ERROR, Hand, connect, field, properties, publish, subscribe
from mqtt_bytes import packet, text
from sealmq.config import LIMIT_RANGES
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import ConnAck, Connect, PingReq, Publish, Subscribe, Subscription, Will
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.state import Sender
from sealmq.mqtt.writer import write_packet
from stacks import Client, Stage

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def lasting(stage: Stage, level: int, client_id: str = "one", **how: Any) -> tuple[Client, bool]:
    """A client whose session outlives its link, and whether there was one."""
    client = stage.client(level=level)
    how |= {"session_expiry_interval": 100} if level == 5 else {}
    return client, client.connect(client_id, clean_start=False, **how).session_present


# --- the first packet, its protocol and its flags


@pytest.mark.parametrize("first", [PingReq(), Publish("a", b"b"), Subscribe(1, [Subscription("a")]), ConnAck()])
def test_a_first_packet_other_than_connect_closes_the_connection(stage: Stage, level: int, first: Any) -> None:
    """[MQTT-3.1.0-1, MQTT-3.14.0-1]"""
    hand = Hand(stage, level)
    assert hand.say(write_packet(first, level)) == []
    assert hand.closed


def test_a_second_connect_closes_the_connection_and_is_not_answered_by_connack(stage: Stage, level: int) -> None:
    """[MQTT-3.1.0-2, MQTT-3.2.0-2]"""
    hand = Hand(stage, level)
    hand.connect()
    heard = hand.say(connect(level, field(b"hand")))
    assert hand.is_refused_for(PROTOCOL_ERROR, heard)
    assert all(first != 0x20 for first, _ in heard)


@pytest.mark.parametrize("name", ["mqtt", "MQT", "MQTTX", "", "AMQP", "MQTT\x01"])
def test_another_protocol_is_cut_off(stage: Stage, level: int, name: str) -> None:
    """[MQTT-3.1.2-1], [MQTT 3.1.1: MQTT-3.1.2-1]"""
    hand = Hand(stage, level)
    heard = hand.say(connect(level, field(b"c"), name=name) + publish(level, b"a", b"x"))
    assert hand.closed
    assert heard in ([], [(0x20, b"\x00\x84\x00")])
    assert stage.broker.sessions == {}


@pytest.mark.parametrize("version", [0, 1, 2, 3, 6, 7, 0x84, 0x85, 255])
def test_another_version_is_told_so_and_cut_off(stage: Stage, version: int) -> None:
    """[MQTT-3.1.2-2], [MQTT 3.1.1: MQTT-3.1.2-2]: in the language of the level that is nearest."""
    hand = Hand(stage)
    ((first, body),) = hand.say(packet(0x10, text("MQTT") + bytes((version, 2, 0, 60)) + field(b"c")))
    assert hand.closed
    assert (first, body[:2]) == (0x20, b"\x00\x01" if version < 4 else b"\x00\x84")
    assert stage.broker.sessions == {}


MALFORMED_CONNECTS = {
    "the reserved flag": lambda level: connect(level, field(b"c"), 0x03),
    "a will QoS of 1 without a will": lambda level: connect(level, field(b"c"), 0x0A),
    "a will QoS of 2 without a will": lambda level: connect(level, field(b"c"), 0x12),
    "will retain without a will": lambda level: connect(level, field(b"c"), 0x22),
    "a will QoS of 3": lambda level: connect(level, field(b"c") + properties(level) + field(b"a") + field(b"b"), 0x1E),
    "a will without its topic": lambda level: connect(level, field(b"c") + properties(level), 0x06),
    "a will without its payload": lambda level: connect(level, field(b"c") + properties(level) + field(b"a"), 0x06),
    "a will without its flag": lambda level: connect(
        level, field(b"c") + properties(level) + field(b"a") + field(b"b")
    ),
    "a user name without its flag": lambda level: connect(level, field(b"c") + field(b"user")),
    "a user name flag without a name": lambda level: connect(level, field(b"c"), 0x82),
    "a password without its flag": lambda level: connect(level, field(b"c") + field(b"user") + field(b"word"), 0x82),
    "a password flag without a password": lambda level: connect(level, field(b"c") + field(b"user"), 0xC2),
    "no client identifier": lambda level: connect(level, b""),
    "a client identifier that is cut": lambda level: connect(level, b"\x00\x05abc"),
    "an end before the keep alive": lambda level: packet(0x10, text("MQTT") + bytes((level, 2, 0))),
    "something behind its end": lambda level: connect(level, field(b"c") + b"x"),
}


@pytest.mark.parametrize("what", MALFORMED_CONNECTS)
def test_a_malformed_connect_is_refused_and_in_311_without_a_word(stage: Stage, level: int, what: str) -> None:
    """[MQTT-3.1.2-3, MQTT-3.1.2-9, MQTT-3.1.2-11 to -13, MQTT-3.1.2-16 to -19, MQTT-3.1.3-1, MQTT-3.1.3-3],
    [MQTT-3.1.4-1, MQTT-3.14.0-1], [MQTT 3.1.1: MQTT-3.1.4-1, MQTT-3.2.2-6]"""
    hand = Hand(stage, level)
    heard = hand.say(MALFORMED_CONNECTS[what](level))
    assert hand.is_refused_for(MALFORMED, heard)
    assert all(first == 0x20 for first, _ in heard)  # CONNACK, not DISCONNECT
    assert stage.broker.sessions == {}


def test_a_password_without_a_user_name_is_for_mqtt_5_alone(stage: Stage, level: int) -> None:
    """[MQTT 3.1.1: MQTT-3.1.2-22]"""
    hand = Hand(stage, level)
    heard = hand.say(connect(level, field(b"c") + field(b"word"), 0x42))
    assert hand.closed == (level == 4)
    assert [first for first, _ in heard] == ([] if level == 4 else [0x20])


def test_the_fields_of_connect_are_read_in_their_order(level: int) -> None:
    """[MQTT-3.1.3-1, MQTT-3.1.2-17, MQTT-3.1.2-19, MQTT-3.1.3-3]"""
    payload = (
        field(b"id")
        + properties(level, b"\x03" + field(b"type"))
        + b"".join(map(field, (b"topic", b"message", b"user", b"word")))
    )
    (read,) = MQTTConnection(Sender.SERVER).receive_data(connect(level, payload, 0xF6, keep_alive=7))
    will = Will("topic", b"message", 2, True, Properties(content_type="type") if level == 5 else Properties())
    assert read == Connect("id", True, 7, level, "user", b"word", will)


# --- the session


def test_clean_start_decides_whether_a_session_goes_on(stage: Stage, level: int) -> None:
    """[MQTT-3.1.2-4 to -6, MQTT-3.1.2-23, MQTT-3.1.4-4, MQTT-3.2.2-2 to -3],
    [MQTT 3.1.1: MQTT-3.1.2-4, MQTT-4.1.0-1]"""
    first, present = lasting(stage, level)
    assert not present
    first.subscribe("a", qos=1)
    first.lose()
    stage.wait(50)
    second, present = lasting(stage, level)
    assert present
    second.publish("a", b"1", qos=1)
    assert second.payloads() == [b"1"]  # the subscription is still there
    second.lose()
    third = stage.client(level=level)
    assert not third.connect("one", clean_start=True).session_present
    third.publish("a", b"2", qos=1)
    assert third.payloads() == []


def test_a_clean_session_is_used_by_no_later_one(stage: Stage, level: int) -> None:
    """[MQTT-4.1.0-2], [MQTT 3.1.1: MQTT-3.1.2-6]"""
    first = stage.client(level=level)
    first.connect("one", clean_start=True)
    first.subscribe("a", qos=1)
    first.lose()
    second, present = lasting(stage, level)
    assert not present
    second.publish("a", b"1", qos=1)
    assert second.payloads() == []


def test_messages_wait_for_a_session_that_lasts(stage: Stage, level: int) -> None:
    """[MQTT-3.1.2-23, MQTT-4.5.0-1], [MQTT 3.1.1: MQTT-3.1.2-5]"""
    away, _ = lasting(stage, level)
    away.subscribe("a", qos=2)
    away.lose()
    publisher, _ = stage.pair(level)
    for qos in (1, 2):
        publisher.publish("a", b"%d" % qos, qos=qos)
    back, _ = lasting(stage, level)
    assert back.payloads() == [b"1", b"2"]


def test_retained_messages_outlive_the_session_of_their_publisher(stage: Stage, level: int) -> None:
    """[MQTT 3.1.1: MQTT-3.1.2-7]"""
    publisher, reader = stage.pair(level)
    publisher.publish("a", b"1", retain=True)
    publisher.disconnect()
    stage.wait(5)
    assert stage.session("publisher") is None
    reader.subscribe("a")
    assert reader.payloads() == [b"1"]


def test_a_session_is_found_by_its_client_identifier(stage: Stage, level: int) -> None:
    """[MQTT-3.1.3-2]"""
    one, _ = lasting(stage, level, "one")
    two, _ = lasting(stage, level, "two")
    one.subscribe("a")
    two.subscribe("b")
    one.lose()
    two.lose()
    publisher, _ = stage.pair(level)
    for client_id, topic in (("two", b"b"), ("one", b"a")):
        back, present = lasting(stage, level, client_id)
        assert present
        publisher.publish("a", b"a")
        publisher.publish("b", b"b")
        assert back.payloads() == [topic]


def test_a_client_that_connects_again_ends_its_former_connection(stage: Stage, level: int) -> None:
    """[MQTT-3.1.4-3, MQTT-3.14.4-2]"""
    former = Hand(stage, level)
    former.connect()
    Hand(stage, level).connect()
    assert former.is_refused_for(0x8E, former.hear())


# --- the client identifier


def test_short_plain_client_identifiers_are_taken(level: int) -> None:
    """[MQTT-3.1.3-5]: whatever sealmq.toml says, which may allow no fewer than 23."""
    smallest, _ = LIMIT_RANGES["client_id_length"]
    assert smallest == 23
    stage = Stage(client_id_length=smallest)
    for client_id in (*LETTERS, LETTERS[:23], LETTERS[-23:]):
        assert stage.client(level=level).connect(client_id).reason_code == 0


def test_a_client_without_an_identifier_is_given_one_of_its_own(stage: Stage) -> None:
    """[MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16]"""
    names = []
    for _ in range(3):
        client = stage.client()
        names.append(client.connect("", session_expiry_interval=100).properties.assigned_client_identifier)
        client.subscribe("a")
    assert len(set(names)) == 3
    assert all(stage.session(name) is not None for name in names)
    assert stage.client().connect(names[0], clean_start=False).session_present


def test_a_311_client_without_an_identifier_has_a_session_of_its_own(stage: Stage) -> None:
    """[MQTT 3.1.1: MQTT-3.1.3-6]"""
    one, two = stage.client(level=4), stage.client(level=4)
    for client in (one, two):
        assert client.connect("", clean_start=True).reason_code == 0
        client.subscribe("a")
    assert not one.closed
    one.publish("a", b"1")
    assert (one.payloads(), two.payloads()) == ([b"1"], [b"1"])


def test_a_311_client_without_an_identifier_may_not_ask_for_a_session_that_lasts(stage: Stage) -> None:
    """[MQTT 3.1.1: MQTT-3.1.3-8]"""
    hand = Hand(stage, 4)
    assert hand.say(connect(4, field(b""), 0x00)) == [(0x20, b"\x00\x02")]
    assert hand.closed


def test_a_client_identifier_that_is_not_taken_is_told_so(level: int) -> None:
    """[MQTT-3.1.3-8], [MQTT 3.1.1: MQTT-3.1.3-9]"""
    hand = Hand(Stage(client_id_length=30), level)
    ((first, body),) = hand.say(connect(level, field(b"x" * 31)))
    assert (first, body[:2]) == (0x20, b"\x00\x85" if level == 5 else b"\x00\x02")
    assert hand.closed


# --- the will


@pytest.fixture
def mourner(stage: Stage) -> Client:
    client = stage.client("other")
    client.connect("mourner")
    client.subscribe("gone", qos=2, retain_as_published=True)
    return client


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [False, True])
def test_a_will_is_published_once_as_it_was_given(
    stage: Stage, mourner: Client, level: int, qos: int, retain: bool
) -> None:
    """[MQTT-3.1.2-7, MQTT-3.1.2-8, MQTT-3.1.2-9, MQTT-3.1.2-10, MQTT-3.1.2-14, MQTT-3.1.2-15]"""
    client, _ = lasting(stage, level, will=Will("gone", b"bye", qos, retain))
    assert mourner.messages() == []
    client.lose()
    (message,) = mourner.messages()
    assert (message.payload, message.qos, message.retain) == (b"bye", qos, retain)
    late = stage.client("third", level)
    late.connect("late")
    late.subscribe("gone")
    assert late.payloads() == ([b"bye"] if retain else [])
    stage.wait(200)
    back, _ = lasting(stage, level)  # without a will
    back.lose()
    stage.wait(200)
    assert mourner.messages() == []


def test_a_client_that_says_goodbye_has_no_will(stage: Stage, mourner: Client, level: int) -> None:
    """[MQTT-3.1.2-10, MQTT-3.14.4-3]"""
    client, _ = lasting(stage, level, will=Will("gone", b"bye"))
    client.disconnect()
    stage.wait(200)
    assert mourner.messages() == []


def test_a_client_without_a_will_leaves_in_silence(stage: Stage, mourner: Client, level: int) -> None:
    """[MQTT 3.1.1: MQTT-3.1.2-12]"""
    mourner.subscribe("#")
    client, _ = lasting(stage, level)
    client.lose()
    stage.wait(200)
    assert mourner.messages() == []


def test_the_properties_of_a_will_are_published_in_their_order(stage: Stage, mourner: Client) -> None:
    """[MQTT-3.1.3-10]"""
    pairs = (("b", "2"), ("a", "1"), ("b", "2"), ("", ""))
    client = stage.client()
    client.connect("one", will=Will("gone", b"bye", properties=Properties(user_properties=pairs, content_type="t")))
    client.lose()
    (message,) = mourner.messages()
    assert list(vars(message.properties).items()) == [("user_properties", pairs), ("content_type", "t")]


def test_no_local_holds_for_a_clients_own_will(stage: Stage) -> None:
    """[MQTT-3.8.3-3]: the will is a message of that client, also when the server speaks it."""
    for qos in (0, 1):
        client, _ = lasting(stage, 5, will=Will("gone", b"bye", qos))
        client.subscribe("gone", qos=1, no_local=True)
        other = stage.client("other")
        other.connect("reader")
        other.subscribe("gone", qos=1, no_local=True)
        client.lose()
        assert other.payloads() == [b"bye"]
        back, present = lasting(stage, 5)
        assert present
        assert back.payloads() == []


# --- keep alive


@pytest.mark.parametrize("keep_alive", [1, 10, 100])
def test_silence_of_one_and_a_half_keep_alives_is_the_end(
    stage: Stage, mourner: Client, level: int, keep_alive: int
) -> None:
    """[MQTT-3.1.2-22, MQTT-3.2.2-22]"""
    client = stage.client(level=level)
    connack = client.connect("one", keep_alive=keep_alive, will=Will("gone", b"bye"))
    assert connack.properties.server_keep_alive is None
    for _ in range(3):
        stage.wait(keep_alive * 1.4)
        client.send(PingReq())
    stage.wait(keep_alive * 1.45)
    assert not client.closed
    stage.wait(keep_alive * 0.05 + 2.5)  # late by up to a second and a tick, and a test's steps
    assert client.goodbye() == (0x8D if level == 5 else None)
    assert mourner.payloads() == [b"bye"]


# --- what CONNECT asks for, and how it is answered


def test_a_connect_that_is_accepted_is_answered_by_0(stage: Stage, level: int) -> None:
    """[MQTT-3.1.4-5, MQTT-3.2.0-1]"""
    assert Hand(stage, level).connect()[:2] == b"\x00\x00"


def test_what_comes_behind_a_refused_connect_is_not_looked_at(stage: Stage, mourner: Client, level: int) -> None:
    """[MQTT-3.1.4-2, MQTT-3.1.4-6, MQTT-3.2.2-7, MQTT-4.13.2-1]"""
    hand = Hand(stage, level, "sensor-1")
    will = field(b"c") + properties(level) + field(b"not/mine") + field(b"x")
    behind = subscribe(level, 1, (b"devices/sensor-1/a", 0)) + publish(level, b"devices/sensor-1/a", b"x")
    ((first, body),) = hand.say(connect(level, will, 0x06) + behind + connect(level, field(b"c")))
    assert (first, body[:2]) == (0x20, b"\x00\x87" if level == 5 else b"\x00\x05")
    assert hand.closed
    assert hand.say(behind) == []
    assert [key.client_id for key in stage.broker.sessions] == ["mourner"]


@pytest.mark.parametrize("asked", [{}, {"request_response_information": 0}, {"request_response_information": 1}])
def test_connack_has_no_response_information(stage: Stage, asked: dict[str, int]) -> None:
    """[MQTT-3.1.2-28]: it may be left out when it was asked for, and is."""
    assert stage.client().connect("one", **asked).properties.response_information is None


def test_reasons_are_for_those_who_want_them(stage: Stage) -> None:
    """[MQTT-3.1.2-29]"""
    for wanted in (0, 1):
        sensor = stage.client("sensor-1", answering=False)
        sensor.connect(f"c{wanted}", request_problem_information=wanted)
        sensor.subscribe("not/mine")
        sensor.publish("not/mine", qos=1)
        sensor.publish("not/mine", qos=2)
        sensor.unsubscribe("never")
        told = [vars(one.properties) for one in sensor.packets()]
        assert [bool(each) for each in told] == [bool(wanted)] * 2
        sensor.raw(b"\x00\x00")
        assert sensor.packets()[-1].properties.reason_string  # DISCONNECT always may
