from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_strategies import publishes
from sealmq.broker.sessions import NEVER, Delivery
from sealmq.errors import HomeError
from sealmq.mqtt.packets import Publish, Subscription, Will
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet
from sealmq.store.rows import (
    delivery_from,
    message_row,
    options_byte,
    publish_as_bytes,
    publish_from_bytes,
    subscription_from,
    will_as_bytes,
    will_from_bytes,
)


def same_message(one: Publish, other: Publish) -> bool:
    return (one.topic, one.payload, one.retain, one.properties) == (
        other.topic,
        other.payload,
        other.retain,
        other.properties,
    )


@given(publishes(5))
def test_a_message_made_here_comes_back(publish: Publish) -> None:
    assert same_message(publish_from_bytes(*publish_as_bytes(publish)), publish)


@pytest.mark.parametrize("level", [4, 5])
def test_a_message_from_the_wire_comes_back_with_its_bytes(level: int) -> None:
    wire = write_packet(Publish("a/b", b"x" * 300, 1, packet_id=7), level)
    publish = read_packet(wire, 3, level)
    assert isinstance(publish, Publish)
    back = publish_from_bytes(*publish_as_bytes(publish))
    assert (back, back.wire, back.level) == (publish, wire, level)


def test_a_delivery_comes_back() -> None:
    publish = Publish("a", b"1", 2, properties=Properties(user_properties=(("k", "v"),)))
    delivery = Delivery(publish, 1, True, (3, 268_435_455), 1_800_000_000.25)
    back = delivery_from(message_row(7, delivery))  # type: ignore[arg-type]
    assert same_message(back.publish, publish)
    assert (back.number, back.qos, back.retain) == (7, 1, True)
    assert (back.subscription_identifiers, back.expires_at) == ((3, 268_435_455), 1_800_000_000.25)
    assert delivery_from(message_row(8, Delivery(publish, 2))).expires_at == NEVER  # type: ignore[arg-type]


def test_a_will_comes_back() -> None:
    will = Will("a/status", b"gone", 2, True, Properties(will_delay_interval=30, content_type="text/plain"))
    assert will_from_bytes(will_as_bytes(will)) == will
    assert will_from_bytes(will_as_bytes(None)) is None


@given(st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2))
def test_a_subscription_comes_back(qos: int, no_local: bool, as_published: bool, handling: int) -> None:
    subscription = Subscription("a/+", qos, no_local, as_published, handling)
    assert subscription_from("a/+", options_byte(subscription)) == subscription


@pytest.mark.parametrize("wire", [b"", b"\x30", b"\xff\xff\xff\xff\xff", b"\xc0\x00", b"\x30\x05\x00\x09ab", None, "x"])
def test_bytes_that_are_no_message_are_damage(wire: bytes) -> None:
    with pytest.raises(HomeError):
        publish_from_bytes(5, wire)


def test_bytes_that_are_no_will_are_damage() -> None:
    with pytest.raises(HomeError):
        will_from_bytes(b"\xc0\x00")


@pytest.mark.parametrize("change", [(3, 0), (3, 3), (5, "1 x"), (5, None), (6, "soon"), (2, b"\x00")])
def test_a_row_that_says_what_it_cannot_say_is_damage(change: tuple[int, object]) -> None:
    row = list(message_row(1, Delivery(Publish("a", b"1", 1), 1)))
    row[change[0]] = change[1]
    with pytest.raises(HomeError):
        delivery_from(tuple(row))  # type: ignore[arg-type]
