"""Packets -> bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_strategies import body_at, levels, publishes
from sealmq.errors import LocalProtocolError
from sealmq.mqtt.codes import REASON_CODES, ConnectReturnCode, PacketType, ReasonCode
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PubAck,
    Publish,
    PubRec,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import WRITERS, encode_publish_frame, encode_publish_qos0, write_packet
from vectors.packets import VECTORS, Vector


def read_back(wire: bytes, level: int) -> Publish:
    packet = read_packet(wire, body_at(wire), level)
    assert isinstance(packet, Publish)
    return packet


def framed(frame: tuple[bytes, bytes], packet_id: int) -> bytes:
    return frame[0] + packet_id.to_bytes(2, "big") + frame[1]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector.level}: {vector.name}")
def test_the_writer_writes_what_the_vector_says(vector: Vector) -> None:
    assert write_packet(vector.packet, vector.level) == vector.wire


def test_each_packet_type_has_its_writer() -> None:
    assert set(WRITERS) == set(PacketType)


IMPOSSIBLE: list[tuple[Packet, int]] = [
    (Connect(level=3), 5),
    (Connect(level=4, password=b"p"), 4),
    (Connect(will=Will("w", b"", 3)), 5),
    (Connect(will=Will("w/#", b"")), 5),
    (Connect(will=Will("", b"")), 5),
    (Connect(keep_alive=65_536), 5),
    (Connect(client_id="\0"), 5),
    (Connect(user_name="\ud800"), 5),
    (Connect(password=b"p" * 65_536), 5),
    (Connect(properties=Properties(authentication_data=b"")), 5),
    (Connect(properties=Properties(receive_maximum=0)), 5),
    (Connect(properties=Properties(topic_alias=1)), 5),
    (ConnAck(True, ReasonCode.NOT_AUTHORIZED), 5),
    (ConnAck(True, ReasonCode.NOT_AUTHORIZED), 4),
    (ConnAck(reason_code=ReasonCode.TOPIC_FILTER_INVALID), 5),
    (Publish(""), 5),
    (Publish("", properties=Properties(topic_alias=1)), 4),
    (Publish("a/+"), 5),
    (Publish("a", qos=3, packet_id=1), 5),
    (Publish("a", qos=1), 5),
    (Publish("a", qos=1, packet_id=65_536), 4),
    (Publish("a", dup=True), 4),
    (PubAck(0), 5),
    (PubAck(65_536), 4),
    (PubAck(1, ReasonCode.TOPIC_FILTER_INVALID), 5),
    (Subscribe(1, []), 5),
    (Subscribe(0, [Subscription("a")]), 5),
    (Subscribe(1, [Subscription("a", 3)]), 4),
    (Subscribe(1, [Subscription("a", retain_handling=3)]), 5),
    (Subscribe(1, [Subscription("$share/g/a", no_local=True)]), 5),
    (Subscribe(1, [Subscription("a")], Properties(subscription_identifiers=(1, 2))), 5),
    (SubAck(1, []), 5),
    (SubAck(1, [3]), 4),
    (Unsubscribe(1, []), 4),
    (UnsubAck(1), 5),
    (UnsubAck(0), 4),
    (Disconnect(ReasonCode.GRANTED_QOS_1), 5),
    (Auth(), 4),
    (Auth(ReasonCode.NOT_AUTHORIZED), 5),
]


@pytest.mark.parametrize(("packet", "level"), IMPOSSIBLE, ids=repr)
def test_what_the_standard_forbids_is_not_written(packet: Packet, level: int) -> None:
    with pytest.raises(LocalProtocolError):
        write_packet(packet, level)


def test_every_refusal_of_connack_has_a_return_code_in_311() -> None:
    for reason_code in REASON_CODES[PacketType.CONNACK]:
        wire = write_packet(ConnAck(reason_code=reason_code), 4)
        assert (ConnectReturnCode(wire[3]) == ConnectReturnCode.ACCEPTED) == (reason_code == ReasonCode.SUCCESS)


def test_connack_of_311_says_what_comes_nearest() -> None:
    nearest = {
        ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: 1,
        ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: 2,
        ReasonCode.SERVER_UNAVAILABLE: 3,
        ReasonCode.SERVER_BUSY: 3,
        ReasonCode.BAD_USER_NAME_OR_PASSWORD: 4,
        ReasonCode.NOT_AUTHORIZED: 5,
        ReasonCode.BANNED: 5,
    }
    for reason_code, return_code in nearest.items():
        assert write_packet(ConnAck(reason_code=reason_code), 4) == bytes((0x20, 2, 0, return_code))


def test_what_311_does_not_have_is_left_out() -> None:
    reason = Properties(reason_string="because")
    assert write_packet(PubRec(7, ReasonCode.NOT_AUTHORIZED, reason), 4) == b"\x50\x02\x00\x07"
    assert write_packet(SubAck(7, [1, ReasonCode.NOT_AUTHORIZED], reason), 4) == b"\x90\x04\x00\x07\x01\x80"
    assert write_packet(UnsubAck(7, [0], reason), 4) == b"\xb0\x02\x00\x07"
    assert write_packet(Disconnect(ReasonCode.SERVER_BUSY, reason), 4) == b"\xe0\x00"
    assert write_packet(Subscribe(7, [Subscription("a", 1, True, True, 2)]), 4) == b"\x82\x06\x00\x07\x00\x01a\x01"


@pytest.mark.parametrize("level", [4, 5])
def test_a_publish_passed_on_unchanged_is_the_very_bytes_that_came(level: int) -> None:
    came = read_back(write_packet(Publish("a/b", b"!"), level), level)
    assert encode_publish_qos0(came, level) is came.wire
    kept = read_back(write_packet(Publish("a/b", b"!", retain=True), level), level)
    assert encode_publish_qos0(kept, level, retain=True) is kept.wire


def test_an_expiry_that_is_what_it_was_changes_nothing() -> None:
    came = read_back(write_packet(Publish("a", properties=Properties(message_expiry_interval=5)), 5), 5)
    assert encode_publish_qos0(came, 5, message_expiry_interval=5) is came.wire
    assert read_back(encode_publish_qos0(came, 5, message_expiry_interval=4), 5).properties == Properties(
        message_expiry_interval=4
    )


def test_the_publishers_topic_alias_is_not_passed_on() -> None:
    came = read_back(write_packet(Publish("a", b"!", properties=Properties(topic_alias=3)), 5), 5)
    assert encode_publish_qos0(came, 5) == write_packet(Publish("a", b"!"), 5)
    bare = read_back(write_packet(Publish("", b"!", properties=Properties(topic_alias=3)), 5), 5)
    bare.detach("known/name")
    assert encode_publish_qos0(bare, 5) == write_packet(Publish("known/name", b"!"), 5)
    assert encode_publish_qos0(bare, 4) == write_packet(Publish("known/name", b"!"), 4)


@given(data=st.data(), level=levels, to_level=levels, retain=st.booleans(), qos=st.integers(0, 2))
def test_what_is_passed_on_says_what_the_publisher_said(
    data: st.DataObject, level: int, to_level: int, retain: bool, qos: int
) -> None:
    said = data.draw(publishes(level).filter(lambda packet: packet.topic))
    identifiers = tuple(data.draw(st.lists(st.integers(1, 300), max_size=2)))
    expiry = data.draw(st.none() | st.integers(0, 0xFFFFFFFF))
    for packet in (said, read_back(write_packet(said, level), level)):
        if qos:
            wire = framed(encode_publish_frame(packet, to_level, qos, retain, identifiers, expiry), 258)
        else:
            wire = encode_publish_qos0(packet, to_level, retain, identifiers, expiry)
        expected = Publish(said.topic, said.payload, qos, retain, packet_id=258 if qos else 0)
        if to_level == 5:
            present = {name: value for name, value in vars(said.properties).items() if name != "topic_alias"}
            if expiry is not None:
                present["message_expiry_interval"] = expiry
            if identifiers:
                present["subscription_identifiers"] = said.properties.subscription_identifiers + identifiers
            expected.properties = Properties(**present)
        assert read_back(wire, to_level) == expected


@given(data=st.data(), level=levels, qos=st.integers(1, 2))
def test_a_publish_cut_from_its_bytes_is_the_publish_made_anew(data: st.DataObject, level: int, qos: int) -> None:
    said = data.draw(publishes(level).filter(lambda packet: packet.topic))
    came = read_back(write_packet(said, level), level)
    came.qos = 0  # whoever lowers the QoS of a packet does not change its bytes
    assert encode_publish_frame(came, level, qos) == encode_publish_frame(said, level, qos)
    assert encode_publish_qos0(came, level) == encode_publish_qos0(said, level)


@given(
    data=st.data(),
    level=levels,
    to_level=levels,
    qos=st.integers(1, 2),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_the_short_way_of_a_frame_gives_the_bytes_of_the_long_one(
    data: st.DataObject, level: int, to_level: int, qos: int, flags: tuple[bool, bool, bool]
) -> None:
    said = data.draw(publishes(level).filter(lambda packet: packet.topic))
    said.qos, said.packet_id = qos, data.draw(st.integers(1, 0xFFFF))
    said.retain, said.dup, retain = flags
    identifiers = tuple(data.draw(st.lists(st.integers(1, 300), max_size=1)))
    expiry = data.draw(st.sampled_from([None, said.properties.message_expiry_interval, 7]))
    came = read_back(write_packet(said, level), level)
    made = Publish(said.topic, said.payload, properties=said.properties)  # without bytes there is only the long way
    arguments = (to_level, qos, retain, identifiers, expiry)
    assert framed(encode_publish_frame(came, *arguments), 258) == framed(encode_publish_frame(made, *arguments), 258)
    assert encode_publish_qos0(came, to_level, retain, identifiers, expiry) == encode_publish_qos0(
        made, to_level, retain, identifiers, expiry
    )


def test_a_frame_without_packet_identifier_is_impossible() -> None:
    with pytest.raises(LocalProtocolError):
        encode_publish_frame(Publish("a"), 5, 0)


def test_a_packet_made_here_with_a_wildcard_is_not_passed_on() -> None:
    with pytest.raises(LocalProtocolError):
        encode_publish_qos0(Publish("a/#"), 5)
