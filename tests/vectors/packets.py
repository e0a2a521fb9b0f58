"""Bytes <-> packets: what both the reader and the writer must agree with. README.md says where they come from."""

from __future__ import annotations

from typing import NamedTuple

from sealmq.mqtt.codes import ReasonCode
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
from sealmq.mqtt.properties import Properties


class Vector(NamedTuple):
    """Bytes and the packet that they are."""

    name: str
    level: int
    wire: bytes
    packet: Packet
    clause: str
    origin: str = "by hand"


class Refusal(NamedTuple):
    """Bytes that no reader may take, and the reason code of the answer."""

    name: str
    level: int
    wire: bytes
    reason_code: ReasonCode
    clause: str
    origin: str = "by hand"


_BOTH = (
    ("a puback that says no more", b"\x40\x02\x00\x01", PubAck(1), "MQTT 3.4.2"),
    ("a pubrec that says no more", b"\x50\x02\x12\x34", PubRec(0x1234), "MQTT 3.5.2"),
    ("a pubrel that says no more", b"\x62\x02\xff\xff", PubRel(0xFFFF), "MQTT-3.6.1-1"),
    ("a pubcomp that says no more", b"\x70\x02\x00\x0a", PubComp(10), "MQTT 3.7.2"),
    ("a pingreq", b"\xc0\x00", PingReq(), "MQTT 3.12"),
    ("a pingresp", b"\xd0\x00", PingResp(), "MQTT 3.13"),
    ("a normal disconnect", b"\xe0\x00", Disconnect(), "MQTT 3.14"),
)

VECTORS: list[Vector] = [
    *(Vector(name, level, wire, packet, clause) for name, wire, packet, clause in _BOTH for level in (4, 5)),
    Vector(
        "a connect with will, user name and password",
        5,
        b"\x10\x21\x00\x04MQTT\x05\xce\x00\x0a\x05\x11\x00\x00\x00\x0a"
        + b"\x00\x01c\x00\x00\x01w\x00\x02hi\x00\x01u\x00\x01p",
        Connect("c", True, 10, 5, "u", b"p", Will("w", b"hi", 1), Properties(session_expiry_interval=10)),
        "MQTT 3.1.2.11.9",
        "MQTT 5.0 section 3.1.2, example",
    ),
    Vector(
        "a connect with will, user name and password in 3.1.1",
        4,
        b"\x10\x1a\x00\x04MQTT\x04\xce\x00\x0a" + b"\x00\x01c\x00\x01w\x00\x02hi\x00\x01u\x00\x01p",
        Connect("c", True, 10, 4, "u", b"p", Will("w", b"hi", 1)),
        "MQTT 3.1.1 3.1.2.10",
        "MQTT 3.1.1 section 3.1.2, example",
    ),
    Vector(
        "the smallest connect", 4, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", Connect(level=4), "MQTT-3.1.3-6"
    ),
    Vector(
        "the smallest connect of level 5",
        5,
        b"\x10\x0d\x00\x04MQTT\x05\x00\xff\xff\x00\x00\x00",
        Connect(clean_start=False, keep_alive=65_535),
        "MQTT-3.1.3-6",
    ),
    Vector(
        "a connect with a password alone",
        5,
        b"\x10\x10\x00\x04MQTT\x05\x42\x00\x00\x00\x00\x00\x00\x01p",
        Connect(password=b"p"),
        "MQTT 3.1.2.9",
    ),
    Vector(
        "a connect with a retained will at qos 2 and properties of its own",
        5,
        b"\x10\x19\x00\x04MQTT\x05\x36\x00\x3c\x00\x00\x01c" + b"\x05\x18\x00\x00\x00\x05\x00\x01w\x00\x00",
        Connect("c", True, 60, will=Will("w", b"", 2, True, Properties(will_delay_interval=5))),
        "MQTT 3.1.3.2",
    ),
    Vector("an accepting connack", 4, b"\x20\x02\x01\x00", ConnAck(True), "MQTT 3.2"),
    Vector("an accepting connack of level 5", 5, b"\x20\x03\x00\x00\x00", ConnAck(), "MQTT 3.2"),
    Vector(
        "a connack that refuses the version in 3.1.1",
        4,
        b"\x20\x02\x00\x01",
        ConnAck(reason_code=ReasonCode.UNSUPPORTED_PROTOCOL_VERSION),
        "MQTT 3.1.1 table 3.1",
    ),
    Vector(
        "a connack that refuses the device in 3.1.1",
        4,
        b"\x20\x02\x00\x05",
        ConnAck(reason_code=ReasonCode.NOT_AUTHORIZED),
        "MQTT 3.1.1 table 3.1",
    ),
    Vector(
        "a connack with properties",
        5,
        b"\x20\x0e\x01\x00\x0b\x21\x00\x14\x24\x01\x22\x00\x0a\x13\x00\x1e",
        ConnAck(
            True,
            properties=Properties(receive_maximum=20, maximum_qos=1, topic_alias_maximum=10, server_keep_alive=30),
        ),
        "MQTT 3.2.2.3",
    ),
    Vector(
        "a publish at qos 1",
        5,
        b"\x32\x08\x00\x03a/b\x00\x0a\x00",
        Publish("a/b", b"", 1, packet_id=10),
        "MQTT 3.3.2.3.1",
        "MQTT 5.0 section 3.3.2, example",
    ),
    Vector(
        "a publish at qos 1 in 3.1.1",
        4,
        b"\x32\x07\x00\x03a/b\x00\x0a",
        Publish("a/b", b"", 1, packet_id=10),
        "MQTT 3.1.1 3.3.2.3",
        "MQTT 3.1.1 section 3.3.2, example",
    ),
    Vector("a publish at qos 0", 4, b"\x30\x05\x00\x01thi", Publish("t", b"hi"), "MQTT-2.2.1-2"),
    Vector("a publish at qos 0 of level 5", 5, b"\x30\x06\x00\x01t\x00hi", Publish("t", b"hi"), "MQTT-2.2.1-2"),
    Vector(
        "a publish that is retained and sent again",
        4,
        b"\x3d\x07\x00\x01t\x00\x01hi",
        Publish("t", b"hi", 2, True, True, 1),
        "MQTT-3.3.1-1",
    ),
    Vector(
        "a publish with properties",
        5,
        b"\x30\x1c\x00\x01t\x16\x01\x01\x02\x00\x00\x00\x3c\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x02v2{}",
        Publish(
            "t",
            b"{}",
            properties=Properties(
                payload_format_indicator=1, message_expiry_interval=60, user_properties=(("k", "v"), ("k", "v2"))
            ),
        ),
        "MQTT-3.3.2-18",
    ),
    Vector(
        "a publish with a topic alias alone",
        5,
        b"\x30\x08\x00\x00\x03\x23\x00\x07hi",
        Publish("", b"hi", properties=Properties(topic_alias=7)),
        "MQTT 3.3.2.3.4",
    ),
    Vector(
        "a publish for two subscriptions",
        5,
        b"\x30\x0a\x00\x01t\x05\x0b\x01\x0b\x80\x01!",
        Publish("t", b"!", properties=Properties(subscription_identifiers=(1, 128))),
        "MQTT-3.3.4-4",
    ),
    Vector(
        "a puback that nobody listened to",
        5,
        b"\x40\x03\x00\x01\x10",
        PubAck(1, ReasonCode.NO_MATCHING_SUBSCRIBERS),
        "MQTT 3.4.2.2.1",
    ),
    Vector(
        "a pubrec that refuses and says why",
        5,
        b"\x50\x09\x00\x01\x87\x05\x1f\x00\x02no",
        PubRec(1, ReasonCode.NOT_AUTHORIZED, Properties(reason_string="no")),
        "MQTT 3.5.2.2.2",
    ),
    Vector(
        "a pubrel for an unknown packet identifier",
        5,
        b"\x62\x03\x00\x01\x92",
        PubRel(1, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND),
        "MQTT-3.6.2-1",
    ),
    Vector(
        "a pubcomp that says why it succeeded",
        5,
        b"\x70\x09\x00\x01\x00\x05\x1f\x00\x02ok",
        PubComp(1, properties=Properties(reason_string="ok")),
        "MQTT 3.7.2.2.2",
    ),
    Vector(
        "a subscribe to two topic filters",
        5,
        b"\x82\x0f\x00\x0a\x00\x00\x03a/b\x01\x00\x03c/d\x02",
        Subscribe(10, [Subscription("a/b", 1), Subscription("c/d", 2)]),
        "MQTT 3.8.3",
        "MQTT 5.0 sections 3.8.2 and 3.8.3, examples",
    ),
    Vector(
        "a subscribe to two topic filters in 3.1.1",
        4,
        b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02",
        Subscribe(10, [Subscription("a/b", 1), Subscription("c/d", 2)]),
        "MQTT 3.1.1 3.8.3.1",
        "MQTT 3.1.1 sections 3.8.2 and 3.8.3, examples",
    ),
    Vector(
        "a subscribe with every option",
        5,
        b"\x82\x09\x00\x01\x02\x0b\x05\x00\x01#\x2e",
        Subscribe(1, [Subscription("#", 2, True, True, 2)], Properties(subscription_identifiers=(5,))),
        "MQTT 3.8.3.1",
    ),
    Vector(
        "a suback",
        4,
        b"\x90\x05\x00\x0a\x00\x02\x80",
        SubAck(10, [0, 2, ReasonCode.UNSPECIFIED_ERROR]),
        "MQTT 3.1.1 3.9.3",
        "MQTT 3.1.1 section 3.9.3, example",
    ),
    Vector("a suback of level 5", 5, b"\x90\x05\x00\x0a\x00\x01\x9e", SubAck(10, [1, 0x9E]), "MQTT-3.9.3-2"),
    Vector(
        "an unsubscribe from two topic filters",
        5,
        b"\xa2\x0d\x00\x0a\x00\x00\x03a/b\x00\x03c/d",
        Unsubscribe(10, ["a/b", "c/d"]),
        "MQTT 3.10.3",
        "MQTT 5.0 section 3.10.3, example",
    ),
    Vector(
        "an unsubscribe from two topic filters in 3.1.1",
        4,
        b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d",
        Unsubscribe(10, ["a/b", "c/d"]),
        "MQTT 3.1.1 3.10.3",
        "MQTT 3.1.1 section 3.10.3, example",
    ),
    Vector("an unsuback", 4, b"\xb0\x02\x00\x0a", UnsubAck(10), "MQTT 3.1.1 3.11"),
    Vector("an unsuback of level 5", 5, b"\xb0\x05\x00\x0a\x00\x00\x11", UnsubAck(10, [0, 0x11]), "MQTT-3.11.3-2"),
    Vector(
        "a disconnect that leaves the will to be published",
        5,
        b"\xe0\x01\x04",
        Disconnect(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE),
        "MQTT 3.14.2.1",
    ),
    Vector(
        "a disconnect that shortens the session",
        5,
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01",
        Disconnect(properties=Properties(session_expiry_interval=1)),
        "MQTT 3.14.2.2.2",
    ),
    Vector(
        "a step of authentication",
        5,
        b"\xf0\x0e\x18\x0c\x15\x00\x05SCRAM\x16\x00\x01!",
        Auth(ReasonCode.CONTINUE_AUTHENTICATION, Properties(authentication_method="SCRAM", authentication_data=b"!")),
        "MQTT 3.15.2.2",
    ),
    Vector("an empty auth", 5, b"\xf0\x00", Auth(), "MQTT 3.15.2.1"),
]
"""What reader and writer agree on, both ways."""

LONG_FORMS: list[Vector] = [
    Vector("a puback with reason code 0", 5, b"\x40\x03\x00\x01\x00", PubAck(1), "MQTT 3.4.2.1"),
    Vector("a puback with an empty property list", 5, b"\x40\x04\x00\x01\x00\x00", PubAck(1), "MQTT 3.4.2.2.1"),
    Vector("a disconnect with reason code 0", 5, b"\xe0\x01\x00", Disconnect(), "MQTT 3.14.2.1"),
    Vector("a disconnect with an empty property list", 5, b"\xe0\x02\x00\x00", Disconnect(), "MQTT 3.14.2.2.1"),
    Vector("an auth with an empty property list", 5, b"\xf0\x02\x00\x00", Auth(), "MQTT 3.15.2.1"),
    Vector(
        "a connack of 3.1.1 that is not available",
        4,
        b"\x20\x02\x00\x03",
        ConnAck(reason_code=ReasonCode.SERVER_UNAVAILABLE),
        "MQTT 3.1.1 table 3.1",
    ),
]
"""Packets that may be said in more bytes than we would use: read alone."""

_MALFORMED = ReasonCode.MALFORMED_PACKET
_PROTOCOL = ReasonCode.PROTOCOL_ERROR
_VERSION = ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
_NAME = ReasonCode.TOPIC_NAME_INVALID

_REFUSED_BY_BOTH = (
    ("packet type 0", b"\x00\x00", _MALFORMED, "MQTT 2.1.2"),
    ("a connect with reserved flags", b"\x11\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", _MALFORMED, "MQTT-2.1.3-1"),
    ("a connect of MQTT 3.1", b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", _VERSION, "MQTT-3.1.2-1"),
    ("a connect of another protocol", b"\x10\x0c\x00\x04AMQP\x04\x02\x00\x00\x00\x00", _VERSION, "MQTT-3.1.2-1"),
    ("a connect of another level", b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x00\x00\x00", _VERSION, "MQTT-3.1.2-2"),
    ("a connect with the reserved flag", b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00", _MALFORMED, "MQTT-3.1.2-3"),
    ("a connect with a will qos alone", b"\x10\x0c\x00\x04MQTT\x04\x0a\x00\x00\x00\x00", _MALFORMED, "MQTT-3.1.2-11"),
    (
        "a connect with will qos 3",
        b"\x10\x12\x00\x04MQTT\x04\x1e\x00\x00\x00\x00\x00\x01w\x00\x01!",
        _MALFORMED,
        "MQTT-3.1.2-12",
    ),
    ("a connect with will retain alone", b"\x10\x0c\x00\x04MQTT\x04\x22\x00\x00\x00\x00", _MALFORMED, "MQTT-3.1.2-13"),
    ("a connect without client id", b"\x10\x0a\x00\x04MQTT\x04\x02\x00\x00", _MALFORMED, "MQTT-3.1.3-3"),
    ("a client id with a null", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\x00", _MALFORMED, "MQTT-1.5.4-2"),
    ("a client id that is no UTF-8", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\xff", _MALFORMED, "MQTT-1.5.4-1"),
    (
        "a will topic with a wildcard",
        b"\x10\x12\x00\x04MQTT\x04\x06\x00\x00\x00\x00\x00\x01#\x00\x01!",
        _NAME,
        "MQTT-4.7.0-1",
    ),
    ("a connack with a reserved flag", b"\x20\x03\x02\x00\x00", _MALFORMED, "MQTT-3.2.2-1"),
    ("a publish at qos 3", b"\x36\x06\x00\x01t\x00\x01\x00", _MALFORMED, "MQTT-3.3.1-4"),
    ("a publish at qos 0 with dup", b"\x38\x04\x00\x01t\x00", _MALFORMED, "MQTT-3.3.1-2"),
    ("a publish with packet identifier 0", b"\x32\x06\x00\x01t\x00\x00\x00", _PROTOCOL, "MQTT-2.2.1-3"),
    ("a publish without packet identifier", b"\x32\x03\x00\x01t", _MALFORMED, "MQTT 3.3.2.2"),
    ("a publish to +", b"\x30\x04\x00\x01+\x00", _NAME, "MQTT-3.3.2-2"),
    ("a publish to a/#", b"\x30\x06\x00\x03a/#\x00", _NAME, "MQTT-3.3.2-2"),
    ("a publish to a surrogate", b"\x30\x06\x00\x03\xed\xa0\x80\x00", _MALFORMED, "MQTT-1.5.4-1"),
    ("a publish to a null", b"\x30\x04\x00\x01\x00\x00", _MALFORMED, "MQTT-1.5.4-2"),
    ("a publish with a cut topic", b"\x30\x04\x00\x05ab", _MALFORMED, "MQTT-3.3.2-1"),
    ("a publish that is empty", b"\x30\x00", _MALFORMED, "MQTT-3.3.2-1"),
    ("a puback with reserved flags", b"\x42\x02\x00\x01", _MALFORMED, "MQTT-2.1.3-1"),
    ("a puback for packet identifier 0", b"\x40\x02\x00\x00", _PROTOCOL, "MQTT-2.2.1-3"),
    ("a puback with half an identifier", b"\x40\x01\x00", _MALFORMED, "MQTT 3.4.2"),
    ("a pubrec with reserved flags", b"\x5f\x02\x00\x01", _MALFORMED, "MQTT-2.1.3-1"),
    ("a pubrel without its flags", b"\x60\x02\x00\x01", _MALFORMED, "MQTT-3.6.1-1"),
    ("a pubcomp with reserved flags", b"\x71\x02\x00\x01", _MALFORMED, "MQTT-2.1.3-1"),
    ("a subscribe without its flags", b"\x80\x07\x00\x01\x00\x00\x01a\x00", _MALFORMED, "MQTT-3.8.1-1"),
    ("a subscribe with packet identifier 0", b"\x82\x07\x00\x00\x00\x00\x01a\x00", _PROTOCOL, "MQTT-2.2.1-3"),
    ("a suback with reserved flags", b"\x91\x04\x00\x01\x00\x00", _MALFORMED, "MQTT-2.1.3-1"),
    ("an unsubscribe without its flags", b"\xa0\x06\x00\x01\x00\x00\x01a", _MALFORMED, "MQTT-3.10.1-1"),
    ("an unsuback with reserved flags", b"\xb1\x04\x00\x01\x00\x00", _MALFORMED, "MQTT-2.1.3-1"),
    ("a pingreq with a payload", b"\xc0\x01\x00", _MALFORMED, "MQTT 3.12.1"),
    ("a pingreq with reserved flags", b"\xc8\x00", _MALFORMED, "MQTT-2.1.3-1"),
    ("a pingresp with a payload", b"\xd0\x01\x00", _MALFORMED, "MQTT 3.13.1"),
    ("a pingresp with reserved flags", b"\xd1\x00", _MALFORMED, "MQTT-2.1.3-1"),
    ("a disconnect with reserved flags", b"\xe1\x00", _MALFORMED, "MQTT-3.14.1-1"),
    ("an auth with reserved flags", b"\xf1\x00", _MALFORMED, "MQTT-3.15.1-1"),
)

_REFUSED_BY_311 = (
    (
        "a password without user name",
        b"\x10\x0f\x00\x04MQTT\x04\x42\x00\x00\x00\x00\x00\x01p",
        _MALFORMED,
        "MQTT 3.1.1: MQTT-3.1.2-22",
    ),
    ("a connack with an unknown return code", b"\x20\x02\x00\x06", _PROTOCOL, "MQTT 3.1.1 table 3.1"),
    ("a connack that refuses a present session", b"\x20\x02\x01\x05", _PROTOCOL, "MQTT 3.1.1: MQTT-3.2.2-4"),
    ("a connack with properties", b"\x20\x03\x00\x00\x00", _MALFORMED, "MQTT 3.1.1 3.2"),
    ("a publish to nothing", b"\x30\x03\x00\x00!", _NAME, "MQTT-4.7.3-1"),
    ("a puback with a reason code", b"\x40\x03\x00\x01\x00", _MALFORMED, "MQTT 3.1.1 3.4.1"),
    ("a subscribe to nothing", b"\x82\x02\x00\x01", _PROTOCOL, "MQTT-3.8.3-2"),
    ("a subscribe with an option of level 5", b"\x82\x06\x00\x01\x00\x01a\x04", _MALFORMED, "MQTT 3.1.1: MQTT-3.8.3-4"),
    ("a subscribe at qos 3", b"\x82\x06\x00\x01\x00\x01a\x03", _MALFORMED, "MQTT 3.1.1: MQTT-3.8.3-4"),
    ("a suback with an unknown return code", b"\x90\x03\x00\x01\x87", _PROTOCOL, "MQTT 3.1.1: MQTT-3.9.3-2"),
    ("an unsubscribe from nothing", b"\xa2\x02\x00\x01", _PROTOCOL, "MQTT-3.10.3-2"),
    ("an unsuback with a reason code", b"\xb0\x03\x00\x01\x00", _MALFORMED, "MQTT 3.1.1 3.11.1"),
    ("a disconnect with a reason", b"\xe0\x01\x00", _MALFORMED, "MQTT 3.1.1 3.14.1"),
    ("an auth", b"\xf0\x00", _MALFORMED, "MQTT 3.1.1 table 2.1"),
)

_REFUSED_BY_5 = (
    (
        "authentication data without a method",
        b"\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x16\x00\x00\x00\x00",
        _PROTOCOL,
        "MQTT 3.1.2.11.10",
    ),
    (
        "a receive maximum of 0",
        b"\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x00",
        _PROTOCOL,
        "MQTT 3.1.2.11.3",
    ),
    (
        "a maximum packet size of 0",
        b"\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x05\x27\x00\x00\x00\x00\x00\x00",
        _PROTOCOL,
        "MQTT 3.1.2.11.4",
    ),
    (
        "request problem information of 2",
        b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x02\x17\x02\x00\x00",
        _PROTOCOL,
        "MQTT 3.1.2.11.7",
    ),
    ("a connack with an unknown reason code", b"\x20\x03\x00\x01\x00", _PROTOCOL, "MQTT-3.2.2-8"),
    ("a connack that refuses a present session", b"\x20\x03\x01\x87\x00", _PROTOCOL, "MQTT-3.2.2-6"),
    ("a connack without properties", b"\x20\x02\x00\x00", _MALFORMED, "MQTT-2.2.2-1"),
    ("a publish to nothing", b"\x30\x04\x00\x00\x00!", _PROTOCOL, "MQTT 3.3.2.1"),
    ("a publish without a property length", b"\x30\x03\x00\x01t", _MALFORMED, "MQTT-2.2.2-1"),
    (
        "a publish with topic alias 0",
        b"\x30\x07\x00\x01t\x03\x23\x00\x00",
        ReasonCode.TOPIC_ALIAS_INVALID,
        "MQTT-3.3.2-8",
    ),
    ("a publish with two content types", b"\x30\x0a\x00\x01t\x06\x03\x00\x00\x03\x00\x00", _PROTOCOL, "MQTT 3.3.2.3.9"),
    ("a publish with a payload format of 2", b"\x30\x06\x00\x01t\x02\x01\x02", _PROTOCOL, "MQTT 3.3.2.3.2"),
    ("a publish that wants answers on #", b"\x30\x08\x00\x01t\x04\x08\x00\x01#", _PROTOCOL, "MQTT-3.3.2-14"),
    ("a publish that wants answers nowhere", b"\x30\x07\x00\x01t\x03\x08\x00\x00", _PROTOCOL, "MQTT-4.7.3-1"),
    ("a publish with subscription identifier 0", b"\x30\x06\x00\x01t\x02\x0b\x00", _PROTOCOL, "MQTT 3.3.2.3.8"),
    ("a publish with the property of another", b"\x30\x06\x00\x01t\x02\x24\x01", _MALFORMED, "MQTT 2.2.2.2"),
    ("a publish with an unknown property", b"\x30\x06\x00\x01t\x02\x7f\x00", _MALFORMED, "MQTT 2.2.2.2"),
    ("a publish with an overlong property length", b"\x30\x05\x00\x01t\x80\x00", _MALFORMED, "MQTT-1.5.5-1"),
    ("a publish whose properties are cut", b"\x30\x06\x00\x01t\x05\x01\x01", _MALFORMED, "MQTT 2.2.2.1"),
    ("a property that leaves the properties", b"\x30\x06\x00\x01t\x01\x01\x01", _MALFORMED, "MQTT 2.2.2.1"),
    ("a puback with an unknown reason code", b"\x40\x03\x00\x01\x8f", _PROTOCOL, "MQTT-3.4.2-1"),
    ("a pubrec with an unknown reason code", b"\x50\x03\x00\x01\x92", _PROTOCOL, "MQTT-3.5.2-1"),
    ("a pubrel with an unknown reason code", b"\x62\x03\x00\x01\x10", _PROTOCOL, "MQTT-3.6.2-1"),
    ("a pubcomp with an unknown reason code", b"\x70\x03\x00\x01\x87", _PROTOCOL, "MQTT-3.7.2-1"),
    ("a puback with a tail", b"\x40\x05\x00\x01\x00\x00\x00", _MALFORMED, "MQTT 3.4.2"),
    ("a subscribe to nothing", b"\x82\x03\x00\x01\x00", _PROTOCOL, "MQTT-3.8.3-2"),
    ("a subscribe at qos 3", b"\x82\x07\x00\x01\x00\x00\x01a\x03", _PROTOCOL, "MQTT 3.8.3.1"),
    ("a subscribe with retain handling 3", b"\x82\x07\x00\x01\x00\x00\x01a\x30", _PROTOCOL, "MQTT 3.8.3.1"),
    ("a subscribe with a reserved bit", b"\x82\x07\x00\x01\x00\x00\x01a\x40", _MALFORMED, "MQTT-3.8.3-5"),
    (
        "a shared subscription with no local",
        b"\x82\x0f\x00\x01\x00\x00\x09$share/g/\x04",
        _PROTOCOL,
        "MQTT-3.8.3-4",
    ),
    (
        "a subscribe with two identifiers",
        b"\x82\x0b\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00",
        _PROTOCOL,
        "MQTT 3.8.2.1.2",
    ),
    ("a subscribe with identifier 0", b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", _PROTOCOL, "MQTT 3.8.2.1.2"),
    ("a suback without reason codes", b"\x90\x03\x00\x01\x00", _PROTOCOL, "MQTT-3.8.4-6"),
    ("a suback with an unknown reason code", b"\x90\x04\x00\x01\x00\x03", _PROTOCOL, "MQTT-3.9.3-2"),
    ("an unsubscribe from nothing", b"\xa2\x03\x00\x01\x00", _PROTOCOL, "MQTT-3.10.3-2"),
    ("an unsuback without reason codes", b"\xb0\x03\x00\x01\x00", _PROTOCOL, "MQTT-3.11.3-1"),
    ("an unsuback with an unknown reason code", b"\xb0\x04\x00\x01\x00\x01", _PROTOCOL, "MQTT-3.11.3-2"),
    ("a disconnect with an unknown reason code", b"\xe0\x01\x01", _PROTOCOL, "MQTT-3.14.2-1"),
    ("an auth with an unknown reason code", b"\xf0\x02\x01\x00", _PROTOCOL, "MQTT-3.15.2-1"),
    ("an auth with half its fields", b"\xf0\x01\x18", _MALFORMED, "MQTT 3.15.2.1"),
)

REFUSALS: list[Refusal] = [
    *(Refusal(name, level, wire, code, clause) for name, wire, code, clause in _REFUSED_BY_BOTH for level in (4, 5)),
    *(Refusal(name, 4, wire, code, clause) for name, wire, code, clause in _REFUSED_BY_311),
    *(Refusal(name, 5, wire, code, clause) for name, wire, code, clause in _REFUSED_BY_5),
]
"""What no reader takes."""
