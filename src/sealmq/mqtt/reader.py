"""Bytes -> packet, one function for each packet, and the table `READERS`.

Every reader has the same form, `read_x(flags, wire, at, level) -> X`:

flags: the lower four bits of the packet's first byte.
wire:  one whole packet, its fixed header included, nothing behind it.
at:    where the fixed header ends.
level: the connection's protocol level, 4 or 5; CONNECT says its own.

Rule 1: whatever the bytes are, nothing but RemoteProtocolError is raised.
Rule 2: bytes that nobody asked for are an error: a packet is used up to its end.
Rule 3: what depends on more than this one packet (phase, aliases, limits, permissions) is not asked here.

`read_publish` is the hot path, and is written for speed: no cursor, no copy of the payload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import (
    REASON_CODES,
    SUBACK_FAILURE_V311,
    ConnectReturnCode,
    PacketType,
    ProtocolLevel,
    ReasonCode,
)
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
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from sealmq.mqtt.properties import NO_PROPERTIES, WILL, Properties, pull_properties
from sealmq.mqtt.topics import SHARED, check_topic_name
from sealmq.mqtt.wire import (
    Cursor,
    decode_string,
    pull_binary,
    pull_byte,
    pull_string,
    pull_two_byte_integer,
)

REASONS_OF_RETURN_CODES: dict[int, ReasonCode] = {
    ConnectReturnCode.ACCEPTED: ReasonCode.SUCCESS,
    ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION: ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
    ConnectReturnCode.IDENTIFIER_REJECTED: ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
    ConnectReturnCode.SERVER_UNAVAILABLE: ReasonCode.SERVER_UNAVAILABLE,
    ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD: ReasonCode.BAD_USER_NAME_OR_PASSWORD,
    ConnectReturnCode.NOT_AUTHORIZED: ReasonCode.NOT_AUTHORIZED,
}
"""What CONNACK says in MQTT 3.1.1 -> the reason code of MQTT 5."""

_V311_SUBACK = frozenset({0, 1, 2, SUBACK_FAILURE_V311})  # [MQTT 3.1.1: MQTT-3.9.3-2]

_V311 = ProtocolLevel.V311
_V5 = ProtocolLevel.V5  # looked up once: in Python 3.11 each look into an enum costs as much as a call

Acknowledgement = TypeVar("Acknowledgement", PubAck, PubRec, PubRel, PubComp)


def _malformed(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(what, ReasonCode.MALFORMED_PACKET)


def _protocol_error(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(what, ReasonCode.PROTOCOL_ERROR)


def _expect_flags(flags: int, expected: int, packet_type: PacketType) -> None:
    if flags != expected:  # [MQTT-2.1.3-1]
        raise _malformed(f"the reserved flags of {packet_type.name} are {flags:04b} and not {expected:04b}")


def _expect_end(cursor: Cursor, packet_type: PacketType) -> None:
    if cursor.at != cursor.end:
        raise _malformed(f"{packet_type.name} is longer than its fields")


def _pull_packet_id(cursor: Cursor) -> int:
    packet_id = pull_two_byte_integer(cursor)
    if not packet_id:  # [MQTT-2.2.1-3], [MQTT-2.2.1-4]
        raise _protocol_error("the packet identifier is 0")
    return packet_id


def _reason_code(code: int, packet_type: PacketType) -> ReasonCode:
    if code not in REASON_CODES[packet_type]:
        raise _protocol_error(f"{packet_type.name} must not carry the reason code 0x{code:02x}")
    return ReasonCode(code)


# CONNECT [MQTT 3.1]


def read_connect(flags: int, wire: bytes, at: int, level: int) -> Connect:
    """CONNECT [MQTT 3.1]; `level` is not asked: the packet says its own."""
    _expect_flags(flags, 0, PacketType.CONNECT)
    cursor = Cursor(wire, at)
    level = _pull_protocol_level(cursor)
    connect_flags = pull_byte(cursor)
    if connect_flags & 0x01:  # [MQTT-3.1.2-3]
        raise _malformed("the reserved flag of CONNECT is set")
    keep_alive = pull_two_byte_integer(cursor)
    properties = NO_PROPERTIES
    if level == _V5:
        properties = pull_properties(cursor, PacketType.CONNECT)
        if properties.authentication_data is not None and properties.authentication_method is None:
            raise _protocol_error("CONNECT has authentication data and no authentication method")  # [MQTT 3.1.2.11.10]
    client_id = pull_string(cursor)  # [MQTT-3.1.3-1], [MQTT-3.1.3-3], [MQTT-3.1.3-4]
    will = _pull_will(cursor, connect_flags, level)
    if level == _V311 and connect_flags & 0xC0 == 0x40:  # [MQTT 3.1.1: MQTT-3.1.2-22]
        raise _malformed("CONNECT has a password and no user name, which MQTT 3.1.1 does not allow")
    user_name = pull_string(cursor) if connect_flags & 0x80 else None  # [MQTT-3.1.2-17], [MQTT-3.1.3-12]
    password = pull_binary(cursor) if connect_flags & 0x40 else None  # [MQTT-3.1.2-19]
    _expect_end(cursor, PacketType.CONNECT)  # [MQTT-3.1.2-16], [MQTT-3.1.2-18]
    clean_start = bool(connect_flags & 0x02)
    return Connect(client_id, clean_start, keep_alive, level, user_name, password, will, properties)


def _pull_protocol_level(cursor: Cursor) -> int:
    name = pull_binary(cursor)  # as bytes: the name of another protocol need not be text
    level = pull_byte(cursor)
    if name != b"MQTT":  # [MQTT-3.1.2-1], [MQTT 3.1.1: MQTT-3.1.2-1]
        raise RemoteProtocolError(
            "CONNECT names another protocol than MQTT",
            ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
            remedy="use MQTT 3.1.1 or MQTT 5" if name == b"MQIsdp" else "",
        )
    if level not in (ProtocolLevel.V311, ProtocolLevel.V5):  # [MQTT-3.1.2-2]
        raise RemoteProtocolError(
            f"CONNECT asks for protocol level {level}",
            ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
            remedy="use MQTT 3.1.1 or MQTT 5",
        )
    return level


def _pull_will(cursor: Cursor, connect_flags: int, level: int) -> Will | None:
    qos = connect_flags >> 3 & 0x03
    if not connect_flags & 0x04:
        if qos:  # [MQTT-3.1.2-11]
            raise _malformed("CONNECT has a will QoS and no will")
        if connect_flags & 0x20:  # [MQTT-3.1.2-13]
            raise _malformed("CONNECT has will retain and no will")
        return None
    if qos == 3:  # [MQTT-3.1.2-12]
        raise _malformed("the will QoS is 3")
    properties = pull_properties(cursor, WILL) if level == _V5 else NO_PROPERTIES  # [MQTT-3.1.2-9]
    topic = pull_string(cursor)  # [MQTT-3.1.3-11]
    check_topic_name(topic)
    return Will(topic, pull_binary(cursor), qos, bool(connect_flags & 0x20), properties)


def read_connack(flags: int, wire: bytes, at: int, level: int) -> ConnAck:
    """CONNACK [MQTT 3.2]."""
    _expect_flags(flags, 0, PacketType.CONNACK)
    cursor = Cursor(wire, at)
    acknowledge_flags = pull_byte(cursor)
    if acknowledge_flags & 0xFE:  # [MQTT-3.2.2-1]
        raise _malformed("a reserved flag of CONNACK is set")
    code = pull_byte(cursor)
    properties = NO_PROPERTIES
    if level == _V5:
        reason_code = _reason_code(code, PacketType.CONNACK)  # [MQTT-3.2.2-8]
        properties = pull_properties(cursor, PacketType.CONNACK)
    else:
        if code not in REASONS_OF_RETURN_CODES:
            raise _protocol_error(f"CONNACK must not carry the return code {code}")
        reason_code = REASONS_OF_RETURN_CODES[code]
    _expect_end(cursor, PacketType.CONNACK)
    if acknowledge_flags and reason_code:  # [MQTT-3.2.2-6]
        raise _protocol_error("CONNACK refuses and has a session present")
    return ConnAck(bool(acknowledge_flags), reason_code, properties)


# PUBLISH [MQTT 3.3]

_TOPICS: dict[bytes, str] = {}
"""Topic names that were checked, by their bytes: the same few come again and again."""

_TOPICS_AT_MOST = 16_384
_REMEMBERED_TOPIC = 256
"""Longer topic names are not remembered, so that nobody fills the memory with them."""

_new_publish = Publish.__new__


def read_publish(flags: int, wire: bytes, at: int, level: int) -> Publish:
    """PUBLISH [MQTT 3.3]. The packet keeps `wire`; the payload is cut out of it when somebody asks."""
    try:
        start = at + 2
        topic_end = start + (wire[at] << 8 | wire[at + 1])
        if topic_end > len(wire):
            raise _malformed("PUBLISH ends inside its topic name")
        encoded = wire[start:topic_end]
        topic = _TOPICS.get(encoded)
        if topic is None:
            topic = _check_new_topic(encoded, level)
        packet_id = 0  # [MQTT-2.2.1-2]
        after_id = topic_end
        qos = flags >> 1 & 3
        if qos:
            if qos == 3:  # [MQTT-3.3.1-4]
                raise _malformed("the QoS of PUBLISH is 3")
            packet_id = wire[topic_end] << 8 | wire[topic_end + 1]
            if not packet_id:  # [MQTT-2.2.1-3], [MQTT-2.2.1-4]
                raise _protocol_error("the packet identifier is 0")
            after_id += 2
        elif flags & 8:  # [MQTT-3.3.1-2]
            raise _malformed("PUBLISH at QoS 0 has DUP set")
        payload_at = after_id
        properties = NO_PROPERTIES
        if level == _V5:
            if wire[after_id]:
                cursor = Cursor(wire, after_id)
                properties = pull_properties(cursor, PacketType.PUBLISH)
                payload_at = cursor.at
            else:
                payload_at += 1
            if not topic and properties.topic_alias is None:  # [MQTT 3.3.2.1]
                raise _protocol_error("PUBLISH has neither a topic name nor a topic alias")
    except IndexError:
        raise _malformed("PUBLISH ends inside its header") from None
    publish = _new_publish(Publish)
    publish.topic = topic
    publish._payload = None
    publish.qos = qos
    publish.retain = flags & 1 == 1
    publish.dup = flags & 8 == 8
    publish.packet_id = packet_id
    publish.properties = properties
    publish.wire = wire
    publish.level = level
    publish.topic_at = at
    publish.after_id = after_id
    publish.payload_at = payload_at
    return publish


def _check_new_topic(encoded: bytes, level: int) -> str:
    if not encoded and level == _V5:
        return ""  # then a topic alias has to be there
    topic = decode_string(encoded)  # [MQTT-3.3.2-1]
    check_topic_name(topic)  # [MQTT-3.3.2-2]
    if len(encoded) <= _REMEMBERED_TOPIC:
        if len(_TOPICS) >= _TOPICS_AT_MOST:
            _TOPICS.clear()
        _TOPICS[encoded] = topic
    return topic


# PUBACK, PUBREC, PUBREL, PUBCOMP [MQTT 3.4 to 3.7]


def _read_acknowledgement(
    make: type[Acknowledgement], expected: int, flags: int, wire: bytes, at: int, level: int
) -> Acknowledgement:
    if flags != expected:
        _expect_flags(flags, expected, make.type)
    length = len(wire) - at
    if length == 2:  # by far the most: a success that says no more
        packet_id = wire[at] << 8 | wire[at + 1]
        if packet_id:
            return make(packet_id)
    cursor = Cursor(wire, at)
    packet_id = _pull_packet_id(cursor)
    reason_code = ReasonCode.SUCCESS
    properties = NO_PROPERTIES
    if level == _V5:
        reason_code = _reason_code(pull_byte(cursor), make.type)
        if length > 3:  # [MQTT 3.4.2.2.1]
            properties = pull_properties(cursor, make.type)
    _expect_end(cursor, make.type)
    return make(packet_id, reason_code, properties)


def read_puback(flags: int, wire: bytes, at: int, level: int) -> PubAck:
    """PUBACK [MQTT 3.4, MQTT-3.4.2-1]."""
    return _read_acknowledgement(PubAck, 0, flags, wire, at, level)


def read_pubrec(flags: int, wire: bytes, at: int, level: int) -> PubRec:
    """PUBREC [MQTT 3.5, MQTT-3.5.2-1]."""
    return _read_acknowledgement(PubRec, 0, flags, wire, at, level)


def read_pubrel(flags: int, wire: bytes, at: int, level: int) -> PubRel:
    """PUBREL [MQTT 3.6, MQTT-3.6.2-1]."""
    return _read_acknowledgement(PubRel, 2, flags, wire, at, level)  # [MQTT-3.6.1-1]


def read_pubcomp(flags: int, wire: bytes, at: int, level: int) -> PubComp:
    """PUBCOMP [MQTT 3.7, MQTT-3.7.2-1]."""
    return _read_acknowledgement(PubComp, 0, flags, wire, at, level)


# SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK [MQTT 3.8 to 3.11]


def read_subscribe(flags: int, wire: bytes, at: int, level: int) -> Subscribe:
    """SUBSCRIBE [MQTT 3.8]. Whether its topic filters are well made is asked by who answers with SUBACK."""
    _expect_flags(flags, 2, PacketType.SUBSCRIBE)  # [MQTT-3.8.1-1]
    cursor = Cursor(wire, at)
    packet_id = _pull_packet_id(cursor)
    properties = pull_properties(cursor, PacketType.SUBSCRIBE) if level == _V5 else NO_PROPERTIES
    subscriptions = []
    while cursor.at < cursor.end:
        topic_filter = pull_string(cursor)  # [MQTT-3.8.3-1]
        subscriptions.append(_subscription(topic_filter, pull_byte(cursor), level))
    if not subscriptions:  # [MQTT-3.8.3-2]
        raise _protocol_error("SUBSCRIBE has no topic filter")
    return Subscribe(packet_id, subscriptions, properties)


def _subscription(topic_filter: str, options: int, level: int) -> Subscription:
    qos = options & 0x03
    if level != _V5:
        if options > 2:  # [MQTT 3.1.1: MQTT-3.8.3-4]
            raise _malformed(f"the requested QoS byte is 0x{options:02x}")
        return Subscription(topic_filter, qos)
    if options & 0xC0:  # [MQTT-3.8.3-5]
        raise _malformed("a reserved bit of the subscription options is set")
    retain_handling = options >> 4
    if qos == 3 or retain_handling == 3:  # [MQTT 3.8.3.1]
        raise _protocol_error("the maximum QoS or the retain handling of a subscription is 3")
    no_local = bool(options & 0x04)
    if no_local and topic_filter.startswith(SHARED):  # [MQTT-3.8.3-4]
        raise _protocol_error("a shared subscription asks for No Local")
    return Subscription(topic_filter, qos, no_local, bool(options & 0x08), retain_handling)


def read_suback(flags: int, wire: bytes, at: int, level: int) -> SubAck:
    """SUBACK [MQTT 3.9]."""
    _expect_flags(flags, 0, PacketType.SUBACK)
    packet_id, codes, properties = _read_answers(PacketType.SUBACK, wire, at, level)
    if level == _V5:
        return SubAck(packet_id, [_reason_code(code, PacketType.SUBACK) for code in codes], properties)
    for code in codes:
        if code not in _V311_SUBACK:
            raise _protocol_error(f"SUBACK must not carry the return code 0x{code:02x}")
    return SubAck(packet_id, [ReasonCode(code) for code in codes])


def read_unsubscribe(flags: int, wire: bytes, at: int, level: int) -> Unsubscribe:
    """UNSUBSCRIBE [MQTT 3.10]."""
    _expect_flags(flags, 2, PacketType.UNSUBSCRIBE)  # [MQTT-3.10.1-1]
    cursor = Cursor(wire, at)
    packet_id = _pull_packet_id(cursor)
    properties = pull_properties(cursor, PacketType.UNSUBSCRIBE) if level == _V5 else NO_PROPERTIES
    topic_filters = []
    while cursor.at < cursor.end:
        topic_filters.append(pull_string(cursor))  # [MQTT-3.10.3-1]
    if not topic_filters:  # [MQTT-3.10.3-2]
        raise _protocol_error("UNSUBSCRIBE has no topic filter")
    return Unsubscribe(packet_id, topic_filters, properties)


def read_unsuback(flags: int, wire: bytes, at: int, level: int) -> UnsubAck:
    """UNSUBACK [MQTT 3.11]."""
    _expect_flags(flags, 0, PacketType.UNSUBACK)
    if level != _V5:
        cursor = Cursor(wire, at)
        packet_id = _pull_packet_id(cursor)
        _expect_end(cursor, PacketType.UNSUBACK)
        return UnsubAck(packet_id)
    packet_id, codes, properties = _read_answers(PacketType.UNSUBACK, wire, at, level)
    return UnsubAck(packet_id, [_reason_code(code, PacketType.UNSUBACK) for code in codes], properties)


def _read_answers(packet_type: PacketType, wire: bytes, at: int, level: int) -> tuple[int, bytes, Properties]:
    """What SUBACK and UNSUBACK share: an identifier, properties, and a byte for each topic filter that was asked."""
    cursor = Cursor(wire, at)
    packet_id = _pull_packet_id(cursor)
    properties = pull_properties(cursor, packet_type) if level == _V5 else NO_PROPERTIES
    if cursor.at == cursor.end:  # [MQTT-3.8.4-6], [MQTT-3.11.3-1]
        raise _protocol_error(f"{packet_type.name} has no reason code")
    return packet_id, wire[cursor.at : cursor.end], properties


# PINGREQ, PINGRESP, DISCONNECT, AUTH [MQTT 3.12 to 3.15]


def read_pingreq(flags: int, wire: bytes, at: int, level: int) -> PingReq:
    """PINGREQ [MQTT 3.12]."""
    _expect_flags(flags, 0, PacketType.PINGREQ)
    _expect_end(Cursor(wire, at), PacketType.PINGREQ)
    return PingReq()


def read_pingresp(flags: int, wire: bytes, at: int, level: int) -> PingResp:
    """PINGRESP [MQTT 3.13]."""
    _expect_flags(flags, 0, PacketType.PINGRESP)
    _expect_end(Cursor(wire, at), PacketType.PINGRESP)
    return PingResp()


def read_disconnect(flags: int, wire: bytes, at: int, level: int) -> Disconnect:
    """DISCONNECT [MQTT 3.14]. Without a reason code it is a normal disconnection [MQTT 3.14.2.1]."""
    _expect_flags(flags, 0, PacketType.DISCONNECT)  # [MQTT-3.14.1-1]
    cursor = Cursor(wire, at)
    reason_code = ReasonCode.SUCCESS
    properties = NO_PROPERTIES
    if level == _V5 and cursor.at < cursor.end:
        reason_code = _reason_code(pull_byte(cursor), PacketType.DISCONNECT)  # [MQTT-3.14.2-1]
        if cursor.at < cursor.end:
            properties = pull_properties(cursor, PacketType.DISCONNECT)
    _expect_end(cursor, PacketType.DISCONNECT)
    return Disconnect(reason_code, properties)


def read_auth(flags: int, wire: bytes, at: int, level: int) -> Auth:
    """AUTH [MQTT 3.15]. Empty it is a success [MQTT 3.15.2.1]."""
    if level != _V5:
        raise _malformed("MQTT 3.1.1 has no packet of type 15")
    _expect_flags(flags, 0, PacketType.AUTH)  # [MQTT-3.15.1-1]
    cursor = Cursor(wire, at)
    if cursor.at == cursor.end:
        return Auth()
    reason_code = _reason_code(pull_byte(cursor), PacketType.AUTH)  # [MQTT-3.15.2-1]
    properties = pull_properties(cursor, PacketType.AUTH)
    _expect_end(cursor, PacketType.AUTH)
    return Auth(reason_code, properties)


READERS: dict[PacketType, Callable[[int, bytes, int, int], Packet]] = {
    PacketType.CONNECT: read_connect,
    PacketType.CONNACK: read_connack,
    PacketType.PUBLISH: read_publish,
    PacketType.PUBACK: read_puback,
    PacketType.PUBREC: read_pubrec,
    PacketType.PUBREL: read_pubrel,
    PacketType.PUBCOMP: read_pubcomp,
    PacketType.SUBSCRIBE: read_subscribe,
    PacketType.SUBACK: read_suback,
    PacketType.UNSUBSCRIBE: read_unsubscribe,
    PacketType.UNSUBACK: read_unsuback,
    PacketType.PINGREQ: read_pingreq,
    PacketType.PINGRESP: read_pingresp,
    PacketType.DISCONNECT: read_disconnect,
    PacketType.AUTH: read_auth,
}
"""Packet type -> its reader."""

_READERS_BY_NUMBER = tuple(READERS.get(PacketType(number)) if number else None for number in range(16))


def read_packet(wire: bytes, at: int, level: int) -> Packet:
    """Read one whole packet. Raises RemoteProtocolError, and nothing else, whatever the bytes are.

    wire: the packet from its first byte to its last. at: where its fixed header ends. level: 4 or 5.
    """
    if not wire:
        raise _malformed("there is no packet")
    first = wire[0]
    reader = _READERS_BY_NUMBER[first >> 4]
    if reader is None:  # [MQTT 2.1.2]
        raise _malformed("packet type 0 is reserved")
    return reader(first & 0x0F, wire, at, level)
