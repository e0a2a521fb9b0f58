"""MQTT 5 properties: the table, its reader and its writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties

from packet_strategies import properties
from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt.codes import PacketType, PropertyId, ReasonCode
from sealmq.mqtt.properties import (
    NO_PROPERTIES,
    PROPERTIES,
    WILL,
    Place,
    Properties,
    pull_properties,
    push_properties,
)
from sealmq.mqtt.wire import Cursor

PLACES: list[Place] = sorted({place for row in PROPERTIES.values() for place in row.places}, key=str)


def test_the_table_has_every_identifier_and_every_attribute() -> None:
    assert set(PROPERTIES) == set(PropertyId)
    names = {name for name in vars(Properties) if not name.startswith("_")}
    assert {row.name for row in PROPERTIES.values()} == names


def test_the_table_agrees_with_pahos() -> None:
    paho = PahoProperties(PacketTypes.CONNECT)
    for identifier, (data_type, packet_types) in paho.properties.items():
        row = PROPERTIES[PropertyId(identifier)]
        places = {PacketTypes.WILLMESSAGE if place == WILL else int(place) for place in row.places}
        assert places == set(packet_types), row.name
        assert row.data_type.words == paho.types[data_type], row.name
    assert set(paho.properties) == set(PROPERTIES)


def test_paho_reads_what_we_write() -> None:
    buffer = bytearray()
    said = Properties(
        message_expiry_interval=70_000, content_type="text", correlation_data=b"\1\2", user_properties=(("a", "b"),)
    )
    push_properties(buffer, said, PacketType.PUBLISH)
    paho = PahoProperties(PacketTypes.PUBLISH)
    assert paho.unpack(bytes(buffer))[1] == len(buffer)
    assert paho.json() == {
        "MessageExpiryInterval": 70_000,
        "ContentType": "text",
        "CorrelationData": "0102",
        "UserProperty": [("a", "b")],
    }


@given(data=st.data(), place=st.sampled_from(PLACES))
def test_what_was_pushed_is_pulled(data: st.DataObject, place: Place) -> None:
    said = data.draw(properties(place))
    buffer = bytearray(b"before")
    push_properties(buffer, said, place)
    cursor = Cursor(bytes(buffer) + b"behind", 6)
    assert pull_properties(cursor, place) == said
    assert cursor.at == len(buffer)
    assert cursor.end == len(buffer) + 6


def test_no_properties_are_one_shared_object_and_one_byte() -> None:
    assert pull_properties(Cursor(b"\x00"), PacketType.CONNECT) is NO_PROPERTIES
    buffer = bytearray()
    push_properties(buffer, Properties(content_type=None, user_properties=()), PacketType.PUBLISH)
    assert buffer == b"\x00"


def test_the_shared_object_cannot_be_written_to() -> None:
    with pytest.raises(AttributeError):
        NO_PROPERTIES.content_type = "text"  # type: ignore[misc]
    assert Properties() == NO_PROPERTIES
    assert not NO_PROPERTIES


def test_user_properties_keep_their_order_and_their_doubles() -> None:
    pairs = (("b", "1"), ("a", "2"), ("b", "1"))
    buffer = bytearray()
    push_properties(buffer, Properties(user_properties=pairs), PacketType.CONNECT)
    assert pull_properties(Cursor(bytes(buffer)), PacketType.CONNECT).user_properties == pairs


def test_a_hundred_thousand_user_properties_are_read_in_time_that_grows_with_their_number() -> None:
    body = b"\x26\x00\x00\x00\x00" * 100_000
    wire = b"\xa0\xc2\x1e" + body
    assert len(pull_properties(Cursor(wire), PacketType.PUBLISH).user_properties) == 100_000


@pytest.mark.parametrize("place", PLACES)
def test_a_property_in_the_wrong_place_is_malformed_and_is_not_written(place: Place) -> None:
    for identifier, row in PROPERTIES.items():
        if place in row.places:
            continue
        with pytest.raises(RemoteProtocolError) as caught:
            pull_properties(Cursor(bytes((6, identifier, 0, 0, 0, 0, 1))), place)
        assert caught.value.reason_code == ReasonCode.MALFORMED_PACKET
        value = (1,) if row.name == "subscription_identifiers" else 1
        with pytest.raises(LocalProtocolError):
            push_properties(bytearray(), Properties(**{row.name: value}), place)


@pytest.mark.parametrize("identifier", [key for key in PROPERTIES if key != PropertyId.USER_PROPERTY])
def test_a_property_that_stands_twice_is_a_protocol_error(identifier: PropertyId) -> None:
    row = PROPERTIES[identifier]
    one = bytearray((identifier,))
    value = {"UTF-8 Encoded String": "x", "Binary Data": b"x"}.get(row.data_type.words, 1)
    row.data_type.push(one, value)
    wire = bytes((2 * len(one),)) + bytes(one) * 2
    for place in row.places:
        if identifier == PropertyId.SUBSCRIPTION_IDENTIFIER and place == PacketType.PUBLISH:
            assert pull_properties(Cursor(wire), place).subscription_identifiers == (1, 1)
            continue
        with pytest.raises(RemoteProtocolError) as caught:
            pull_properties(Cursor(wire), place)
        assert caught.value.reason_code == ReasonCode.PROTOCOL_ERROR


def test_a_value_that_is_not_allowed_says_so_both_ways() -> None:
    refused = [
        ("receive_maximum", 0, PacketType.CONNECT, b"\x03\x21\x00\x00", ReasonCode.PROTOCOL_ERROR),
        ("maximum_qos", 2, PacketType.CONNACK, b"\x02\x24\x02", ReasonCode.PROTOCOL_ERROR),
        ("topic_alias", 0, PacketType.PUBLISH, b"\x03\x23\x00\x00", ReasonCode.TOPIC_ALIAS_INVALID),
        ("response_topic", "a/+", WILL, b"\x06\x08\x00\x03a/+", ReasonCode.PROTOCOL_ERROR),
        ("response_topic", "", WILL, b"\x03\x08\x00\x00", ReasonCode.PROTOCOL_ERROR),
    ]
    for name, value, place, wire, reason_code in refused:
        with pytest.raises(RemoteProtocolError) as remote:
            pull_properties(Cursor(wire), place)
        with pytest.raises(LocalProtocolError) as local:
            push_properties(bytearray(), Properties(**{name: value}), place)
        assert remote.value.reason_code == local.value.reason_code == reason_code
        assert name in remote.value.what


def test_an_unknown_name_is_no_property() -> None:
    with pytest.raises(TypeError):
        Properties(colour="red")
