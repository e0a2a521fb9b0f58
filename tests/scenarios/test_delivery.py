"""QoS 0, 1 and 2 in both directions, across broken connections [MQTT 4.3, 4.4, 4.6]."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import PubAck, PubComp, Publish, PubRec, PubRel
from stacks import Client, Stage


def subscriber(stage: Stage, level: int, qos: int, **how: object) -> Client:
    """A persistent subscriber to 'a/#' that answers only by hand."""
    client = stage.client("other", level, answering=False)
    expiry = {"session_expiry_interval": 1_000} if level == 5 else {}
    client.connect("subscriber", clean_start=False, **expiry, **how)
    if not stage.session("subscriber", "other").subscriptions:  # type: ignore[union-attr]
        assert client.subscribe("a/#", qos=qos) == [qos]
    return client


# --- towards the broker


def test_qos_0_is_not_answered(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a")
    publisher.publish("a", b"1")
    assert publisher.packets() == []
    assert reader.payloads() == [b"1"]


def test_qos_1_is_acknowledged(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a")
    packet_id = publisher.publish("a", b"1", qos=1)
    assert publisher.packets() == [PubAck(packet_id)]  # [MQTT-4.3.2-4]
    assert reader.payloads() == [b"1"]


def test_a_v5_publisher_is_told_that_nobody_listens(stage: Stage, level: int) -> None:
    publisher, _ = stage.pair(level)
    packet_id = publisher.publish("nobody/wants/this", qos=1)
    assert publisher.packets() == [PubAck(packet_id, 0x10 if level == 5 else 0)]


def test_qos_1_with_dup_is_a_message_of_its_own(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos=1)
    for dup in (False, True):
        publisher.send(Publish("a", b"1", 1, dup=dup, packet_id=7))
    assert publisher.packets() == [PubAck(7), PubAck(7)]
    messages = reader.messages()
    assert [message.payload for message in messages] == [b"1", b"1"]  # [MQTT-4.3.2-5]
    assert [message.dup for message in messages] == [False, False]  # [MQTT-3.3.1-3]


def test_qos_2_passes_the_message_on_once_however_often_it_comes(stage: Stage, level: int) -> None:
    publisher, reader = stage.client(level=level, answering=False), stage.client("other", level)
    publisher.connect("publisher")
    reader.connect("reader")
    reader.subscribe("a", qos=2)
    publisher.send(Publish("a", b"1", 2, packet_id=7))
    publisher.send(Publish("a", b"1", 2, dup=True, packet_id=7))  # [MQTT-4.3.3-10]
    assert publisher.packets() == [PubRec(7), PubRec(7)]
    publisher.send(PubRel(7))
    publisher.send(PubRel(7))
    assert publisher.packets() == [PubComp(7), PubComp(7, 0x92 if level == 5 else 0)]
    publisher.send(Publish("a", b"2", 2, packet_id=7))  # the identifier is free again [MQTT-4.3.3-12]
    assert reader.payloads() == [b"1", b"2"]


def test_a_qos_2_message_is_not_passed_on_again_after_a_reconnect(stage: Stage, level: int) -> None:
    reader = stage.client("other", level)
    reader.connect("reader")
    reader.subscribe("a", qos=2)
    expiry = {"session_expiry_interval": 100} if level == 5 else {}
    first = stage.client(level=level, answering=False)
    first.connect("publisher", clean_start=False, **expiry)
    first.send(Publish("a", b"1", 2, packet_id=7))
    first.lose()
    second = stage.client(level=level, answering=False)
    second.connect("publisher", clean_start=False, **expiry)
    second.send(Publish("a", b"1", 2, dup=True, packet_id=7))
    second.send(PubRel(7))
    assert second.packets() == [PubRec(7), PubComp(7)]
    assert reader.payloads() == [b"1"]


# --- towards the subscriber


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_a_message_comes_at_the_lower_qos(stage: Stage, level: int, published: int, granted: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos=granted)
    publisher.publish("a", b"1", qos=published)
    (message,) = reader.messages()
    assert message.qos == min(published, granted)  # [MQTT-3.8.4-8]


@pytest.mark.parametrize(("from_level", "to_level"), [(4, 5), (5, 4)])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_levels_may_be_mixed(stage: Stage, from_level: int, to_level: int, qos: int) -> None:
    publisher, reader = stage.client(level=from_level), stage.client("other", to_level)
    publisher.connect("publisher")
    reader.connect("reader")
    reader.subscribe("a/+", qos=2)
    properties = {"user_properties": (("k", "v"), ("k", "w"))} if from_level == 5 else {}
    publisher.publish("a/b", b"1", qos=qos, **properties)
    (message,) = reader.messages()
    assert (message.topic, message.payload, message.qos) == ("a/b", b"1", qos)
    assert vars(message.properties) == {}


def test_properties_of_a_message_arrive_unaltered_and_in_order(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a", qos=1)
    said = {
        "payload_format_indicator": 1,
        "content_type": "text/plain",
        "response_topic": "answers/1",
        "correlation_data": b"\x00\x01",
        "user_properties": (("b", "2"), ("a", "1"), ("b", "2")),
    }
    for qos in (0, 1):
        publisher.publish("a", qos=qos, **said)
        assert [vars(message.properties) for message in reader.messages()] == [said]


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_not_acknowledged_comes_again_with_dup_in_the_same_order(stage: Stage, level: int, qos: int) -> None:
    publisher, _ = stage.pair(level)
    first = subscriber(stage, level, qos)
    for number in range(5):
        publisher.publish(f"a/{number}", qos=qos)
    before = first.messages()
    assert [message.dup for message in before] == [False] * 5
    first.lose()
    publisher.publish("a/5", qos=qos)
    again = subscriber(stage, level, qos).messages()
    ids = [message.packet_id for message in before]
    assert [message.packet_id for message in again[:5]] == ids  # [MQTT-4.4.0-1]
    assert [(message.topic, message.dup) for message in again] == [
        *((f"a/{number}", True) for number in range(5)),  # [MQTT-3.3.1-1]
        ("a/5", False),
    ]
    assert again[5].packet_id not in ids


def test_behind_pubrec_the_release_comes_again_and_not_the_message(stage: Stage, level: int) -> None:
    publisher, _ = stage.pair(level)
    first = subscriber(stage, level, 2)
    for number in range(3):
        publisher.publish(f"a/{number}", qos=2)
    one, two, three = (message.packet_id for message in first.messages())
    first.send(PubRec(two))
    first.send(PubRec(one))
    assert first.packets() == [PubRel(two), PubRel(one)]  # [MQTT-4.3.3-4]
    first.lose()
    second = subscriber(stage, level, 2)
    releases = [packet for packet in second.packets() if isinstance(packet, PubRel | Publish)]
    assert [(type(packet), packet.packet_id) for packet in releases] == [
        (PubRel, two),  # in the order of the PUBRECs [MQTT-4.6.0-4]
        (PubRel, one),
        (Publish, three),
    ]
    second.send(PubComp(one), PubComp(two), PubRec(three))
    second.send(PubComp(three))
    second.lose()
    assert subscriber(stage, level, 2).packets() == []


def test_a_repeated_pubrec_is_answered_by_pubrel_again(stage: Stage, level: int) -> None:
    publisher, _ = stage.pair(level)
    reader = subscriber(stage, level, 2)
    publisher.publish("a/1", qos=2)
    (message,) = reader.messages()
    reader.send(PubRec(message.packet_id))
    reader.send(PubRec(message.packet_id))
    assert reader.packets() == [PubRel(message.packet_id)] * 2
    reader.send(PubRec(999))
    assert reader.packets() == [PubRel(999, 0x92 if level == 5 else 0)]


def test_a_pubrec_that_refuses_ends_the_delivery(stage: Stage) -> None:
    publisher, _ = stage.pair()
    reader = subscriber(stage, 5, 2)
    publisher.publish("a/1", qos=2)
    (message,) = reader.messages()
    reader.send(PubRec(message.packet_id, 0x97))
    assert reader.packets() == []  # no PUBREL [MQTT-4.3.3-4]
    reader.lose()
    assert subscriber(stage, 5, 2).messages() == []


def test_acknowledgements_of_nothing_change_nothing(stage: Stage, level: int) -> None:
    publisher, _ = stage.pair(level)
    reader = subscriber(stage, level, 2)
    publisher.publish("a/1", qos=2)
    publisher.publish("a/2", qos=1)
    two, one = reader.messages()
    reader.send(PubAck(two.packet_id), PubRec(one.packet_id), PubComp(one.packet_id), PubAck(60_000))
    reader.packets()
    reader.lose()
    assert [message.packet_id for message in subscriber(stage, level, 2).messages()] == [two.packet_id, one.packet_id]


# --- Receive Maximum [MQTT 4.9]


def test_no_more_is_in_flight_than_the_client_takes(stage: Stage) -> None:
    publisher, _ = stage.pair()
    reader = subscriber(stage, 5, 2, receive_maximum=2)
    for number in range(5):
        publisher.publish(f"a/{number}", qos=1 + number % 2)
    first, second = reader.messages()  # [MQTT-3.3.4-9]
    reader.send(PubRec(second.packet_id))
    assert reader.messages() == []  # PUBREC frees no room
    reader.send(PubComp(second.packet_id))
    (third,) = reader.messages()
    reader.send(PubAck(first.packet_id), PubAck(third.packet_id))
    assert [message.topic for message in reader.messages()] == ["a/3", "a/4"]


def test_a_resumed_client_that_takes_less_gets_the_rest_as_it_acknowledges(stage: Stage) -> None:
    publisher, _ = stage.pair()
    first = subscriber(stage, 5, 1)
    for number in range(4):
        publisher.publish(f"a/{number}", qos=1)
    assert len(first.messages()) == 4
    first.lose()
    second = subscriber(stage, 5, 1, receive_maximum=1)
    publisher.publish("a/4", qos=1)
    topics = []
    while messages := second.messages():
        (message,) = messages
        topics.append((message.topic, message.dup))
        second.send(PubAck(message.packet_id))
    assert topics == [("a/0", True), ("a/1", True), ("a/2", True), ("a/3", True), ("a/4", False)]


def test_what_no_longer_fits_the_client_is_done_when_it_comes_back(stage: Stage) -> None:
    publisher, _ = stage.pair()
    first = subscriber(stage, 5, 1)
    publisher.publish("a/large", b"x" * 500, qos=1)
    publisher.publish("a/small", b"x", qos=1)
    first.lose()
    second = subscriber(stage, 5, 1, maximum_packet_size=200)
    assert [message.topic for message in second.messages()] == ["a/small"]  # [MQTT-3.1.2-24], [MQTT-3.1.2-25]
    second.lose()
    assert [message.topic for message in subscriber(stage, 5, 1).messages()] == ["a/small"]
    assert stage.counters.dropped_too_large == 1


def test_a_client_may_not_have_more_unfinished_than_it_was_told() -> None:
    stage = Stage(receive_maximum=3)
    publisher = stage.client(answering=False)
    publisher.connect("publisher")
    for packet_id in (1, 2, 3):
        publisher.send(Publish("a", b"", 2, packet_id=packet_id))
    publisher.send(Publish("a", b"", 2, dup=True, packet_id=3))  # the same one again: not a fourth
    assert not publisher.closed
    publisher.send(Publish("a", b"", 2, packet_id=4))
    assert publisher.goodbye() == 0x93  # [MQTT-3.3.4-7]


def test_finished_and_refused_messages_make_room_again() -> None:
    stage = Stage(receive_maximum=2)
    publisher = stage.client("sensor-1", answering=False)
    publisher.connect("publisher")
    for number in range(10):
        publisher.send(Publish("devices/sensor-1/a", b"", 2, packet_id=1))
        publisher.send(Publish("not/mine", b"", 2, packet_id=2))
        publisher.send(Publish("devices/sensor-1/a", b"", 1, packet_id=3 + number))
        publisher.send(PubRel(1))
    assert not publisher.closed


def test_a_311_client_knows_no_receive_maximum() -> None:
    stage = Stage(receive_maximum=3)
    publisher = stage.client(level=4, answering=False)
    publisher.connect("publisher")
    for packet_id in range(1, 20):
        publisher.send(Publish("a", b"", 2, packet_id=packet_id))
    assert len(publisher.packets()) == 19
