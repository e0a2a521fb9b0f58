from __future__ import annotations

import typing

import pytest

from sealmq.mqtt import packets
from sealmq.mqtt.codes import PacketType, ProtocolLevel
from sealmq.mqtt.packets import MESSAGE_OVERHEAD, USER_PROPERTY_OVERHEAD, Publish
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet


def read_back(publish: Publish, level: int = ProtocolLevel.V5) -> Publish:
    packet = read_packet(write_packet(publish, level), 2, level)
    assert isinstance(packet, Publish)
    return packet


def test_every_packet_type_has_one_class():
    kinds = [packet.type for packet in typing.get_args(packets.Packet)]
    assert sorted(kinds) == sorted(PacketType)


def test_the_payload_of_a_packet_that_was_read_is_cut_out_only_when_somebody_asks():
    publish = read_back(Publish("a/b", b"21.5"))
    assert publish._payload is None
    assert publish.payload == b"21.5"
    assert publish.payload is publish.payload


def test_a_detached_packet_keeps_its_payload_and_forgets_its_bytes():
    publish = read_back(Publish("a/b", b"21.5", qos=1, packet_id=7))
    publish.detach("c")
    assert (publish.topic, publish.payload, publish.wire, publish.level) == ("c", b"21.5", b"", 0)


@pytest.mark.parametrize(
    "other",
    [
        Publish("a/c", b"x", 1, packet_id=1),
        Publish("a/b", b"y", 1, packet_id=1),
        Publish("a/b", b"x", 2, packet_id=1),
        Publish("a/b", b"x", 1, retain=True, packet_id=1),
        Publish("a/b", b"x", 1, dup=True, packet_id=1),
        Publish("a/b", b"x", 1, packet_id=2),
        Publish("a/b", b"x", 1, packet_id=1, properties=Properties(content_type="text")),
    ],
)
def test_publishes_are_equal_when_all_that_they_say_is(other):
    publish = Publish("a/b", b"x", 1, packet_id=1)
    assert publish == read_back(publish)
    assert publish != other
    assert publish != "a/b"


def test_a_message_weighs_what_it_costs_and_its_user_properties_weigh_more_than_their_bytes():
    plain = read_back(Publish("a", b"x" * 100))
    assert plain.weight == MESSAGE_OVERHEAD + len(plain.wire)
    pairs = tuple((str(number), "") for number in range(10))
    rich = read_back(Publish("a", properties=Properties(user_properties=pairs)))
    assert rich.weight == MESSAGE_OVERHEAD + len(rich.wire) + 10 * (USER_PROPERTY_OVERHEAD + 1)


def test_what_is_shown_of_a_publish_is_bounded():
    assert len(repr(Publish("a", b"x" * 1_000_000))) < 300


def test_a_publish_is_no_key_as_it_can_change():
    with pytest.raises(TypeError):
        hash(Publish("a"))
