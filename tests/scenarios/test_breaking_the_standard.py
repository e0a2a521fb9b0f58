"""What a client must not send, and how each of it ends [MQTT 4.13]: a reason for MQTT 5, a plain close for 3.1.1."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import Auth, ConnAck, PingResp, Publish, SubAck, UnsubAck, Unsubscribe
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet
from stacks import Stage

MALFORMED = {
    "packet type 0": b"\x00\x00",
    "PINGREQ with flags": b"\xc1\x00",
    "PINGREQ with a body": b"\xc0\x01\x00",
    "SUBSCRIBE with wrong flags": b"\x80\x06\x00\x01\x00\x00\x01a\x00",
    "PUBLISH at QoS 3": b"\x36\x06\x00\x01a\x00\x01\x00",
    "PUBLISH with DUP at QoS 0": b"\x38\x04\x00\x01a\x00",
    "a topic that is not UTF-8": b"\x30\x05\x00\x02\xc3\x28\x00",
    "a topic with U+0000": b"\x30\x04\x00\x01\x00\x00",
    "a topic longer than the packet": b"\x30\x03\x00\x09a",
    "a remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "PUBREL with wrong flags": b"\x60\x02\x00\x01",
}

PROTOCOL_ERRORS = {
    "packet identifier 0": b"\x32\x06\x00\x01a\x00\x00\x00",
    "PINGRESP from a client": write_packet(PingResp(), 5),
    "CONNACK from a client": write_packet(ConnAck(), 5),
    "SUBACK from a client": write_packet(SubAck(1, [0]), 5),
    "UNSUBACK from a client": write_packet(UnsubAck(1, [0]), 5),
}


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_packet_ends_the_link(stage: Stage, level: int, packet: bytes) -> None:
    client = stage.client(level=level)
    client.connect()
    client.raw(packet)
    assert client.goodbye() == (0x81 if level == 5 else None)
    assert stage.house.links == set()


@pytest.mark.parametrize("packet", PROTOCOL_ERRORS.values(), ids=PROTOCOL_ERRORS)
def test_a_packet_that_does_not_belong_here_ends_the_link(stage: Stage, level: int, packet: bytes) -> None:
    client = stage.client(level=level)
    client.connect()
    client.raw(packet)
    assert client.goodbye() == (0x82 if level == 5 else None)


def test_a_wildcard_in_a_topic_name_ends_the_link(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect()
    client.raw(b"\x30\x06\x00\x03a/#\x00")
    assert client.goodbye() == (0x90 if level == 5 else None)  # [MQTT-3.3.2-2]


def test_auth_from_a_311_client_ends_the_link(stage: Stage) -> None:
    client = stage.client(level=4)
    client.connect()
    client.raw(write_packet(Auth(), 5))
    assert client.goodbye() is None


def test_what_stands_before_the_mistake_counts_and_what_stands_behind_it_does_not(stage: Stage, level: int) -> None:
    reader = stage.client("other", level)
    reader.connect()
    reader.subscribe("#")
    client = stage.client(level=level)
    client.connect()
    good = write_packet(Publish("a", b"before"), level)
    client.raw(good + b"\x00\x00" + good.replace(b"before", b"behind"))
    assert reader.payloads() == [b"before"]


def test_the_goodbye_says_what_was_wrong(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.raw(b"\xc1\x00")
    (goodbye,) = client.packets()
    assert goodbye.properties.reason_string == "the reserved flags of PINGREQ are 0001 and not 0000"


def test_a_goodbye_fits_the_client(stage: Stage) -> None:
    client = stage.client()
    client.connect(maximum_packet_size=128)
    client.link.end(0x98, "words " * 100)
    stage.settle()
    (goodbye,) = client.packets()
    assert (goodbye.reason_code, vars(goodbye.properties)) == (0x98, {})  # [MQTT-3.14.2-3]


# --- sizes


def test_a_packet_above_the_limit_is_refused_before_it_is_there(level: int) -> None:
    stage = Stage(packet_size=1_000)
    client = stage.client(level=level)
    connack = client.connect()
    if level == 5:
        assert connack.properties.maximum_packet_size == 1_000
    client.publish("a", b"x" * (1_000 - 3 - 3 - (level == 5)))  # exactly 1,000 bytes
    assert not client.closed
    client.raw(b"\x30\xe6\x07")  # 3 bytes of a packet of 1,001
    assert client.goodbye() == (0x95 if level == 5 else None)


def test_a_stranger_gets_less_room_than_a_client(level: int) -> None:
    stage = Stage(first_packet_size=200, packet_size=1_000)
    stranger = stage.client(level=level)
    assert stage.client(level=level).connect("x" * 150).reason_code == 0
    stranger.raw(b"\x10\xe8\x07")
    assert stranger.closed
    client = stage.client(level=level)
    client.connect("y" * 150)
    client.publish("a", b"x" * 500)
    assert not client.closed


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("identifier", [0, 7])
def test_what_is_larger_than_the_client_takes_is_dropped_and_counted(stage: Stage, qos: int, identifier: int) -> None:
    publisher = stage.client()
    publisher.connect("publisher")
    reader = stage.client("other")
    reader.connect("reader", maximum_packet_size=200)
    reader.subscribe("a", qos=qos, identifier=identifier)
    publisher.publish("a", b"x" * 300, qos=qos)
    publisher.publish("a", b"small", qos=qos)
    assert reader.payloads() == [b"small"]  # [MQTT-3.1.2-24]
    assert stage.counters.dropped_too_large == 1
    assert not reader.closed


def test_a_retained_message_that_is_too_large_is_dropped(stage: Stage) -> None:
    publisher, _ = stage.pair()
    publisher.publish("a", b"x" * 300, retain=True)
    publisher.publish("b", b"x" * 300, qos=1, retain=True)
    reader = stage.client("third")
    reader.connect("reader", maximum_packet_size=200)
    reader.subscribe("#", qos=1)
    assert reader.messages() == []
    assert stage.counters.dropped_too_large == 2


def test_an_answer_that_cannot_be_made_small_enough_ends_the_link(stage: Stage) -> None:
    client = stage.client()
    client.connect(maximum_packet_size=128)
    client.send(Unsubscribe(1, ["a"] * 200))
    assert client.goodbye() == 0x95
    assert stage.session("client") is None


# --- topic aliases of a client


def test_an_alias_stands_for_its_topic_until_it_is_set_anew(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("#", qos=2)
    for qos in (0, 1, 2):
        publisher.publish("a/long/topic", b"1", qos=qos, topic_alias=16)
        publisher.publish("", b"2", qos=qos, topic_alias=16)
        publisher.publish("another", b"3", qos=qos, topic_alias=16)
        publisher.publish("", b"4", qos=qos, topic_alias=16, content_type="x")
        messages = reader.messages()
        assert [(message.topic, message.payload) for message in messages] == [
            ("a/long/topic", b"1"),
            ("a/long/topic", b"2"),
            ("another", b"3"),
            ("another", b"4"),
        ]
        assert {message.properties.topic_alias for message in messages} == {None}
        assert messages[3].properties.content_type == "x"


@pytest.mark.parametrize(
    ("topic", "alias", "reason_code"), [("a", 17, 0x94), ("a", 0, 0x94), ("", 5, 0x82), ("", None, 0x82)]
)
def test_an_alias_that_stands_for_nothing_ends_the_link(
    stage: Stage, topic: str, alias: int | None, reason_code: int
) -> None:
    client = stage.client()
    client.connect()
    properties = b"\x00" if alias is None else b"\x03\x23" + alias.to_bytes(2, "big")
    body = len(topic).to_bytes(2, "big") + topic.encode() + properties
    client.raw(b"\x30" + bytes((len(body),)) + body)
    assert client.goodbye() == reason_code  # [MQTT-3.3.2-8], [MQTT-3.3.2-9]


def test_an_alias_ends_with_its_connection(stage: Stage) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100)
    client.publish("a", topic_alias=1)
    client.lose()
    back = stage.client()
    back.connect("one", clean_start=False)
    back.send(Publish("", b"", properties=Properties(topic_alias=1)))
    assert back.goodbye() == 0x82  # [MQTT-3.3.2-7]


def test_an_alias_is_checked_against_the_rules_like_its_topic(stage: Stage) -> None:
    sensor = stage.client("sensor-1")
    sensor.connect()
    spy, _ = stage.pair()
    spy.subscribe("#")
    sensor.publish("devices/sensor-2/a", topic_alias=1)
    sensor.publish("", topic_alias=1)
    assert spy.messages() == []


# --- silence


def test_a_stranger_that_says_nothing_is_cut(stage: Stage) -> None:
    client = stage.client()
    stage.wait(9)
    assert not client.closed
    stage.wait(3)
    assert client.wire.aborted
    assert stage.house.links == set()
    assert len(stage.house.deadlines) == 0


def test_half_a_connect_is_not_a_connect(stage: Stage) -> None:
    client = stage.client()
    client.raw(b"\x10\x20\x00\x04MQ")
    stage.wait(12)
    assert client.wire.aborted


def test_any_packet_keeps_a_client_alive_and_half_a_packet_does_not(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect(keep_alive=10)
    for _ in range(5):
        stage.wait(14)
        client.publish("a")
    assert not client.closed
    client.raw(b"\x30\xff\x01")
    for _ in range(6):
        stage.wait(3)
        client.raw(b"x")  # [MQTT-3.1.2-22] asks for a control packet
    assert client.goodbye() == (0x8D if level == 5 else None)


def test_a_large_message_may_take_longer_than_the_keep_alive(stage: Stage) -> None:
    client = stage.client()
    client.connect(keep_alive=1)
    client.raw(b"\x30\x90\x4e\x00\x01a\x00")
    for _ in range(9):
        stage.wait(1)
        client.raw(b"x" * 1_000)
    assert not client.closed


def test_without_keep_alive_a_311_client_may_be_silent_for_ever(stage: Stage) -> None:
    client = stage.client(level=4)
    client.connect(keep_alive=0)
    stage.wait(1_000_000)
    assert not client.closed
