"""Packet -> bytes, one function for each packet, and the table `WRITERS`.

Every writer has the same form, `write_x(packet, level) -> bytes`, a whole packet with its fixed header; what the level
does not have is left out (MQTT 3.1.1: properties, reason codes) or translated (CONNACK, SUBACK).

Rule 1: what the standard forbids is not written: LocalProtocolError.
Rule 2: a PUBLISH is passed on as it came, byte for byte, wherever the receiver may get the same bytes.

`encode_publish_qos0` and `encode_publish_frame` are the broker's way to a fan-out: one encoding serves every receiver
at the same level with the same options.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sealmq.errors import LocalProtocolError
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
from sealmq.mqtt.properties import WILL, Properties, push_properties
from sealmq.mqtt.topics import SHARED
from sealmq.mqtt.wire import (
    push_binary,
    push_byte,
    push_string,
    push_two_byte_integer,
    variable_byte_integer,
)

_V311 = ProtocolLevel.V311
_V5 = ProtocolLevel.V5  # looked up once: in Python 3.11 each look into an enum costs as much as a call

RETURN_CODES_OF_REASONS: dict[int, ConnectReturnCode] = {
    ReasonCode.SUCCESS: ConnectReturnCode.ACCEPTED,
    # [MQTT 3.1.1: MQTT-3.1.2-2, MQTT-3.1.3-9]
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: ConnectReturnCode.IDENTIFIER_REJECTED,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD,
    # What may go well at another time, or at another server:
    ReasonCode.UNSPECIFIED_ERROR: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.SERVER_UNAVAILABLE: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.SERVER_BUSY: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.QUOTA_EXCEEDED: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.USE_ANOTHER_SERVER: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.SERVER_MOVED: ConnectReturnCode.SERVER_UNAVAILABLE,
    ReasonCode.CONNECTION_RATE_EXCEEDED: ConnectReturnCode.SERVER_UNAVAILABLE,
}
"""The reason code of MQTT 5 -> what CONNACK says in MQTT 3.1.1. Every other one, which no second try would change, is
NOT_AUTHORIZED."""


def _impossible(what: str) -> LocalProtocolError:
    return LocalProtocolError(what, ReasonCode.PROTOCOL_ERROR)


def _frame(first: int, body: bytearray) -> bytes:
    return b"%c%b" % (first, variable_byte_integer(len(body))) + body


def _push_packet_id(buffer: bytearray, packet_id: int) -> None:
    if not packet_id:  # [MQTT-2.2.1-3], [MQTT-2.2.1-4]
        raise _impossible("the packet identifier is 0")
    push_two_byte_integer(buffer, packet_id)


def _push_reason_code(buffer: bytearray, reason_code: int, packet_type: PacketType) -> None:
    if reason_code not in REASON_CODES[packet_type]:  # [MQTT-3.9.3-2], [MQTT-3.11.3-2], and what the others have alike
        raise _impossible(f"{packet_type.name} must not carry the reason code 0x{reason_code:02x}")
    buffer.append(reason_code)


# CONNECT, CONNACK [MQTT 3.1, 3.2]


def write_connect(packet: Connect, level: int) -> bytes:
    """CONNECT [MQTT 3.1]; `level` is not asked: the packet has its own."""
    level = packet.level
    if level not in (ProtocolLevel.V311, ProtocolLevel.V5):
        raise _impossible(f"there is no protocol level {level}")
    flags = 0x02 if packet.clean_start else 0
    if packet.user_name is not None:
        flags |= 0x80
    if packet.password is not None:
        if level == _V311 and packet.user_name is None:  # [MQTT 3.1.1: MQTT-3.1.2-22]
            raise _impossible("MQTT 3.1.1 has no password without a user name")
        flags |= 0x40
    will = packet.will
    if will is not None:
        if not 0 <= will.qos <= 2:  # [MQTT-3.1.2-12]
            raise _impossible(f"the will QoS is {will.qos}")
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
    buffer = bytearray(b"\x00\x04MQTT")  # [MQTT-3.1.2-1]
    push_byte(buffer, level)
    push_byte(buffer, flags)
    push_two_byte_integer(buffer, packet.keep_alive)
    if level == _V5:
        if packet.properties.authentication_data is not None and packet.properties.authentication_method is None:
            raise _impossible("authentication data needs an authentication method")  # [MQTT 3.1.2.11.10]
        push_properties(buffer, packet.properties, PacketType.CONNECT)
    push_string(buffer, packet.client_id)  # in the order of [MQTT-3.1.3-1]
    if will is not None:
        _push_will(buffer, will, level)
    if packet.user_name is not None:
        push_string(buffer, packet.user_name)
    if packet.password is not None:
        push_binary(buffer, packet.password)
    return _frame(0x10, buffer)


def _push_will(buffer: bytearray, will: Will, level: int) -> None:
    if level == _V5:
        push_properties(buffer, will.properties, WILL)
    _expect_topic_name(will.topic)
    push_string(buffer, will.topic)
    push_binary(buffer, will.payload)


def write_connack(packet: ConnAck, level: int) -> bytes:
    """CONNACK [MQTT 3.2]; MQTT 3.1.1 gets the return code that comes nearest."""
    reason_code = packet.reason_code
    if packet.session_present and reason_code:  # [MQTT-3.2.2-6]
        raise _impossible("a CONNACK that refuses has no session present")
    buffer = bytearray((1 if packet.session_present else 0,))
    _push_reason_code(buffer, reason_code, PacketType.CONNACK)  # [MQTT-3.2.2-8]
    if level == _V5:
        push_properties(buffer, packet.properties, PacketType.CONNACK)
    else:
        buffer[1] = RETURN_CODES_OF_REASONS.get(reason_code, ConnectReturnCode.NOT_AUTHORIZED)
    return _frame(0x20, buffer)


# PUBLISH [MQTT 3.3]


def _expect_topic_name(topic: str) -> None:
    if not topic:  # [MQTT-4.7.3-1]
        raise _impossible("a topic name is empty")
    if "+" in topic or "#" in topic:  # [MQTT-3.3.2-2]
        raise _impossible("a topic name contains a wildcard")


def write_publish(packet: Publish, level: int) -> bytes:
    """PUBLISH [MQTT 3.3] from what the packet says: its own QoS, DUP, retain and packet identifier."""
    qos = packet.qos
    if not 0 <= qos <= 2:  # [MQTT-3.3.1-4]
        raise _impossible(f"there is no QoS {qos}")
    if packet.dup and not qos:  # [MQTT-3.3.1-2]
        raise _impossible("PUBLISH at QoS 0 has DUP set")
    if packet.topic or level != _V5 or packet.properties.topic_alias is None:
        _expect_topic_name(packet.topic)
    buffer = bytearray()
    push_string(buffer, packet.topic)
    if qos:  # [MQTT-2.2.1-2]
        _push_packet_id(buffer, packet.packet_id)
    if level == _V5:
        push_properties(buffer, packet.properties, PacketType.PUBLISH)
    buffer += packet.payload
    return _frame(0x30 | (8 if packet.dup else 0) | qos << 1 | (1 if packet.retain else 0), buffer)


def encode_publish_qos0(
    packet: Publish,
    level: int,
    retain: bool = False,
    subscription_identifiers: tuple[int, ...] = (),
    message_expiry_interval: int | None = None,
) -> bytes:
    """The packet as a receiver at QoS 0 gets it; `packet.wire` itself where nothing has to change.

    packet:                   as it was read, or as it was made here; its QoS, DUP and retain do not count.
    level:                    the receiver's protocol level.
    subscription_identifiers: of the subscriptions that matched [MQTT-3.3.4-3], appended.
    message_expiry_interval:  the seconds that are left [MQTT-3.3.2-6]; None leaves it as it came.

    A topic alias is the publisher's, and is taken out. Raises LocalProtocolError where a value is impossible.
    """
    first = 0x31 if retain else 0x30  # [MQTT-4.3.1-1]
    wire = packet.wire
    if packet.level == level and _unchanged(packet, subscription_identifiers, message_expiry_interval):
        if wire[0] == first:
            return wire
        if wire[0] & 0x06 == 0:
            return b"%c%b" % (first, wire[1:])
    topic, tail = _pieces(packet, level, subscription_identifiers, message_expiry_interval)
    return b"%c%b%b%b" % (first, variable_byte_integer(len(topic) + len(tail)), topic, tail)


def encode_publish_frame(
    packet: Publish,
    level: int,
    qos: int,
    retain: bool = False,
    subscription_identifiers: tuple[int, ...] = (),
    message_expiry_interval: int | None = None,
) -> tuple[bytes, bytes]:
    """(head, tail): `head + packet_id.to_bytes(2, "big") + tail` is the packet as a receiver at QoS 1 or 2 gets it.

    DUP is 0 [MQTT-3.3.1-1, MQTT-3.3.1-3]. Arguments and errors as with `encode_publish_qos0`.
    """
    if not 1 <= qos <= 2:
        raise _impossible(f"QoS {qos} has no packet identifier")
    first = 0x31 | qos << 1 if retain else 0x30 | qos << 1
    wire = packet.wire
    if (
        packet.level == level
        and wire[0] == first
        and _unchanged(packet, subscription_identifiers, message_expiry_interval)
    ):  # it came as it leaves, but for its packet identifier: two slices
        return wire[: packet.after_id - 2], wire[packet.after_id :]
    topic, tail = _pieces(packet, level, subscription_identifiers, message_expiry_interval)
    return b"%c%b%b" % (first, variable_byte_integer(len(topic) + 2 + len(tail)), topic), tail


def _unchanged(packet: Publish, subscription_identifiers: tuple[int, ...], expiry: int | None) -> bool:
    """Whether the receiver gets the very properties that stand in `packet.wire`."""
    properties = packet.properties
    return (
        not subscription_identifiers
        and properties.topic_alias is None
        and (expiry is None or expiry == properties.message_expiry_interval)
    )


def _pieces(
    packet: Publish, level: int, subscription_identifiers: tuple[int, ...], expiry: int | None
) -> tuple[bytes, bytes]:
    """The topic with its length, and what follows the packet identifier: properties and payload."""
    wire = packet.wire
    from_level = packet.level
    if from_level and packet.properties.topic_alias is None:
        # The QoS it came with is asked of the wire: `packet.qos` may be another by now.
        topic = wire[packet.topic_at : packet.after_id - (2 if wire[0] & 0x06 else 0)]
    else:
        buffer = bytearray()
        _expect_topic_name(packet.topic)
        push_string(buffer, packet.topic)
        topic = bytes(buffer)
    if level != _V5:
        return topic, wire[packet.payload_at :] if from_level else packet.payload
    if from_level == level and _unchanged(packet, subscription_identifiers, expiry):
        return topic, wire[packet.after_id :]
    properties = _forwarded(packet.properties, subscription_identifiers, expiry)
    if not properties:
        return topic, b"\0" + packet.payload  # [MQTT-2.2.2-1]
    buffer = bytearray()
    push_properties(buffer, properties, PacketType.PUBLISH)
    return topic, b"%b%b" % (bytes(buffer), packet.payload)


def _forwarded(properties: Properties, subscription_identifiers: tuple[int, ...], expiry: int | None) -> Properties:
    """What the publisher said, unaltered and in its order.

    [MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-18], [MQTT-3.3.2-20].
    """
    if not properties and not subscription_identifiers and expiry is None:
        return properties
    forwarded = Properties()
    present = vars(forwarded)
    present.update(vars(properties))
    present.pop("topic_alias", None)
    if expiry is not None:
        present["message_expiry_interval"] = expiry  # [MQTT-3.3.2-6]
    if subscription_identifiers:  # [MQTT-3.3.4-3], [MQTT-3.3.4-4]
        present["subscription_identifiers"] = properties.subscription_identifiers + subscription_identifiers
    return forwarded


# PUBACK, PUBREC, PUBREL, PUBCOMP [MQTT 3.4 to 3.7]


def _write_acknowledgement(first: int, packet: PubAck | PubRec | PubRel | PubComp, level: int) -> bytes:
    packet_id, reason_code, properties = packet.packet_id, packet.reason_code, packet.properties
    if level != _V5 or (not reason_code and not properties):
        if not 1 <= packet_id <= 0xFFFF:  # [MQTT-2.2.1-5]
            raise _impossible(f"there is no packet identifier {packet_id}")
        return bytes((first, 2, packet_id >> 8, packet_id & 0xFF))
    buffer = bytearray()
    _push_packet_id(buffer, packet_id)
    _push_reason_code(buffer, reason_code, packet.type)
    if properties:
        push_properties(buffer, properties, packet.type)
    return _frame(first, buffer)


def write_puback(packet: PubAck, level: int) -> bytes:
    """PUBACK [MQTT 3.4]; MQTT 3.1.1 knows no failure, and gets the plain acknowledgement."""
    return _write_acknowledgement(0x40, packet, level)


def write_pubrec(packet: PubRec, level: int) -> bytes:
    """PUBREC [MQTT 3.5]; MQTT 3.1.1 knows no failure, and gets the plain acknowledgement."""
    return _write_acknowledgement(0x50, packet, level)


def write_pubrel(packet: PubRel, level: int) -> bytes:
    """PUBREL [MQTT 3.6]."""
    return _write_acknowledgement(0x62, packet, level)  # [MQTT-3.6.1-1]


def write_pubcomp(packet: PubComp, level: int) -> bytes:
    """PUBCOMP [MQTT 3.7]."""
    return _write_acknowledgement(0x70, packet, level)


# SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK [MQTT 3.8 to 3.11]


def write_subscribe(packet: Subscribe, level: int) -> bytes:
    """SUBSCRIBE [MQTT 3.8]; MQTT 3.1.1 has no options but the QoS."""
    if not packet.subscriptions:  # [MQTT-3.8.3-2]
        raise _impossible("SUBSCRIBE has no topic filter")
    buffer = bytearray()
    _push_packet_id(buffer, packet.packet_id)
    if level == _V5:
        push_properties(buffer, packet.properties, PacketType.SUBSCRIBE)
    for subscription in packet.subscriptions:
        push_string(buffer, subscription.topic_filter)
        buffer.append(_options(subscription, level))
    return _frame(0x82, buffer)  # [MQTT-3.8.1-1]


def _options(subscription: Subscription, level: int) -> int:
    if not 0 <= subscription.qos <= 2 or not 0 <= subscription.retain_handling <= 2:  # [MQTT 3.8.3.1]
        raise _impossible("QoS and retain handling of a subscription are 0, 1 or 2")
    if level != _V5:
        return subscription.qos
    if subscription.no_local and subscription.topic_filter.startswith(SHARED):  # [MQTT-3.8.3-4]
        raise _impossible("a shared subscription asks for No Local")
    return (
        subscription.qos
        | (0x04 if subscription.no_local else 0)
        | (0x08 if subscription.retain_as_published else 0)
        | subscription.retain_handling << 4
    )


def write_suback(packet: SubAck, level: int) -> bytes:
    """SUBACK [MQTT 3.9]; MQTT 3.1.1 gets 0x80 for every failure."""
    return _write_answers(0x90, packet, level)


def write_unsubscribe(packet: Unsubscribe, level: int) -> bytes:
    """UNSUBSCRIBE [MQTT 3.10]."""
    if not packet.topic_filters:  # [MQTT-3.10.3-2]
        raise _impossible("UNSUBSCRIBE has no topic filter")
    buffer = bytearray()
    _push_packet_id(buffer, packet.packet_id)
    if level == _V5:
        push_properties(buffer, packet.properties, PacketType.UNSUBSCRIBE)
    for topic_filter in packet.topic_filters:
        push_string(buffer, topic_filter)
    return _frame(0xA2, buffer)  # [MQTT-3.10.1-1]


def write_unsuback(packet: UnsubAck, level: int) -> bytes:
    """UNSUBACK [MQTT 3.11]; in MQTT 3.1.1 it carries no reason codes."""
    if level == _V5:
        return _write_answers(0xB0, packet, level)
    buffer = bytearray()
    _push_packet_id(buffer, packet.packet_id)
    return _frame(0xB0, buffer)


def _write_answers(first: int, packet: SubAck | UnsubAck, level: int) -> bytes:
    if not packet.reason_codes:  # [MQTT-3.8.4-6], [MQTT-3.11.3-1]
        raise _impossible(f"{packet.type.name} has no reason code")
    buffer = bytearray()
    _push_packet_id(buffer, packet.packet_id)
    if level == _V5:
        push_properties(buffer, packet.properties, packet.type)
    for reason_code in packet.reason_codes:
        _push_reason_code(buffer, reason_code, packet.type)
        if level != _V5 and reason_code >= ReasonCode.UNSPECIFIED_ERROR:
            buffer[-1] = SUBACK_FAILURE_V311
    return _frame(first, buffer)


# PINGREQ, PINGRESP, DISCONNECT, AUTH [MQTT 3.12 to 3.15]


def write_pingreq(packet: PingReq, level: int) -> bytes:
    """PINGREQ [MQTT 3.12]."""
    return b"\xc0\x00"


def write_pingresp(packet: PingResp, level: int) -> bytes:
    """PINGRESP [MQTT 3.13]."""
    return b"\xd0\x00"


def write_disconnect(packet: Disconnect, level: int) -> bytes:
    """DISCONNECT [MQTT 3.14]; in MQTT 3.1.1 two bytes, whatever the reason."""
    if level != _V5 or (not packet.reason_code and not packet.properties):
        return b"\xe0\x00"
    buffer = bytearray()
    _push_reason_code(buffer, packet.reason_code, PacketType.DISCONNECT)  # [MQTT-3.14.2-1]
    if packet.properties:
        push_properties(buffer, packet.properties, PacketType.DISCONNECT)
    return _frame(0xE0, buffer)


def write_auth(packet: Auth, level: int) -> bytes:
    """AUTH [MQTT 3.15], MQTT 5 alone."""
    if level != _V5:
        raise _impossible("MQTT 3.1.1 has no AUTH")
    if not packet.reason_code and not packet.properties:
        return b"\xf0\x00"
    buffer = bytearray()
    _push_reason_code(buffer, packet.reason_code, PacketType.AUTH)  # [MQTT-3.15.2-1]
    push_properties(buffer, packet.properties, PacketType.AUTH)
    return _frame(0xF0, buffer)


WRITERS: dict[PacketType, Callable[[Any, int], bytes]] = {
    PacketType.CONNECT: write_connect,
    PacketType.CONNACK: write_connack,
    PacketType.PUBLISH: write_publish,
    PacketType.PUBACK: write_puback,
    PacketType.PUBREC: write_pubrec,
    PacketType.PUBREL: write_pubrel,
    PacketType.PUBCOMP: write_pubcomp,
    PacketType.SUBSCRIBE: write_subscribe,
    PacketType.SUBACK: write_suback,
    PacketType.UNSUBSCRIBE: write_unsubscribe,
    PacketType.UNSUBACK: write_unsuback,
    PacketType.PINGREQ: write_pingreq,
    PacketType.PINGRESP: write_pingresp,
    PacketType.DISCONNECT: write_disconnect,
    PacketType.AUTH: write_auth,
}
"""Packet type -> its writer."""


def write_packet(packet: Packet, level: int) -> bytes:
    """The whole packet as bytes, at protocol level 4 or 5. Raises LocalProtocolError where the standard forbids it."""
    return WRITERS[packet.type](packet, level)
