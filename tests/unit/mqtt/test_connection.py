"""MQTTConnection alone: framing at every cut, phases, sizes, aliases, goodbyes; and noise."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packet_strategies import packets
from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt import connection as connection_module
from sealmq.mqtt.connection import LONGEST_REASON, MQTTConnection
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    SubAck,
    Will,
)
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.state import Phase, Sender
from sealmq.mqtt.writer import write_packet


def server(**how: int) -> MQTTConnection:
    return MQTTConnection(Sender.SERVER, **how)


def connected(
    level: int = 5, role: Sender = Sender.SERVER, connect: Properties | None = None, **how: int
) -> MQTTConnection:
    """A connection that is past CONNACK."""
    connection = MQTTConnection(role, **how)
    hello = Connect("c", level=level, properties=connect or Properties())
    if role is Sender.SERVER:
        receive(connection, write_packet(hello, level))
        connection.send(ConnAck())
    else:
        connection.send(hello)
        receive(connection, write_packet(ConnAck(), level))
    connection.data_to_send()
    return connection


def receive(connection: MQTTConnection, data: bytes) -> list[Packet]:
    return list(connection.receive_data(data))


def refusal(connection: MQTTConnection, data: bytes) -> int:
    with pytest.raises(RemoteProtocolError) as error:
        receive(connection, data)
    return error.value.reason_code


STREAM: list[Packet] = [
    Connect("c", will=Will("gone", b"x" * 200), properties=Properties(topic_alias_maximum=5)),
    PingReq(),
    Publish("a/b", b"x" * 130, 1, packet_id=1),
    Publish("a/b", b"", 0),
    Publish("a/b", b"y" * 17_000, 2, packet_id=2),
    PubAck(7),
    Disconnect(4),
]


# --- framing


def test_a_stream_may_be_cut_anywhere() -> None:
    wire = b"".join(write_packet(one, 5) for one in STREAM)
    near_a_border = [*range(500), *range(17_400, len(wire))]
    for place in near_a_border:
        connection = server()
        received = []
        for piece in (wire[:place], b"", wire[place:]):
            for packet in connection.receive_data(piece):
                received.append(packet)
                if isinstance(packet, Connect):
                    connection.send(ConnAck())
        assert received == STREAM, place


def test_a_stream_may_come_byte_by_byte() -> None:
    wire = b"".join(write_packet(one, 5) for one in STREAM)
    connection = server()
    received = []
    for byte in wire:
        for packet in connection.receive_data(bytes((byte,))):
            received.append(packet)
            if isinstance(packet, Connect):
                connection.send(ConnAck())
    assert received == STREAM


def test_packets_come_one_by_one_so_that_the_first_may_change_what_the_second_means() -> None:
    connection = server(first_packet_size=100)
    large = Publish("a", b"x" * 500)
    packets_given = connection.receive_data(write_packet(Connect("c"), 5) + write_packet(large, 5))
    assert isinstance(next(packets_given), Connect)
    connection.send(ConnAck())
    assert next(packets_given) == large


def test_what_nobody_asked_for_is_there_the_next_time() -> None:
    connection = connected()
    pings = connection.receive_data(b"\xc0\x00" * 3 + b"\xc0")
    next(pings)
    pings.close()
    assert receive(connection, b"\x00\xc0") == [PingReq()] * 3
    assert receive(connection, b"\x00") == [PingReq()]


def test_a_publish_keeps_its_bytes() -> None:
    wire = write_packet(Publish("a", b"payload"), 5)
    (whole,) = receive(connected(), wire)
    assert isinstance(whole, Publish)
    assert whole.wire is wire
    first, second = receive(connected(), wire * 2)
    assert (first.wire, second.wire) == (wire, wire)


@pytest.mark.parametrize(("level", "refused"), [(4, False), (5, True)])
def test_a_remaining_length_that_is_longer_than_need_be(level: int, refused: bool) -> None:
    wire = b"\x40\x82\x00\x00\x07"
    if refused:
        assert refusal(connected(level), wire) == 0x81  # [MQTT-1.5.5-1]
    else:
        assert receive(connected(level), wire) == [PubAck(7)]


def test_a_remaining_length_of_five_bytes_is_malformed_as_soon_as_it_can_be_seen() -> None:
    connection = connected()
    assert receive(connection, b"\x30\xff\xff\xff") == []
    assert refusal(connection, b"\x80") == 0x81


def test_a_packet_that_is_too_large_is_refused_by_its_length_alone() -> None:
    connection = connected(packet_size=1_000)
    wire = write_packet(Publish("a", b"x" * 993), 5)
    assert len(wire) == 1_000
    assert len(receive(connection, wire)) == 1
    assert refusal(connection, b"\x30\xe6\x07") == 0x95


def test_nothing_behind_a_mistake_is_ever_read() -> None:
    connection = connected()
    given = connection.receive_data(b"\xc0\x00\xc1\x00\xc0\x00")
    assert next(given) == PingReq()
    with pytest.raises(RemoteProtocolError):
        next(given)
    assert refusal(connection, b"\xc0\x00") == 0x82


# --- phases


def test_nothing_comes_before_connect() -> None:
    for packet in (PingReq(), Publish("a"), Disconnect(), ConnAck(), Auth()):
        assert refusal(server(), write_packet(packet, 5)) == 0x82  # [MQTT-3.1.0-1]


def test_a_publish_before_connack_is_taken_as_seriously_as_later() -> None:
    wire = write_packet(Connect("c"), 5)
    alias = Properties(topic_alias=1)
    connection = server(topic_alias_maximum=1)
    publishes = [Publish("a", properties=alias), Publish("", b"2", properties=alias)]
    _, first, second = receive(connection, wire + b"".join(write_packet(one, 5) for one in publishes))
    assert (first.topic, second.topic) == ("a", "a")
    several = b"".join(write_packet(Publish("a", b"", 1, packet_id=one), 5) for one in (1, 2))
    assert refusal(server(receive_maximum=1), wire + several) == 0x93


def test_a_refused_connection_is_over() -> None:
    connection = server()
    receive(connection, write_packet(Connect("c"), 5))
    connection.send(ConnAck(False, 0x87))
    assert connection.phase is Phase.ENDED  # [MQTT-3.2.2-7]
    with pytest.raises(LocalProtocolError):
        connection.send(PingResp())
    client = MQTTConnection(Sender.CLIENT)
    client.send(Connect("c"))
    receive(client, connection.data_to_send())
    assert client.phase is Phase.ENDED


def test_what_may_not_be_sent_now_is_our_mistake() -> None:
    for packet in (PingResp(), PingReq(), Publish("a"), Disconnect()):
        with pytest.raises(LocalProtocolError):
            server().send(packet)
    with pytest.raises(LocalProtocolError):
        connected(4).send(Disconnect())


# --- what one packet says of another


def test_the_receive_maximum_counts_what_is_unfinished() -> None:
    connection = connected(receive_maximum=2)
    wires = {
        (number, qos): write_packet(Publish("a", b"", qos, packet_id=number), 5)
        for number in (1, 2, 3)
        for qos in (1, 2)
    }
    receive(connection, wires[1, 1] + wires[2, 2] + wires[2, 2])
    connection.acknowledge(1, b"\x40\x02\x00\x01")
    receive(connection, wires[1, 2])
    connection.send(PubRec(2))  # received is not finished
    connection.send(PubRec(1, 0x97))  # refused is
    receive(connection, wires[3, 1])
    connection.send(PubComp(2))
    connection.send(PubAck(3))
    receive(connection, wires[1, 1] + wires[2, 1])
    assert refusal(connection, wires[3, 1]) == 0x93


def test_aliases_are_resolved_and_bounded() -> None:
    connection = connected(topic_alias_maximum=2)

    def alias(number: int, topic: str = "") -> bytes:
        return write_packet(Publish(topic, b"p", properties=Properties(topic_alias=number)), 5)

    topics = [packet.topic for packet in receive(connection, alias(1, "a") + alias(2, "b") + alias(1) + alias(2))]
    assert topics == ["a", "b", "a", "b"]
    assert [packet.topic for packet in receive(connection, alias(1, "c") + alias(1))] == ["c", "c"]
    assert refusal(connection, alias(3, "d")) == 0x94
    assert refusal(connected(topic_alias_maximum=2), alias(2)) == 0x82
    assert refusal(connected(), alias(1, "a")) == 0x94  # none were allowed [MQTT-3.2.2-18]


def test_only_a_server_may_send_subscription_identifiers() -> None:
    wire = write_packet(Publish("a", properties=Properties(subscription_identifiers=(1, 2))), 5)
    assert refusal(connected(), wire) == 0x82  # [MQTT-3.3.4-6]
    (packet,) = receive(connected(role=Sender.CLIENT), wire)
    assert packet.properties.subscription_identifiers == (1, 2)


def test_disconnect_may_change_an_expiry_but_not_begin_one() -> None:
    goodbye = write_packet(Disconnect(0, Properties(session_expiry_interval=9)), 5)
    lasting = connected(connect=Properties(session_expiry_interval=1))
    assert len(receive(lasting, goodbye)) == 1
    assert lasting.phase is Phase.ENDED
    fleeting = connected()
    assert refusal(fleeting, goodbye) == 0x82
    fleeting.close(0x82)
    assert fleeting.data_to_send() == b"\xe0\x01\x82"  # it was no DISCONNECT, so the answer may still be given
    zero = write_packet(Disconnect(0, Properties(session_expiry_interval=0)), 5)
    assert len(receive(connected(), zero)) == 1
    assert refusal(connected(role=Sender.CLIENT), goodbye) == 0x82  # [MQTT-3.14.2-2]


# --- sending


def test_what_is_sent_waits_in_order_and_leaves_once() -> None:
    connection = connected()
    assert not connection.has_data()
    assert connection.data_to_send() == b""
    connection.send(PingResp())
    connection.push(b"encoded")
    connection.acknowledge(1, b"\x40\x02\x00\x01")
    assert connection.has_data()
    assert connection.data_to_send() == b"\xd0\x00encoded\x40\x02\x00\x01"
    assert not connection.has_data()
    connection.push(b"again")
    assert connection.data_to_send() == b"again"


def test_words_are_left_out_where_the_peer_has_no_room_for_them() -> None:
    connection = connected(connect=Properties(maximum_packet_size=20))
    wordy = Properties(reason_string="because " * 3, user_properties=(("k", "v"),))
    connection.send(SubAck(1, [0, 0x87], wordy))
    assert connection.data_to_send() == write_packet(SubAck(1, [0, 0x87]), 5)  # [MQTT-3.9.2-1], [MQTT-3.9.2-2]
    connection.send(PubAck(1, 0x87, Properties(reason_string="no")))
    assert b"no" in connection.data_to_send()
    with pytest.raises(LocalProtocolError) as error:
        connection.send(SubAck(1, [0] * 40))
    assert error.value.reason_code == 0x95
    with pytest.raises(LocalProtocolError):
        connection.send(Publish("a", b"x" * 20))  # [MQTT-3.1.2-24]
    assert not connection.has_data()


def test_a_client_keeps_to_the_size_that_connack_named() -> None:
    client = MQTTConnection(Sender.CLIENT)
    client.send(Connect("c"))
    receive(client, write_packet(ConnAck(properties=Properties(maximum_packet_size=30)), 5))
    with pytest.raises(LocalProtocolError):
        client.send(Publish("a", b"x" * 30))  # [MQTT-3.2.2-15]


# --- goodbyes


@pytest.mark.parametrize(
    ("level", "role", "goodbye"),
    [
        (5, Sender.SERVER, b"\xe0\x01\x8b"),
        (4, Sender.SERVER, b""),
        (5, Sender.CLIENT, b"\xe0\x01\x8b"),
        (4, Sender.CLIENT, b"\xe0\x00"),
    ],
)
def test_a_goodbye_is_what_the_level_has(level: int, role: Sender, goodbye: bytes) -> None:
    connection = connected(level, role)
    connection.close(0x8B)
    assert connection.data_to_send() == goodbye
    assert connection.phase is Phase.ENDED
    connection.close(0x8B)
    assert not connection.has_data()


@pytest.mark.parametrize(
    ("wire", "reason_code", "goodbye"),
    [
        (b"", 0x8B, b""),
        (b"\xc0\x00", 0x82, b""),
        (write_packet(Connect("c", level=5), 5)[:-1] + b"\xff", 0x81, b"\x20\x03\x00\x81\x00"),
        (write_packet(Connect("c", level=4), 4)[:-1] + b"\xff", 0x81, b""),
        (b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01x", 0x84, b"\x20\x03\x00\x84\x00"),
        (b"\x10\x0d\x00\x04MQTT\x03\x02\x00\x3c\x00\x01x", 0x84, b"\x20\x02\x00\x01"),
        (b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01x", 0x84, b"\x20\x02\x00\x01"),
        (b"\x10\xff\xff\x7f\x00\x04MQTT\x05", 0x95, b"\x20\x03\x00\x95\x00"),
        (b"\x10\xff\xff\x7f", 0x95, b""),
    ],
)
def test_a_connect_that_fails_is_answered_in_the_language_it_claims(
    wire: bytes, reason_code: int, goodbye: bytes
) -> None:
    connection = server()
    if wire:
        assert refusal(connection, wire) == reason_code
    connection.close(reason_code)
    assert connection.data_to_send() == goodbye


@pytest.mark.parametrize("reason_code", [0, 0x8B, 0x8E, 0x123])
def test_a_reason_that_connack_cannot_carry_is_told_as_a_refusal(reason_code: int) -> None:
    connection = server()
    receive(connection, write_packet(Connect("c"), 5))
    connection.close(reason_code)
    assert connection.data_to_send() == b"\x20\x03\x00\x80\x00"  # never as an acceptance


def test_a_reason_that_disconnect_cannot_carry_is_unspecified() -> None:
    connection = connected()
    connection.close(0x84, "words")
    (goodbye,) = receive(connected(role=Sender.CLIENT), connection.data_to_send())
    assert goodbye == Disconnect(0x80, Properties(reason_string="words"))


def test_a_reason_is_as_long_as_a_person_reads_and_the_peer_takes() -> None:
    connection = connected()
    connection.close(0x80, "x" * 100_000)
    (goodbye,) = receive(connected(role=Sender.CLIENT), connection.data_to_send())
    assert len(goodbye.properties.reason_string) == LONGEST_REASON
    small = connected(connect=Properties(maximum_packet_size=30))
    small.close(0x80, "x" * 100)
    assert small.data_to_send() == b"\xe0\x01\x80"
    tiny = MQTTConnection(Sender.SERVER)
    receive(tiny, write_packet(Connect("c", properties=Properties(maximum_packet_size=2)), 5))
    tiny.close(0x80)
    assert tiny.data_to_send() == b""


# --- noise


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from((4, 5)), st.sampled_from(Sender), st.booleans())
def test_noise_raises_nothing_but_remote_protocol_error(
    data: st.DataObject, level: int, role: Sender, is_connected: bool
) -> None:
    connection = connected(level, role, topic_alias_maximum=3) if is_connected else MQTTConnection(role)
    valid = b"".join(write_packet(one, level) for one in data.draw(st.lists(packets(level), max_size=4)))
    noise = bytearray(data.draw(st.sampled_from((valid, b""))) or data.draw(st.binary(max_size=64)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3)):
        if at < len(noise):
            noise[at] = byte
    places = sorted(data.draw(st.sets(st.integers(0, len(noise)), max_size=4)))
    try:
        for start, stop in zip([0, *places], [*places, len(noise)], strict=True):
            receive(connection, bytes(noise[start:stop]))
    except RemoteProtocolError as error:
        connection.close(error.reason_code, error.what)
        connection.data_to_send()
        assert connection.phase is Phase.ENDED


@settings(max_examples=100, deadline=None)
@given(st.lists(packets(5), max_size=6), st.sets(st.integers(0, 2_000), max_size=5))
def test_however_the_bytes_are_cut_the_packets_are_the_same(given_packets: list[Packet], places: set[int]) -> None:
    wire = b"".join(write_packet(one, 5) for one in given_packets)
    cuts = sorted(place for place in places if place < len(wire))

    def outcome(*pieces: bytes) -> list[object]:
        connection = connected(topic_alias_maximum=65_535)
        seen: list[object] = []
        try:
            for piece in pieces:
                for packet in connection.receive_data(piece):
                    seen.append(packet)
        except RemoteProtocolError as error:
            seen.append((error.reason_code, error.what))
        return seen

    assert outcome(wire) == outcome(*(wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)))


answers = st.builds(
    lambda first, length, body: bytes((first, *length)) + body,
    st.sampled_from((0x40, 0x50, 0x62, 0x70, 0x60, 0x42, 0x30)),
    st.sampled_from((b"\x02", b"\x02", b"\x82\x00", b"\x03", b"\x04")),
    st.binary(min_size=2, max_size=4) | st.just(b"\0\0") | st.just(b"\0\1"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(answers, max_size=5).map(b"".join), st.sampled_from((4, 5)), st.sampled_from(Sender), st.booleans())
def test_answers_that_are_read_where_they_stand_are_those_of_the_long_way(
    wire: bytes, level: int, role: Sender, is_connected: bool
) -> None:
    def outcome() -> list[object]:
        connection = connected(level, role) if is_connected else MQTTConnection(role)
        seen: list[object] = []
        try:
            for packet in connection.receive_data(wire):
                seen.append((type(packet), packet))
        except RemoteProtocolError as error:
            seen.append((error.reason_code, error.what))
        return seen

    with mock.patch.dict(connection_module._SHORT_ANSWERS, clear=True):
        expected = outcome()
    assert outcome() == expected
