"""Chapter 2: flags, packet identifiers and the length of properties, as they stand on the wire."""

from __future__ import annotations

import pytest

from by_hand import MALFORMED, PROTOCOL_ERROR, Hand, connect, field, properties, publish, subscribe, unsubscribe
from mqtt_bytes import packet
from stacks import Stage

PACKETS = {
    "CONNECT": (0x10, lambda level: connect(level, field(b"c"))),
    "PUBACK": (0x40, lambda level: b"\x40\x02\x00\x01"),
    "PUBREC": (0x50, lambda level: b"\x50\x02\x00\x01"),
    "PUBREL": (0x62, lambda level: b"\x62\x02\x00\x01"),
    "PUBCOMP": (0x70, lambda level: b"\x70\x02\x00\x01"),
    "SUBSCRIBE": (0x82, lambda level: subscribe(level, 1, (b"a", 0))),
    "UNSUBSCRIBE": (0xA2, lambda level: unsubscribe(level, 1, b"a")),
    "PINGREQ": (0xC0, lambda level: b"\xc0\x00"),
    "DISCONNECT": (0xE0, lambda level: b"\xe0\x00"),
    "AUTH": (0xF0, lambda level: b"\xf0\x00"),
}
"""What a client sends -> its right first byte, the packet."""


@pytest.mark.parametrize(
    ("level", "kind"), [(4, kind) for kind in PACKETS if kind != "AUTH"] + [(5, kind) for kind in PACKETS]
)
def test_wrong_flags_make_a_packet_malformed(level: int, kind: str) -> None:
    """[MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1, MQTT-3.15.1-1]"""
    right, write = PACKETS[kind]
    stage = Stage()
    for flags in range(16):
        if right & 0x0F == flags:
            continue
        hand = Hand(stage, level)
        if kind != "CONNECT":
            hand.connect(b"%d" % flags)
        whole = write(level)
        heard = hand.say(bytes((right & 0xF0 | flags,)) + whole[1:])
        assert hand.is_refused_for(MALFORMED, heard), flags


def test_the_server_writes_the_flags_of_the_standard(stage: Stage, level: int) -> None:
    """[MQTT-2.1.3-1, MQTT-3.6.1-1]"""
    hand, other = Hand(stage, level), Hand(stage, level)
    hand.connect()
    other.connect(b"other")
    heard = hand.say(subscribe(level, 1, (b"a", 2)))
    heard += hand.say(b"\xc0\x00")
    heard += hand.say(unsubscribe(level, 2, b"never"))
    heard += hand.say(publish(level, b"b", flags=2, packet_id=3))
    heard += hand.say(publish(level, b"b", flags=4, packet_id=4))
    heard += hand.say(b"\x62\x02\x00\x04")
    other.say(publish(level, b"a", flags=4, packet_id=1))
    ((first, body),) = hand.hear()
    assert first == 0x34
    heard += hand.say(b"\x50\x02" + body[3:5])  # PUBREC
    assert [first for first, _ in heard] == [0x90, 0xD0, 0xB0, 0x40, 0x50, 0x70, 0x62]
    last = hand.say(b"\x00\x00")
    assert [first for first, _ in last] == ([0xE0] if level == 5 else [])


def test_a_publish_at_qos_0_has_no_packet_identifier(stage: Stage, level: int) -> None:
    """[MQTT-2.2.1-2]"""
    hand = Hand(stage, level)
    hand.connect()
    hand.say(subscribe(level, 1, (b"a", 2)))
    sent = publish(level, b"a", b"\x00\x01payload")
    assert hand.say(sent) == [(0x30, sent[2:])]
    for granted in (1, 0):  # and one that came with it has none when it goes out at QoS 0
        hand.say(subscribe(level, 1, (b"a", granted)))
        (message,) = (each for each in hand.say(publish(level, b"a", b"x", 2, 9)) if each[0] & 0xF0 == 0x30)
        assert len(message[1]) == 3 + (2 if granted else 0) + (level == 5) + 1


@pytest.mark.parametrize("what", ["PUBLISH at QoS 1", "PUBLISH at QoS 2", "SUBSCRIBE", "UNSUBSCRIBE", "PUBREL"])
def test_packet_identifier_0_is_refused(stage: Stage, level: int, what: str) -> None:
    """[MQTT-2.2.1-3], [MQTT 3.1.1: MQTT-2.3.1-1]"""
    hand = Hand(stage, level)
    hand.connect()
    wrong = {
        "PUBLISH at QoS 1": publish(level, b"a", flags=2),
        "PUBLISH at QoS 2": publish(level, b"a", flags=4),
        "SUBSCRIBE": subscribe(level, 0, (b"a", 0)),
        "UNSUBSCRIBE": unsubscribe(level, 0, b"a"),
        "PUBREL": b"\x62\x02\x00\x00",
    }[what]
    assert hand.is_refused_for(PROTOCOL_ERROR, hand.say(wrong))


@pytest.mark.parametrize("qos", [1, 2])
def test_the_server_takes_packet_identifiers_that_are_free_and_never_0(stage: Stage, level: int, qos: int) -> None:
    """[MQTT-2.2.1-4, MQTT-4.3.2-1, MQTT-4.3.3-1]"""
    publisher = stage.client(level=level)
    publisher.connect("publisher")
    reader = stage.client("other", level, answering=False)
    reader.connect("reader")
    reader.subscribe("a", qos=qos)

    def next_ids(count: int) -> list[int]:
        for _ in range(count):
            publisher.publish("a", qos=qos)
        return [message.packet_id for message in reader.messages()]

    assert next_ids(2) == [1, 2]
    session = stage.session("reader", "other")
    assert session is not None
    session.outgoing._last = 65_533  # as if so many had been sent
    assert next_ids(4) == [65_534, 65_535, 3, 4]  # 1 and 2 are in use


def test_an_acknowledgement_carries_the_identifier_of_its_publish(stage: Stage, level: int) -> None:
    """[MQTT-2.2.1-5, MQTT-4.3.2-4, MQTT-4.3.3-4, MQTT-4.3.3-8, MQTT-4.3.3-11, MQTT-3.3.4-1]"""
    hand = Hand(stage, level)
    hand.connect()
    hand.say(subscribe(level, 1, (b"a", 2)))
    assert hand.say(publish(level, b"b", flags=0)) == []
    none = b"\x10" if level == 5 else b""  # no matching subscribers
    assert hand.say(publish(level, b"b", flags=2, packet_id=0x1234)) == [(0x40, b"\x12\x34" + none)]
    assert hand.say(publish(level, b"b", flags=4, packet_id=0x2345)) == [(0x50, b"\x23\x45")]
    assert hand.say(b"\x62\x02\x23\x45") == [(0x70, b"\x23\x45")]
    heard = dict(hand.say(publish(level, b"a", flags=4, packet_id=0x3456)))
    assert heard[0x50] == b"\x34\x56"
    body = heard[0x34]
    assert hand.say(b"\x50\x02" + body[3:5]) == [(0x62, body[3:5])]


def test_suback_and_unsuback_carry_the_identifier_of_what_they_answer(stage: Stage, level: int) -> None:
    """[MQTT-2.2.1-6, MQTT-3.8.4-1, MQTT-3.8.4-2, MQTT-3.10.4-4, MQTT-3.10.4-5]"""
    hand = Hand(stage, level)
    hand.connect()
    for packet_id in (1, 0x1234, 0xFFFF):
        said = packet_id.to_bytes(2, "big") + properties(level)
        assert hand.say(subscribe(level, packet_id, (b"a", 1))) == [(0x90, said + b"\x01")]
        assert hand.say(unsubscribe(level, packet_id, b"a")) == [(0xB0, said + (b"\x00" if level == 5 else b""))]
        assert hand.say(unsubscribe(level, packet_id, b"a")) == [(0xB0, said + (b"\x11" if level == 5 else b""))]


def test_no_properties_are_a_length_of_0(stage: Stage) -> None:
    """[MQTT-2.2.2-1]"""
    hand = Hand(stage)
    hand.connect()
    assert hand.say(subscribe(5, 1, (b"a", 0))) == [(0x90, b"\0\1" + b"\0" + b"\0")]
    assert hand.say(publish(5, b"a", b"x")) == [(0x30, field(b"a") + b"\0" + b"x")]
    assert hand.say(unsubscribe(5, 2, b"a")) == [(0xB0, b"\0\2" + b"\0" + b"\0")]
    for without in (packet(0x30, field(b"a")), packet(0x82, b"\0\1"), packet(0xA2, b"\0\1")):
        hand = Hand(stage)
        hand.connect()
        assert hand.is_refused_for(MALFORMED, hand.say(without))


PLACES = {
    0x01: {"PUBLISH", "will"},
    0x02: {"PUBLISH", "will"},
    0x03: {"PUBLISH", "will"},
    0x08: {"PUBLISH", "will"},
    0x09: {"PUBLISH", "will"},
    0x0B: {"PUBLISH", "SUBSCRIBE"},
    0x11: {"CONNECT", "DISCONNECT"},
    0x12: set(),
    0x13: set(),
    0x15: {"CONNECT", "AUTH"},
    0x16: {"CONNECT", "AUTH"},
    0x17: {"CONNECT"},
    0x18: {"will"},
    0x19: {"CONNECT"},
    0x1A: set(),
    0x1C: {"DISCONNECT"},
    0x1F: {"PUBACK", "PUBREL", "DISCONNECT", "AUTH"},
    0x21: {"CONNECT"},
    0x22: {"CONNECT"},
    0x23: {"PUBLISH"},
    0x24: set(),
    0x25: set(),
    0x26: {"CONNECT", "will", "PUBLISH", "PUBACK", "PUBREL", "SUBSCRIBE", "UNSUBSCRIBE", "DISCONNECT", "AUTH"},
    0x27: {"CONNECT"},
    0x28: set(),
    0x29: set(),
    0x2A: set(),
    0x00: set(),
    0x04: set(),
    0x7F: set(),
}
"""Property -> where a client may write it [MQTT 2.2.2.2, table 2-4]."""

VALUES = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), b"\x01"),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), b"\x00\x05"),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), b"\x00\x01\x00\x00"),
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), field(b"v")),
    0x0B: b"\x05",
    0x26: field(b"n") + field(b"v"),
    **dict.fromkeys((0x00, 0x04, 0x7F), b"\x01"),
}

CARRIERS = {
    "CONNECT": lambda data: connect(5, field(b"c"), data=data),
    "will": lambda data: connect(5, field(b"c") + properties(5, data) + field(b"gone") + field(b"bye"), 0x06),
    "PUBLISH": lambda data: publish(5, b"a", data=data),
    "PUBACK": lambda data: packet(0x40, b"\0\1\0" + properties(5, data)),
    "PUBREL": lambda data: packet(0x62, b"\0\1\0" + properties(5, data)),
    "SUBSCRIBE": lambda data: subscribe(5, 1, (b"a", 0), data=data),
    "UNSUBSCRIBE": lambda data: unsubscribe(5, 1, b"a", data=data),
    "DISCONNECT": lambda data: packet(0xE0, b"\0" + properties(5, data)),
    "AUTH": lambda data: packet(0xF0, b"\x19" + properties(5, data)),
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("identifier", PLACES)
def test_a_property_stands_where_table_2_4_has_it_and_nowhere_else(stage: Stage, carrier: str, identifier: int) -> None:
    """[MQTT 2.2.2.2]: elsewhere the packet is malformed; [MQTT-3.1.4-1] for CONNECT, [MQTT-4.13.1-1] for the others."""
    hand = Hand(stage)
    if carrier not in ("CONNECT", "will"):
        hand.connect(data=b"\x11\x00\x00\x00\x09")
    data = bytes((identifier,)) + VALUES[identifier]
    if (identifier, carrier) == (0x16, "CONNECT"):
        data = b"\x15" + field(b"method") + data
    heard = hand.say(CARRIERS[carrier](data))
    refused = hand.is_refused_for(MALFORMED, heard)
    assert refused == (carrier not in PLACES[identifier]), heard
    if carrier not in ("SUBSCRIBE", "PUBLISH") or identifier != 0x26:  # the lists
        return
    assert not hand.closed


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_property_that_stands_twice_is_a_protocol_error(stage: Stage, carrier: str) -> None:
    """[MQTT-3.1.4-1, MQTT-4.13.1-1]: all but User Properties."""
    for identifier, places in PLACES.items():
        if carrier not in places or identifier == 0x26:
            continue
        hand = Hand(stage)
        if carrier not in ("CONNECT", "will"):
            hand.connect(data=b"\x11\x00\x00\x00\x09")
        heard = hand.say(CARRIERS[carrier]((bytes((identifier,)) + VALUES[identifier]) * 2))
        assert hand.is_refused_for(PROTOCOL_ERROR, heard), identifier


@pytest.mark.parametrize(
    ("carrier", "data", "reason_code"),
    [
        ("CONNECT", b"\x21\x00\x00", 0x82),  # Receive Maximum 0
        ("CONNECT", b"\x27\x00\x00\x00\x00", 0x82),  # Maximum Packet Size 0
        ("CONNECT", b"\x17\x02", 0x82),
        ("CONNECT", b"\x19\x02", 0x82),
        ("CONNECT", b"\x16\x00\x01x", 0x82),  # authentication data without a method
        ("will", b"\x01\x02", 0x82),
        ("will", b"\x08\x00\x01#", 0x82),
        ("PUBLISH", b"\x01\x02", 0x82),
        ("PUBLISH", b"\x08\x00\x03a/+", 0x82),
        ("PUBLISH", b"\x08\x00\x00", 0x82),
        ("PUBLISH", b"\x0b\x05", 0x82),
        ("PUBLISH", b"\x23\x00\x00", 0x94),
        ("PUBLISH", b"\x23\x00\x11", 0x94),  # 17 of 16
        ("SUBSCRIBE", b"\x0b\x00", 0x82),
        ("DISCONNECT", b"\x11\x00\x00\x00\x01", 0x82),  # CONNECT gave none
    ],
)
def test_a_wrong_value_is_an_error(stage: Stage, carrier: str, data: bytes, reason_code: int) -> None:
    """[MQTT-3.3.2-8, MQTT-3.3.2-14, MQTT-3.1.4-1, MQTT-4.13.1-1]"""
    hand = Hand(stage)
    if carrier not in ("CONNECT", "will"):
        hand.connect()
    assert hand.is_refused_for(reason_code, hand.say(CARRIERS[carrier](data)))
