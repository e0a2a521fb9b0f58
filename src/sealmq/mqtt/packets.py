"""The fifteen packets of MQTT 3.1.1 and 5.0, and nothing else: no bytes, no rules.

One class serves both protocol levels; what a level does not have stays at its default. `reader.py` makes them from
bytes, `writer.py` makes bytes from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sealmq.mqtt.codes import PacketType, ReasonCode
from sealmq.mqtt.properties import NO_PROPERTIES, Properties

MESSAGE_OVERHEAD = 300
"""Bytes that a message costs in memory beside what it says, about."""

USER_PROPERTY_OVERHEAD = 200
"""Bytes that a user property costs in memory beside its name and value, about: a pair of strings."""


@dataclass(slots=True)
class Will:
    """The message that the broker publishes when its client is lost [MQTT 3.1.2.5].

    `properties` holds what the message carries and `will_delay_interval` [MQTT 3.1.3.2].
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES


@dataclass(slots=True)
class Connect:
    """CONNECT [MQTT 3.1]: who wants in, for how long, and what to say when it is lost.

    clean_start: 'Clean Session' in MQTT 3.1.1. keep_alive: seconds, 0 is off.
    """

    client_id: str = ""
    clean_start: bool = True
    keep_alive: int = 0
    level: int = 5
    user_name: str | None = None
    password: bytes | None = field(default=None, repr=False)  # in no log and no traceback
    will: Will | None = None
    properties: Properties = NO_PROPERTIES
    type = PacketType.CONNECT


@dataclass(slots=True)
class ConnAck:
    """CONNACK [MQTT 3.2]. `reason_code` is MQTT 5's; the writer translates it for MQTT 3.1.1 (and the reader back)."""

    session_present: bool = False
    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.CONNACK


class Publish:
    """PUBLISH [MQTT 3.3]: an application message on its way.

    The hot packet. When it was read from the wire, `wire` holds the whole packet as it came (fixed header included),
    so that it can be passed on at the same protocol level without encoding it again; the payload is then cut out of
    it only when somebody asks.

    wire:       the bytes that this packet was read from, or b"" when it was made here.
    level:      the protocol level of `wire`; 0 when it was made here.
    topic_at:   where the two length bytes of the topic stand in `wire`.
    after_id:   where the properties (MQTT 5) or the payload (3.1.1) begin in `wire`, behind topic and packet id.
    payload_at: where the payload begins in `wire`.
    """

    __slots__ = (
        "_payload",
        "after_id",
        "dup",
        "level",
        "packet_id",
        "payload_at",
        "properties",
        "qos",
        "retain",
        "topic",
        "topic_at",
        "wire",
    )
    type = PacketType.PUBLISH

    def __init__(
        self,
        topic: str,
        payload: bytes = b"",
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        properties: Properties = NO_PROPERTIES,
    ) -> None:
        self.topic = topic
        self._payload: bytes | None = payload
        self.qos = qos
        self.retain = retain
        self.dup = dup
        self.packet_id = packet_id
        self.properties = properties
        self.wire = b""
        self.level = 0
        self.topic_at = 0
        self.after_id = 0
        self.payload_at = 0

    @property
    def payload(self) -> bytes:
        """The application message's bytes."""
        if self._payload is None:
            self._payload = self.wire[self.payload_at :]
        return self._payload

    @property
    def weight(self) -> int:
        """Bytes of memory that it costs to keep, about: what it says, and an object for each property of its own."""
        size = MESSAGE_OVERHEAD + (len(self.wire) or len(self.topic) + len(self.payload))
        if self.properties is not NO_PROPERTIES:
            pairs = self.properties.user_properties
            size += sum(USER_PROPERTY_OVERHEAD + len(name) + len(value) for name, value in pairs)
        return size

    def detach(self, topic: str) -> None:
        """Give it another topic name, and let go of the bytes it was read from, which say something else."""
        self._payload = self.payload
        self.topic = topic
        self.wire = b""
        self.level = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Publish):
            return NotImplemented
        return (
            self.topic == other.topic
            and self.payload == other.payload
            and self.qos == other.qos
            and self.retain == other.retain
            and self.dup == other.dup
            and self.packet_id == other.packet_id
            and self.properties == other.properties
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Publish(topic={self.topic!r}, payload={self.payload[:32]!r}, qos={self.qos}, retain={self.retain}, "
            f"dup={self.dup}, packet_id={self.packet_id}, properties={self.properties!r})"
        )


@dataclass(slots=True)
class PubAck:
    """PUBACK [MQTT 3.4]: the answer to a PUBLISH at QoS 1."""

    packet_id: int
    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.PUBACK


@dataclass(slots=True)
class PubRec:
    """PUBREC [MQTT 3.5]: received, QoS 2, part 1."""

    packet_id: int
    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.PUBREC


@dataclass(slots=True)
class PubRel:
    """PUBREL [MQTT 3.6]: release, QoS 2, part 2."""

    packet_id: int
    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.PUBREL


@dataclass(slots=True)
class PubComp:
    """PUBCOMP [MQTT 3.7]: complete, QoS 2, part 3."""

    packet_id: int
    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.PUBCOMP


@dataclass(slots=True, frozen=True)
class Subscription:
    """One topic filter of a SUBSCRIBE and its options [MQTT 3.8.3.1]. MQTT 3.1.1 knows the QoS alone.

    retain_handling: 0 send retained messages, 1 only when the subscription is new, 2 never.
    """

    topic_filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(slots=True)
class Subscribe:
    """SUBSCRIBE [MQTT 3.8]."""

    packet_id: int
    subscriptions: list[Subscription]
    properties: Properties = NO_PROPERTIES
    type = PacketType.SUBSCRIBE


@dataclass(slots=True)
class SubAck:
    """SUBACK [MQTT 3.9]. MQTT 5's reason codes; the writer makes 0x80 of every failure for MQTT 3.1.1."""

    packet_id: int
    reason_codes: list[int]
    properties: Properties = NO_PROPERTIES
    type = PacketType.SUBACK


@dataclass(slots=True)
class Unsubscribe:
    """UNSUBSCRIBE [MQTT 3.10]."""

    packet_id: int
    topic_filters: list[str]
    properties: Properties = NO_PROPERTIES
    type = PacketType.UNSUBSCRIBE


@dataclass(slots=True)
class UnsubAck:
    """UNSUBACK [MQTT 3.11]. MQTT 3.1.1 carries no reason codes."""

    packet_id: int
    reason_codes: list[int] = field(default_factory=list)
    properties: Properties = NO_PROPERTIES
    type = PacketType.UNSUBACK


@dataclass(slots=True)
class PingReq:
    """PINGREQ [MQTT 3.12]."""

    type = PacketType.PINGREQ


@dataclass(slots=True)
class PingResp:
    """PINGRESP [MQTT 3.13]."""

    type = PacketType.PINGRESP


@dataclass(slots=True)
class Disconnect:
    """DISCONNECT [MQTT 3.14]. In MQTT 3.1.1 only a client sends it, without a reason."""

    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.DISCONNECT


@dataclass(slots=True)
class Auth:
    """AUTH [MQTT 3.15], MQTT 5 alone: a step of enhanced authentication."""

    reason_code: int = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES
    type = PacketType.AUTH


Packet: TypeAlias = (
    Connect
    | ConnAck
    | Publish
    | PubAck
    | PubRec
    | PubRel
    | PubComp
    | Subscribe
    | SubAck
    | Unsubscribe
    | UnsubAck
    | PingReq
    | PingResp
    | Disconnect
    | Auth
)
