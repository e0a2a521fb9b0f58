"""Bytes -> packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_strategies import body_at, packets
from sealmq.errors import RemoteProtocolError
from sealmq.mqtt import reader
from sealmq.mqtt.codes import PacketType, ReasonCode
from sealmq.mqtt.packets import Packet, Publish
from sealmq.mqtt.properties import NO_PROPERTIES
from sealmq.mqtt.reader import READERS, read_packet, read_publish
from sealmq.mqtt.writer import write_packet
from vectors.packets import LONG_FORMS, REFUSALS, VECTORS, Refusal, Vector


def named(vector: Vector | Refusal) -> str:
    return f"{vector.level}: {vector.name}"


@pytest.mark.parametrize("vector", VECTORS + LONG_FORMS, ids=named)
def test_the_reader_reads_what_the_vector_says(vector: Vector) -> None:
    assert vector.wire[1] == len(vector.wire) - 2
    packet = read_packet(vector.wire, 2, vector.level)
    assert packet == vector.packet
    assert type(packet) is type(vector.packet)


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_the_reader_refuses_what_the_clause_forbids(refusal: Refusal) -> None:
    assert refusal.wire[1] == len(refusal.wire) - 2
    with pytest.raises(RemoteProtocolError) as caught:
        read_packet(refusal.wire, 2, refusal.level)
    assert caught.value.reason_code == refusal.reason_code


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if not isinstance(vector.packet, Publish)], ids=named)
def test_a_packet_with_a_tail_is_refused(vector: Vector) -> None:
    with pytest.raises(RemoteProtocolError):
        read_packet(vector.wire + b"\xff", 2, vector.level)


def refusal_or_packet(wire: bytes, at: int, level: int) -> int | Packet:
    """The reason code of the answer, or the packet that was read."""
    try:
        return read_packet(wire, at, level)
    except RemoteProtocolError as error:
        return error.reason_code


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_packet_that_is_cut_is_refused_or_says_something_else(vector: Vector) -> None:
    for end in range(len(vector.wire)):
        result = refusal_or_packet(vector.wire[:end], 2, vector.level)
        if isinstance(result, int):
            # A list that is cut behind its head is empty, and a topic name that is gone is missing.
            assert result in (ReasonCode.MALFORMED_PACKET, ReasonCode.PROTOCOL_ERROR)
        else:
            assert result != vector.packet


def test_each_packet_type_has_its_reader() -> None:
    assert set(READERS) == set(PacketType)


def test_no_bytes_at_all_are_malformed() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_packet(b"", 0, 5)
    assert caught.value.reason_code == ReasonCode.MALFORMED_PACKET


@pytest.mark.parametrize("level", [4, 5])
@given(data=st.data())
def test_what_the_writer_wrote_the_reader_reads(level: int, data: st.DataObject) -> None:
    packet = data.draw(packets(level))
    wire = write_packet(packet, level)
    assert read_packet(wire, body_at(wire), level) == packet


@given(wire=st.binary(max_size=80), at=st.integers(0, 6), level=st.sampled_from((0, 4, 5)))
def test_noise_raises_nothing_but_remote_protocol_error(wire: bytes, at: int, level: int) -> None:
    result = refusal_or_packet(wire, at, level)
    assert not isinstance(result, int) or ReasonCode(result) >= ReasonCode.UNSPECIFIED_ERROR


@pytest.mark.parametrize("level", [4, 5])
@given(data=st.data())
def test_a_spoiled_packet_raises_nothing_but_remote_protocol_error(level: int, data: st.DataObject) -> None:
    wire = bytearray(write_packet(data.draw(packets(level)), level))
    at = body_at(bytes(wire))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(wire) - 1))
        what = data.draw(st.sampled_from(("change", "remove", "insert")))
        if what == "change":
            wire[where] = data.draw(st.integers(0, 255))
        elif what == "insert":
            wire.insert(where, data.draw(st.integers(0, 255)))
        elif len(wire) > 1:
            del wire[where]
    packet = refusal_or_packet(bytes(wire), at, level)
    if isinstance(packet, int):
        return
    # What was taken after all is whole: it can be said again.
    own_level = getattr(packet, "level", 0) or level
    said_again = write_packet(packet, own_level)
    assert read_packet(said_again, body_at(said_again), own_level) == packet


@pytest.mark.parametrize("level", [4, 5])
def test_a_publish_knows_where_its_parts_stand_in_its_bytes(level: int) -> None:
    wire = write_packet(Publish("a/b", b"payload", 1, packet_id=9), level)
    publish = read_publish(2, wire, 2, level)
    assert publish.wire is wire
    assert publish.level == level
    assert wire[publish.topic_at : publish.topic_at + 5] == b"\x00\x03a/b"
    assert wire[publish.after_id :] == (b"\x00payload" if level == 5 else b"payload")
    assert wire[publish.payload_at :] == b"payload"
    assert publish._payload is None
    assert publish.payload == b"payload"


def test_a_publish_without_properties_shares_the_empty_ones() -> None:
    assert read_publish(0, b"\x30\x04\x00\x01t\x00", 2, 5).properties is NO_PROPERTIES


def test_a_publish_that_is_cut_inside_a_known_topic_name_is_malformed() -> None:
    assert read_publish(0, b"\x30\x04\x00\x02ab", 2, 4).topic == "ab"
    with pytest.raises(RemoteProtocolError) as caught:
        read_publish(0, b"\x30\x04\x00\x03ab", 2, 4)
    assert caught.value.reason_code == ReasonCode.MALFORMED_PACKET


def test_the_topic_names_that_are_remembered_are_bounded_in_number_and_length() -> None:
    for number in range(reader._TOPICS_AT_MOST + 10):
        name = f"bounded/{number}"
        assert read_publish(0, write_packet(Publish(name), 4), 2, 4).topic == name
    assert len(reader._TOPICS) <= reader._TOPICS_AT_MOST
    wire = write_packet(Publish("x" * 300), 4)
    assert read_publish(0, wire, body_at(wire), 4).topic == "x" * 300
    assert all(len(encoded) <= 256 for encoded in reader._TOPICS)


def test_an_empty_topic_name_is_never_remembered_for_the_other_level() -> None:
    read_publish(0, b"\x30\x06\x00\x00\x03\x23\x00\x01", 2, 5)
    with pytest.raises(RemoteProtocolError) as caught:
        read_publish(0, b"\x30\x02\x00\x00", 2, 4)
    assert caught.value.reason_code == ReasonCode.TOPIC_NAME_INVALID
