"""Where packets and records begin and end, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mqtt_bytes
import packet_strategies
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.framing import (
    BrokenFramingError,
    Kind,
    Turns,
    Walker,
    kind_of,
    level_of,
    measure_packet,
    measure_record,
    packets,
    payload_at,
    records,
)
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.writer import write_packet, write_publish


def units(walker: Walker, *pieces: bytes) -> list[bytes]:
    """The whole units in these pieces; each part has to lie where the one before ended."""
    found = []
    for piece in pieces:
        at = 0
        for part in walker.receive_data(piece):
            assert part.start == at
            at = part.end
            if part.is_last:
                assert part.is_whole
                found.append(bytes(part.kept))
        assert at == len(piece)
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 400))
def test_packets_are_the_same_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    sent = [mqtt_bytes.packet(0x30, body) for body in bodies]
    assert units(packets(1_000), *cut(b"".join(sent), size)) == sent


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 400))
def test_records_are_the_same_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    sent = [b"\x17\x03\x03" + len(body).to_bytes(2, "big") + body for body in bodies]
    assert units(records(1_000), *cut(b"".join(sent), size)) == sent


@given(st.binary(max_size=2_000), st.integers(1, 50), st.booleans())
def test_garbage_is_walked_or_refused_and_little_is_kept(data: bytes, size: int, tls: bool) -> None:
    walker = records(32) if tls else packets(32)
    try:
        for piece in cut(data, size):
            for part in walker.receive_data(piece):
                assert len(part.kept) <= 32
    except BrokenFramingError:
        pass


def test_a_long_unit_is_followed_to_its_end_though_only_its_front_is_kept() -> None:
    walker = packets(10)
    sent = mqtt_bytes.packet(0x30, bytes(100_000))
    parts = [
        (part.length, part.is_last, part.is_whole, len(part.kept)) for part in walker.receive_data(sent + b"\xc0\0")
    ]
    assert parts == [(len(sent), True, False, 10), (2, True, True, 2)]
    assert not walker.inside


def test_a_unit_that_has_begun_is_known_to_go_on() -> None:
    walker = packets(10)
    assert not walker.inside
    assert [part.length for part in walker.receive_data(b"\x30\x80")] == [0]
    assert walker.inside


@pytest.mark.parametrize("head", [b"\x00", b"\x30\x80\x80\x80\x80"])
def test_what_no_packet_begins_with_is_refused(head: bytes) -> None:
    with pytest.raises(BrokenFramingError):
        measure_packet(head)


@pytest.mark.parametrize("head", [b"\x00", b"\x10", b"\x16\x02", b"\x17\x03\x03\xff\xff"])
def test_what_no_record_begins_with_is_refused(head: bytes) -> None:
    with pytest.raises(BrokenFramingError):
        measure_record(head)


def test_the_first_byte_tells_what_is_spoken() -> None:
    assert kind_of(0x10) is Kind.PLAINTEXT
    assert kind_of(22) is Kind.TLS
    assert kind_of(ord("G")) is Kind.OTHER


@pytest.mark.parametrize("level", [4, 5])
@given(st.data())
def test_the_payload_is_where_the_reader_finds_it(level: int, data: st.DataObject) -> None:
    packet = data.draw(packet_strategies.publishes(level))
    wire = write_packet(packet, level)
    begin = payload_at(wire, level)
    assert wire[begin:] == packet.payload
    for end in range(2, begin):  # known as soon as its length is there, never wrong before
        try:
            measured = measure_packet(wire[:end])
        except BrokenFramingError:
            raise
        if measured:
            assert payload_at(wire[:end], level) in (0, begin)


def test_what_is_no_publish_has_no_payload() -> None:
    assert payload_at(mqtt_bytes.PINGREQ, 5) == 0
    endless = mqtt_bytes.packet(0x30, mqtt_bytes.text("a") + b"\xff\xff\xff\xff\xff")
    assert payload_at(endless, 5) == 0
    assert payload_at(write_publish(Publish("a", b"x", qos=1, packet_id=1), 4), 4) == 7


def test_a_connect_names_its_level() -> None:
    assert level_of(mqtt_bytes.CONNECT_V5) == 5
    assert level_of(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00") == 4
    assert level_of(b"\x10\x02\x00\x04") == 0


def test_the_third_turn_is_behind_the_handshake() -> None:
    turns = Turns()
    said = [
        turns.take(sender) for sender in (Sender.CLIENT, Sender.SERVER, Sender.SERVER, Sender.CLIENT, Sender.CLIENT)
    ]
    assert said == [0, 1, 1, 2, 2]
    assert [turns.take(Sender.SERVER), turns.take(Sender.CLIENT), turns.take(Sender.SERVER)] == [3, 3, 3]
