"""Chapter 3.2, and what every answer of the server has in common: its reason codes and its size."""

from __future__ import annotations

from typing import Any

import pytest

from by_hand import Hand, connect, field, properties, publish, subscribe
from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import Auth, ConnAck, Connect, Disconnect, PubAck, PubComp, PubRec, PubRel, SubAck, UnsubAck
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.state import Sender
from sealmq.mqtt.writer import write_packet
from stacks import Stage

REFUSED = {
    "a will that is not allowed": lambda level: connect(
        level, field(b"c") + properties(level) + field(b"not/mine") + field(b"x"), 0x06
    ),
    "a client identifier that is too long": lambda level: connect(level, field(b"x" * 300)),
    "another version": lambda level: connect(level, field(b"c")).replace(b"MQTT" + bytes((level,)), b"MQTT\x03"),
}
"""For one that has a session already: what comes back must not speak of it."""


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_has_no_session_present_and_closes(stage: Stage, level: int, what: str) -> None:
    """[MQTT-3.2.2-1, MQTT-3.2.2-6, MQTT-3.2.2-7, MQTT-4.13.2-1]"""
    for client_id in (b"c", b"x" * 200):
        before = Hand(stage, level, "sensor-1")
        before.connect(client_id, 0x00)
    hand = Hand(stage, level, "sensor-1")
    ((first, body),) = hand.say(REFUSED[what](level))
    assert (first, body[0]) == (0x20, 0)
    assert body[1] != 0
    assert hand.closed


def test_connack_comes_first_whatever_waits(stage: Stage, level: int) -> None:
    """[MQTT-3.2.0-1, MQTT-3.2.2-1, MQTT-3.2.2-3, MQTT-4.4.0-1]"""
    hand = Hand(stage, level)
    hand.connect(flags=0x00)
    hand.say(subscribe(level, 1, (b"a", 2)))
    other = Hand(stage, level)
    other.connect(b"other")
    other.say(publish(level, b"a", b"begun", 4, 1))
    ((_, begun),) = hand.hear()
    hand.say(b"\x50\x02" + begun[3:5])  # PUBREC, and PUBREL is out
    hand.client.lose()
    other.say(publish(level, b"a", b"waits", 2, 2))
    back = Hand(stage, level)
    assert back.connect(flags=0x00)[0] == 1  # `connect` takes the first packet for CONNACK; bits 7 to 1 are 0
    assert [first for first, _ in back.waited] == [0x62, 0x32]


def test_every_qos_and_retain_are_there_and_nothing_else_is_said(stage: Stage, level: int) -> None:
    """[MQTT-3.2.2-9, MQTT-3.2.2-10, MQTT-3.2.2-12, MQTT-3.2.2-13], [MQTT 3.1.1: MQTT-3.8.3-2]"""
    client = stage.client(level=level)
    will = field(b"will") + properties(level) + field(b"gone") + field(b"x")
    assert Hand(stage, level).say(connect(level, will, 0x36))[0][1][1] == 0  # a will at QoS 2, retained
    connack = client.connect("one")
    for name in ("maximum_qos", "retain_available", "wildcard_subscription_available", "shared_subscription_available"):
        assert getattr(connack.properties, name) is None
    for qos in (0, 1, 2):
        assert client.subscribe(f"{qos}/+/#", qos=qos) == [qos]
        client.publish(f"{qos}/a", qos=qos, retain=True)
        (message,) = client.messages()
        assert message.qos == qos
    assert stage.broker.retained.count == 3


def test_without_a_keep_alive_of_the_server_the_clients_holds(stage: Stage, level: int) -> None:
    """[MQTT-3.2.2-22]"""
    for keep_alive in (1, 60, 3_600):
        hand = Hand(stage, level)
        body = hand.connect(b"%d" % keep_alive, keep_alive=keep_alive)
        assert b"\x13" not in body[2:]
        stage.wait(keep_alive * 1.4)
        assert not hand.closed
        stage.wait(keep_alive * 0.1 + 60)
        assert hand.closed


# --- reason codes

_PUBLISHED = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
CODES: dict[str, tuple[Any, set[int]]] = {
    "CONNACK": (
        lambda code: ConnAck(False, code),
        {0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    ),
    "PUBACK": (lambda code: PubAck(1, code), _PUBLISHED),
    "PUBREC": (lambda code: PubRec(1, code), _PUBLISHED),
    "PUBREL": (lambda code: PubRel(1, code), {0x00, 0x92}),
    "PUBCOMP": (lambda code: PubComp(1, code), {0x00, 0x92}),
    "SUBACK": (
        lambda code: SubAck(1, [code]),
        {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    ),
    "UNSUBACK": (lambda code: UnsubAck(1, [code]), {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}),
    "DISCONNECT": (
        Disconnect,
        {0x00, 0x04, *range(0x80, 0x84), 0x87, 0x89, *range(0x8B, 0x91), *range(0x93, 0xA3)},
    ),
    "AUTH": (Auth, {0x00, 0x18, 0x19}),
}
"""Packet -> how one with that code is made, and the codes that the standard lists for it [MQTT 2.4, 3.2 to 3.15].
DISCONNECT: 0x8C is in table 2-6 alone."""


@pytest.mark.parametrize("kind", CODES)
def test_a_packet_carries_its_own_reason_codes_alone(kind: str) -> None:
    """[MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2, MQTT-3.11.3-2], and
    [MQTT-3.14.2-1, MQTT-3.15.2-1, MQTT-4.12.0-2]"""
    make, allowed = CODES[kind]
    for code in range(256):
        if code in allowed:
            wire = write_packet(make(code), 5)
            assert read_packet(wire, 2, 5) == make(code)
        else:
            with pytest.raises(LocalProtocolError):
                write_packet(make(code), 5)


@pytest.mark.parametrize("kind", ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "DISCONNECT", "AUTH"])
def test_a_packet_with_a_code_that_it_does_not_have_ends_the_link(stage: Stage, kind: str) -> None:
    """[MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.14.2-1, MQTT-3.15.2-1]"""
    first = {"PUBACK": 0x40, "PUBREC": 0x50, "PUBREL": 0x62, "PUBCOMP": 0x70, "DISCONNECT": 0xE0, "AUTH": 0xF0}[kind]
    head = b"" if kind in ("DISCONNECT", "AUTH") else b"\0\1"
    for code in set(range(256)) - CODES[kind][1]:
        hand = Hand(stage)
        hand.connect()
        body = head + bytes((code, 0))
        assert hand.is_refused_for(0x82, hand.say(bytes((first, len(body))) + body)), code


def test_a_311_client_hears_the_codes_of_311(stage: Stage) -> None:
    """[MQTT 3.1.1: MQTT-3.9.3-2]"""
    hand = Hand(stage, 4, "sensor-1")
    hand.connect()
    mine = (b"devices/sensor-1/a", 0), (b"devices/sensor-1/b", 1), (b"devices/sensor-1/c", 2)
    heard = hand.say(subscribe(4, 1, *mine, (b"not/mine", 1), (b"#/wrong", 0)))
    assert heard == [(0x90, b"\0\1" + b"\x00\x01\x02\x80\x80")]
    for code in CODES["SUBACK"][1]:
        assert write_packet(SubAck(1, [code]), 4)[-1] == (code if code < 3 else 0x80)


# --- sizes

WORDS = {"reason_string": "why " * 50, "user_properties": (("name", "value " * 50),)}
ANSWERS: dict[str, Any] = {
    "CONNACK": lambda said: ConnAck(False, 0, said),
    "PUBACK": lambda said: PubAck(1, 0x80, said),
    "PUBREC": lambda said: PubRec(1, 0x80, said),
    "PUBREL": lambda said: PubRel(1, 0x92, said),
    "PUBCOMP": lambda said: PubComp(1, 0x92, said),
    "SUBACK": lambda said: SubAck(1, [0x80], said),
    "UNSUBACK": lambda said: UnsubAck(1, [0x80], said),
    "DISCONNECT": lambda said: Disconnect(0x80, said),
    "AUTH": lambda said: Auth(0x18, said),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("word", WORDS)
def test_words_that_are_too_large_for_the_client_are_left_out(kind: str, word: str) -> None:
    """[MQTT-3.2.2-19 to -20, MQTT-3.4.2-2 to -3, MQTT-3.5.2-2 to -3, MQTT-3.6.2-2 to -3, MQTT-3.7.2-2 to -3],
    [MQTT-3.9.2-1 to -2, MQTT-3.11.2-1 to -2, MQTT-3.14.2-3 to -4, MQTT-3.15.2-2 to -3], [MQTT-3.1.2-24]"""
    for limit, is_there in ((100, False), (1_000, True)):
        server = MQTTConnection(Sender.SERVER)
        list(server.receive_data(write_packet(Connect("c", properties=Properties(maximum_packet_size=limit)), 5)))
        if kind not in ("CONNACK", "AUTH"):
            server.send(ConnAck())
            server.data_to_send()
        server.send(ANSWERS[kind](Properties(**{word: WORDS[word]})))
        wire = server.data_to_send()
        assert len(wire) <= limit
        said = read_packet(wire, 3 if len(wire) > 130 else 2, 5)
        assert said == ANSWERS[kind](Properties(**({word: WORDS[word]} if is_there else {})))


def test_what_cannot_be_made_smaller_is_not_sent() -> None:
    """[MQTT-3.1.2-24]"""
    server = MQTTConnection(Sender.SERVER)
    list(server.receive_data(write_packet(Connect("c", properties=Properties(maximum_packet_size=50)), 5)))
    server.send(ConnAck())
    server.data_to_send()
    server.send(SubAck(1, [0] * 45))  # 2 + 2 + 1 + 45: exactly 50
    assert len(server.data_to_send()) == 50
    with pytest.raises(LocalProtocolError):
        server.send(SubAck(1, [0] * 46))
    assert server.data_to_send() == b""


def test_a_client_reads_no_connack_twice() -> None:
    """[MQTT-3.2.0-2]: neither side of our own MQTT lets a second one pass."""
    server, client = MQTTConnection(Sender.SERVER), MQTTConnection(Sender.CLIENT)
    client.send(Connect("c"))
    list(server.receive_data(client.data_to_send()))
    server.send(ConnAck())
    wire = server.data_to_send()
    with pytest.raises(LocalProtocolError):
        server.send(ConnAck())
    with pytest.raises(RemoteProtocolError):
        list(client.receive_data(wire * 2))
