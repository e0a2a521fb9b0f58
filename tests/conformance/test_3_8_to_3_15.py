"""Chapters 3.8 to 3.15: SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH."""

from __future__ import annotations

import pytest

from by_hand import MALFORMED, PROTOCOL_ERROR, Hand, connect, field, properties, publish, subscribe, unsubscribe
from mqtt_bytes import packet
from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import Auth, ConnAck, Connect, Disconnect, PubAck, Subscribe, Subscription
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.state import Sender
from sealmq.mqtt.writer import write_packet
from stacks import Stage

# --- SUBSCRIBE and SUBACK


def test_a_subscribe_or_unsubscribe_without_a_filter_is_a_protocol_error(stage: Stage, level: int) -> None:
    """[MQTT-3.8.3-2, MQTT-3.10.3-2, MQTT-4.13.1-1], [MQTT 3.1.1: MQTT-4.8.0-1]"""
    for empty in (subscribe(level, 1), unsubscribe(level, 1)):
        hand = Hand(stage, level)
        hand.connect()
        assert hand.is_refused_for(PROTOCOL_ERROR, hand.say(empty))


@pytest.mark.parametrize("options", [*range(3, 256)])
def test_options_that_do_not_exist_end_the_link(stage: Stage, level: int, options: int) -> None:
    """[MQTT-3.8.3-5], [MQTT 3.1.1: MQTT-3.8.3-4]"""
    hand = Hand(stage, level)
    hand.connect()
    heard = hand.say(subscribe(level, 1, (b"good", 0), (b"a", options)))
    if level == 4 or options & 0xC0:
        assert hand.is_refused_for(MALFORMED, heard)
    elif options & 0x03 == 3 or options & 0x30 == 0x30:
        assert hand.is_refused_for(PROTOCOL_ERROR, heard)
    else:
        assert not hand.closed
        assert heard[0] == (0x90, b"\0\1\0" + bytes((0, options & 3)))


def test_each_filter_has_its_code_and_they_keep_their_order(stage: Stage, level: int) -> None:
    """[MQTT-3.8.4-1 to -2, MQTT-3.8.4-5 to -7, MQTT-3.9.3-1]"""
    hand = Hand(stage, level, "sensor-1")
    hand.connect()
    mine = b"devices/sensor-1/"
    ((first, body),) = hand.say(
        subscribe(level, 0x102, (mine + b"c", 2), (b"not/mine", 1), (mine + b"a", 0), (b"a/#/b", 0), (mine + b"b", 1))
    )
    failures = b"\x87\x8f" if level == 5 else b"\x80\x80"
    codes = bytes((2, failures[0], 0, failures[1], 1))
    assert (first, body[:2], body[-5:]) == (0x90, b"\x01\x02", codes)
    heard = hand.say(publish(level, mine + b"c", b"x", 4, 1))
    assert [each for each, _ in heard] == [0x34, 0x50]  # what was granted holds though others were refused


def test_the_same_filter_twice_is_taken_twice(stage: Stage, level: int) -> None:
    """[MQTT-3.8.4-3, MQTT-3.8.4-5]"""
    hand = Hand(stage, level)
    hand.connect()
    heard = hand.say(subscribe(level, 1, (b"a", 0), (b"a", 2), (b"a", 1)))
    assert heard == [(0x90, b"\0\1" + properties(level) + b"\x00\x02\x01")]
    heard = hand.say(publish(level, b"a", b"x", 4, 1))
    assert [each for each, _ in heard] == [0x32, 0x50]  # one copy, at the QoS of the last


@pytest.mark.parametrize("shared", ["", "$share/g/"])
def test_no_message_is_lost_when_a_subscription_is_replaced(stage: Stage, level: int, shared: str) -> None:
    """[MQTT-3.8.4-3, MQTT-3.8.4-4], [MQTT 3.1.1: MQTT-3.8.4-3]"""
    publisher, _ = stage.pair(level)
    reader = stage.client("other", level, answering=False)
    reader.connect("reader", **({"receive_maximum": 2} if level == 5 else {}))
    publisher.publish("a", b"retained", retain=True)
    reader.subscribe(f"{shared}a", qos=1)
    heard = reader.messages()
    for number in range(6):
        publisher.publish("a", b"%d" % number, qos=1)
        assert reader.subscribe(f"{shared}a", qos=number % 2 + 1) == [number % 2 + 1]
    for _ in range(20):
        heard += (new := reader.messages())
        reader.send(*(PubAck(each.packet_id) for each in new if each.qos))
    assert [each.payload for each in heard if not each.retain] == [b"%d" % number for number in range(6)]
    # What is retained came for the first subscription, and came again for the last; for those between when there was
    # room for it. It is not for groups.
    assert (len([each for each in heard if each.retain]) >= 2) == (not shared)


def test_what_is_retained_comes_again_with_each_subscription(stage: Stage, level: int) -> None:
    """[MQTT-3.8.4-4, MQTT-3.3.1-9], [MQTT 3.1.1: MQTT-3.8.4-3]"""
    publisher, reader = stage.pair(level)
    for topic in ("a/1", "a/2"):
        publisher.publish(topic, topic.encode(), qos=1, retain=True)
    for qos in (0, 1, 2, 1):
        reader.subscribe("a/+", qos=qos)
        assert sorted(reader.payloads()) == [b"a/1", b"a/2"]


def test_a_message_comes_at_the_lower_qos_to_each(stage: Stage, level: int) -> None:
    """[MQTT-3.8.4-8]"""
    publisher, _ = stage.pair(level)
    readers = []
    for granted in (0, 1, 2):
        readers.append(stage.client("third", level))
        readers[-1].connect(f"reader {granted}")
        readers[-1].subscribe("a", qos=granted)
    for qos in (0, 1, 2):
        publisher.publish("a", qos=qos)
        assert [[each.qos for each in one.messages()] for one in readers] == [[min(qos, own)] for own in (0, 1, 2)]


def test_a_shared_subscription_with_no_local_is_a_protocol_error(stage: Stage) -> None:
    """[MQTT-3.8.3-4]"""
    hand = Hand(stage)
    hand.connect()
    assert hand.is_refused_for(PROTOCOL_ERROR, hand.say(subscribe(5, 1, (b"$share/g/a", 0x04))))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_no_local_subscriptions_add_nothing_to_a_clients_own_copy(stage: Stage, order: tuple[int, ...]) -> None:
    """[MQTT-3.8.3-3, MQTT-3.3.4-2, MQTT-3.3.4-3]: neither their QoS, nor their identifier, nor their RETAIN."""
    filters = (("a", 2, True, 1), ("a/#", 1, False, 2), ("#", 0, False, 3))
    one, two = stage.pair()
    for client in (one, two):
        for number in order:
            topic_filter, qos, no_local, identifier = filters[number]
            client.subscribe(
                topic_filter, qos=qos, no_local=no_local, retain_as_published=no_local, identifier=identifier
            )
    for qos in (0, 1, 2):
        one.publish("a", qos=qos, retain=True)
        (own,), (others,) = one.messages(), two.messages()
        assert (own.qos, own.retain, sorted(own.properties.subscription_identifiers)) == (min(qos, 1), False, [2, 3])
        assert (others.qos, others.retain) == (qos, True)
        assert sorted(others.properties.subscription_identifiers) == [1, 2, 3]
    for client in (one, two):
        assert client.unsubscribe("a/#", "#") == [0, 0]
    one.publish("a", qos=2)
    assert (len(one.messages()), len(two.messages())) == (0, 1)


# --- UNSUBSCRIBE and UNSUBACK


def test_filters_to_unsubscribe_are_compared_character_by_character(stage: Stage, level: int) -> None:
    """[MQTT-3.10.4-1, MQTT-3.10.4-2, MQTT-3.10.4-4 to -6, MQTT-3.11.3-1]"""
    hand = Hand(stage, level)
    hand.connect()
    held = (b"a/+", b"a/#", "ä".encode(), b"$share/g/a")
    hand.say(subscribe(level, 1, *((each, 1) for each in held)))
    near = (b"a/b", b"A/+", b"+/+", b"#", b"a/+/", "a\u0308".encode(), b"$share/h/a", b"a")
    codes = bytes([0x11] * len(near)) if level == 5 else b""
    assert hand.say(unsubscribe(level, 2, *near)) == [(0xB0, b"\0\2" + properties(level) + codes)]
    assert len(hand.say(publish(level, b"a/b", b"x", 2, 1))) == 2  # one copy and PUBACK: all are still there
    both = (b"a/#", b"never", b"a/+", b"a/+", "ä".encode(), b"$share/g/a")
    codes = b"\x00\x11\x00\x11\x00\x00" if level == 5 else b""
    assert hand.say(unsubscribe(level, 3, *both)) == [(0xB0, b"\0\3" + properties(level) + codes)]
    for topic in (b"a/b", b"a", "ä".encode()):
        assert [first for first, _ in hand.say(publish(level, topic, b"x", 2, 1))] == [0x40]


@pytest.mark.parametrize("qos", [1, 2])
def test_what_was_begun_is_finished_after_unsubscribing(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-3.10.4-2, MQTT-3.10.4-3]"""
    hand, other = Hand(stage, level), Hand(stage, level)
    hand.connect(flags=0x00)
    other.connect(b"other")
    hand.say(subscribe(level, 1, (b"a", qos)))
    other.say(publish(level, b"a", b"begun", qos << 1, 1))
    ((first, body),) = hand.hear()
    hand.say(unsubscribe(level, 2, b"a"))
    other.say(publish(level, b"a", b"new", qos << 1, 2))
    assert hand.hear() == []
    hand.client.lose()
    back = Hand(stage, level)
    back.connect(flags=0x00)
    assert back.waited == [(first | 8, body)]
    if qos == 1:
        assert back.say(b"\x40\x02" + body[3:5]) == []
    else:
        assert back.say(b"\x50\x02" + body[3:5]) == [(0x62, body[3:5])]
        assert back.say(b"\x70\x02" + body[3:5]) == []
    session = stage.session("hand")
    assert session is not None
    assert len(session.outgoing) == 0


# --- PINGREQ


def test_each_pingreq_is_answered(stage: Stage, level: int) -> None:
    """[MQTT-3.12.4-1]"""
    hand = Hand(stage, level)
    hand.connect()
    assert hand.say(b"\xc0\x00" * 3) == [(0xD0, b"")] * 3


# --- DISCONNECT


def test_disconnect_with_a_reserved_flag_is_answered_by_0x81(stage: Stage, level: int) -> None:
    """[MQTT-3.14.1-1, MQTT-4.13.1-1]"""
    hand = Hand(stage, level)
    hand.connect()
    assert hand.is_refused_for(MALFORMED, hand.say(b"\xe1\x00"))


def test_behind_the_servers_disconnect_nothing_comes(stage: Stage, level: int) -> None:
    """[MQTT-3.14.4-1, MQTT-3.14.4-2, MQTT-4.13.2-1]"""
    hand = Hand(stage, level)
    hand.connect()
    hand.say(subscribe(level, 1, (b"#", 1)))
    heard = hand.say(publish(level, b"a", b"before", 2, 1) + b"\xc1\x00" + publish(level, b"a", b"behind", 2, 2))
    assert [first for first, _ in heard] == [0x32, 0x40] + ([0xE0] if level == 5 else [])
    assert hand.closed
    other = stage.client("other", level)
    other.connect("other")
    other.publish("a", b"later")
    assert hand.hear() == []


def test_behind_the_clients_disconnect_nothing_is_read_or_sent(stage: Stage, level: int) -> None:
    """[MQTT-3.14.4-1, MQTT-3.14.4-2, MQTT-3.14.4-3]"""
    reader = stage.client("other", level)
    reader.connect("reader")
    reader.subscribe("#")
    hand = Hand(stage, level)
    will = field(b"c") + properties(level) + field(b"gone") + field(b"bye")
    hand.say(connect(level, will, 0x06))
    assert hand.say(b"\xe0\x00" + publish(level, b"a", b"behind") + b"\xc0\x00") == []
    assert hand.closed
    stage.wait(10)
    assert reader.messages() == []


@pytest.mark.parametrize("reason_code", [0x81, 0x82, 0x87, 0x8B, 0x8D, 0x8E, 0x93, 0x95, 0x97, 0x98])
def test_the_servers_disconnect_has_no_session_expiry(stage: Stage, reason_code: int) -> None:
    """[MQTT-3.14.2-1, MQTT-3.14.2-2]"""
    hand = Hand(stage)
    hand.connect(flags=0x00)
    hand.client.link.end(reason_code, "words")
    stage.settle()
    ((first, body),) = hand.hear()
    assert (first, body) == (0xE0, bytes((reason_code,)) + properties(5, b"\x1f" + field(b"words")))
    client = MQTTConnection(Sender.CLIENT)  # and our own client takes none
    client.send(Connect("c"))
    client.data_to_send()
    wrong = write_packet(Disconnect(0, Properties(session_expiry_interval=1)), 5)
    with pytest.raises(RemoteProtocolError):
        list(client.receive_data(write_packet(ConnAck(), 5) + wrong))


def test_disconnect_may_set_the_expiry_that_connect_gave(stage: Stage) -> None:
    """[MQTT-4.1.0-2], and [MQTT 3.14.2.2.2]"""
    for interval, lives in ((0, False), (100, True)):
        client = stage.client()
        client.connect("one", session_expiry_interval=10)
        client.disconnect(session_expiry_interval=interval)
        stage.wait(50)
        assert (stage.session("one") is not None) == lives


def test_no_disconnect_leaves_before_connack(stage: Stage, level: int) -> None:
    """[MQTT-3.14.0-1]"""
    odd = b"\x00\x00", b"\xe1\x00", b"\x10\x02\x00\x04", connect(level, b"", 0x03), b"\xf0\x00", b"\x10\x80\x80"
    for first in odd:
        hand = Hand(stage, level)
        heard = hand.say(first)
        hand.client.link.end(0x8B, "the broker is shutting down")
        stage.settle()
        assert all(each == 0x20 for each, _ in heard + hand.hear())
    server = MQTTConnection(Sender.SERVER)
    list(server.receive_data(write_packet(Connect("c", level=level), level)))
    with pytest.raises(LocalProtocolError):
        server.send(Disconnect(0x8B))


# --- AUTH [MQTT 4.12]


@pytest.mark.parametrize("data", [b"", b"\x16" + field(b"first step")])
def test_an_authentication_method_is_refused_and_the_link_closed(stage: Stage, data: bytes) -> None:
    """[MQTT-4.12.0-1, MQTT-4.12.0-2, MQTT-4.12.0-4, MQTT-4.12.0-5]: no AUTH is sent, and no CONNACK accepts."""
    hand = Hand(stage)
    heard = hand.say(connect(5, field(b"c"), data=b"\x15" + field(b"SCRAM-SHA-256") + data) + b"\xf0\x00")
    assert [(first, body[:2]) for first, body in heard] == [(0x20, b"\x00\x8c")]
    assert hand.closed
    assert stage.broker.sessions == {}


def test_without_a_method_no_auth_comes_and_connack_names_none(stage: Stage) -> None:
    """[MQTT-4.12.0-6]"""
    client = stage.client()
    connack = client.connect("one", session_expiry_interval=5)
    assert (connack.properties.authentication_method, connack.properties.authentication_data) == (None, None)
    client.send(Subscribe(1, [Subscription("#")]))
    client.publish("a", qos=2)
    stage.wait(100)
    assert not any(isinstance(packet, Auth) for packet in client.packets())


@pytest.mark.parametrize("body", [b"", b"\x19\x00", b"\x18\x00", b"\x19" + properties(5, b"\x15" + field(b"x"))])
def test_auth_on_a_link_without_a_method_ends_it(stage: Stage, body: bytes) -> None:
    """[MQTT-4.12.1-2, MQTT-4.13.1-1]: authenticating again fails, as there is nothing to authenticate by."""
    hand = Hand(stage)
    hand.connect()
    assert hand.is_refused_for(PROTOCOL_ERROR, hand.say(packet(0xF0, body)))
