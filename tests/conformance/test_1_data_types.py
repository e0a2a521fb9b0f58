"""Chapter 1: strings and numbers, wherever a client may write one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from by_hand import MALFORMED, Hand, connect, field, properties, publish, subscribe, unsubscribe
from mqtt_bytes import packet
from stacks import Stage

ILL_FORMED = {
    "a surrogate": b"\xed\xa0\x80",
    "a surrogate in a pair": b"\xed\xa0\xb4\xed\xb4\x9e",
    "an overlong form": b"\xc0\xaf",
    "an overlong null": b"\xc0\x80",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "a character that is cut": b"a\xe2\x82",
    "a byte of no character": b"\xff",
    "the null character": b"a\x00b",
}

Writer = Callable[[int, bytes], bytes]


def will_with(data: bytes) -> bytes:
    return connect(5, field(b"c") + properties(5, data) + field(b"gone") + field(b"bye"), 0x06)


OF_CONNECT: dict[str, Writer] = {
    "client identifier": lambda level, value: connect(level, field(value)),
    "will topic": lambda level, value: connect(
        level, field(b"c") + properties(level) + field(value) + field(b"bye"), 0x06
    ),
    "user name": lambda level, value: connect(level, field(b"c") + field(value), 0x82),
}
OF_CONNECT_5: dict[str, Writer] = {
    "authentication method": lambda level, value: connect(level, field(b"c"), data=b"\x15" + field(value)),
    "name of a user property": lambda level, value: connect(
        level, field(b"c"), data=b"\x26" + field(value) + field(b"v")
    ),
    "value of a user property": lambda level, value: connect(
        level, field(b"c"), data=b"\x26" + field(b"n") + field(value)
    ),
    "content type of the will": lambda level, value: will_with(b"\x03" + field(value)),
    "response topic of the will": lambda level, value: will_with(b"\x08" + field(value)),
    "value of the will's user property": lambda level, value: will_with(b"\x26" + field(b"n") + field(value)),
}
OTHERS: dict[str, Writer] = {
    "topic name": lambda level, value: publish(level, value, b"payload"),
    "topic filter": lambda level, value: subscribe(level, 1, (value, 0)),
    "topic filter to unsubscribe": lambda level, value: unsubscribe(level, 1, value),
}


def with_property(first: int, head: bytes, identifier: bytes, tail: bytes = b"") -> Writer:
    return lambda level, value: packet(first, head + properties(5, identifier + field(value)) + tail)


OTHERS_5: dict[str, Writer] = {
    "content type": with_property(0x30, field(b"a"), b"\x03"),
    "response topic": with_property(0x30, field(b"a"), b"\x08"),
    "name of PUBLISH's user property": lambda level, value: publish(5, b"a", data=b"\x26" + field(value) + field(b"v")),
    "value of PUBLISH's user property": with_property(0x30, field(b"a"), b"\x26\x00\x01n"),
    "value of SUBSCRIBE's user property": with_property(0x82, b"\0\1", b"\x26\x00\x01n", field(b"a") + b"\0"),
    "value of UNSUBSCRIBE's user property": with_property(0xA2, b"\0\1", b"\x26\x00\x01n", field(b"a")),
    "reason string of PUBACK": with_property(0x40, b"\0\1\0", b"\x1f"),
    "reason string of PUBREC": with_property(0x50, b"\0\1\0", b"\x1f"),
    "reason string of PUBREL": with_property(0x62, b"\0\1\0", b"\x1f"),
    "reason string of PUBCOMP": with_property(0x70, b"\0\1\0", b"\x1f"),
    "reason string of DISCONNECT": with_property(0xE0, b"\0", b"\x1f"),
    "value of DISCONNECT's user property": with_property(0xE0, b"\0", b"\x26\x00\x01n"),
    "authentication method of AUTH": with_property(0xF0, b"\x19", b"\x15"),
}


def at_each_level(both: dict[str, Writer], five: dict[str, Writer]) -> list[tuple[int, str]]:
    """(level, name): MQTT 3.1.1 does not have the second lot."""
    return [(4, name) for name in both] + [(5, name) for name in both | five]


@pytest.mark.parametrize("value", ILL_FORMED.values(), ids=ILL_FORMED)
@pytest.mark.parametrize(("level", "where"), at_each_level(OF_CONNECT, OF_CONNECT_5))
def test_a_connect_with_an_ill_formed_string_is_malformed(stage: Stage, level: int, where: str, value: bytes) -> None:
    """[MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.7-1, MQTT-3.1.3-4, MQTT-3.1.3-11, MQTT-3.1.3-12]"""
    hand = Hand(stage, level)
    assert hand.is_refused_for(MALFORMED, hand.say((OF_CONNECT | OF_CONNECT_5)[where](level, value)))
    assert stage.broker.sessions == {}


@pytest.mark.parametrize("value", ILL_FORMED.values(), ids=ILL_FORMED)
@pytest.mark.parametrize(("level", "where"), at_each_level(OTHERS, OTHERS_5))
def test_a_packet_with_an_ill_formed_string_is_malformed(stage: Stage, level: int, where: str, value: bytes) -> None:
    """[MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.7-1, MQTT-3.3.2-1, MQTT-3.3.2-13, MQTT-3.3.2-19, MQTT-3.8.3-1,
    MQTT-3.10.3-1, MQTT-4.7.3-2]"""
    hand = Hand(stage, level)
    hand.connect()
    assert hand.is_refused_for(MALFORMED, hand.say((OTHERS | OTHERS_5)[where](level, value)))


@pytest.mark.parametrize(("level", "where"), at_each_level(OTHERS, OTHERS_5))
def test_well_formed_strings_are_taken_in_the_same_places(stage: Stage, level: int, where: str) -> None:
    """Or the two tests before this one would show nothing."""
    hand = Hand(stage, level)
    hand.connect()
    heard = hand.say((OTHERS | OTHERS_5)[where](level, "ä€𐍈\ufffd\U0010ffff".encode()))
    if where == "authentication method of AUTH":
        assert hand.is_refused_for(0x82, heard)  # well formed, but CONNECT named no method
    else:
        assert hand.closed == ("DISCONNECT" in where)
        assert all(first != 0xE0 for first, _ in heard)


def test_a_byte_order_mark_is_a_character_like_others(stage: Stage, level: int) -> None:
    """[MQTT-1.5.4-3]"""
    mark = "\ufeff".encode()
    hand = Hand(stage, level)
    hand.connect(mark + b"hand")
    assert stage.session("\ufeffhand") is not None
    hand.say(subscribe(level, 1, (mark + b"a", 0)))
    assert hand.say(publish(level, b"a", b"1")) == []
    assert hand.say(publish(level, mark + b"a", b"2")) == [(0x30, field(mark + b"a") + properties(level) + b"2")]


def test_a_number_that_is_longer_than_it_need_be_is_malformed(stage: Stage) -> None:
    """[MQTT-1.5.5-1]"""
    too_long = {
        "remaining length": b"\xc0\x80\x00",
        "length of properties": packet(0x30, field(b"a") + b"\x80\x00"),
        "subscription identifier": subscribe(5, 1, (b"a", 0), data=b"\x0b\x81\x00"),
        "identifier of a property": publish(5, b"a", data=b"\x81\x00\x01"),
    }
    for what, wrong in too_long.items():
        hand = Hand(stage)
        hand.connect()
        assert hand.is_refused_for(MALFORMED, hand.say(wrong)), what


def test_a_number_of_five_bytes_is_malformed(stage: Stage, level: int) -> None:
    hand = Hand(stage, level)
    hand.connect()
    assert hand.is_refused_for(MALFORMED, hand.say(b"\x30\xff\xff\xff\xff\x01"))


@pytest.mark.parametrize("size", [126, 127, 128, 16_382, 16_383, 16_384, 70_000])
def test_the_server_writes_numbers_as_short_as_they_can_be(stage: Stage, level: int, size: int) -> None:
    """`split` looks at each length [MQTT-1.5.5-1]; the one of properties is looked at here."""
    hand, other = Hand(stage, level), Hand(stage, 5)
    hand.connect()
    other.connect(b"other")
    hand.say(subscribe(level, 1, (b"a", 1)))
    value = b"v" * min(size, 60_000)
    other.say(publish(5, b"a", b"x" * size, 2, 7, data=b"\x26\x00\x01n" + field(value)))
    ((first, body),) = hand.hear()
    head = field(b"a") + body[3:5]
    assert (first, body) == (0x32, head + properties(level, b"\x26\x00\x01n" + field(value)) + b"x" * size)
