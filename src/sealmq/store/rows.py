"""Objects into rows and back. Messages and wills lie in the database as the packets that the standard defines."""

from __future__ import annotations

from sealmq.broker.sessions import Delivery
from sealmq.errors import HomeError, RemoteProtocolError
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.packets import Connect, Packet, Publish, Subscription, Will
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet

LEVEL = ProtocolLevel.V5
"""What a packet is written at that was made here: it can say everything."""


def publish_as_bytes(publish: Publish) -> tuple[int, bytes]:
    """A message as the packet that brought it, or as one that says the same."""
    if publish.wire:
        return publish.level, publish.wire
    copy = Publish(publish.topic, publish.payload, publish.qos, publish.retain, properties=publish.properties)
    copy.packet_id = 1 if publish.qos else 0  # never looked at: every delivery has its own
    return LEVEL, write_packet(copy, LEVEL)


def publish_from_bytes(level: int, wire: bytes) -> Publish:
    """See publish_as_bytes. Raises HomeError when the bytes are no PUBLISH: the row is damaged."""
    packet = _packet(level, wire)
    if not isinstance(packet, Publish):
        raise HomeError(f"a row holds {packet.type.name} where a PUBLISH should be")
    return packet


def will_as_bytes(will: Will | None) -> bytes | None:
    """A will as a CONNECT that carries nothing else."""
    return None if will is None else write_packet(Connect(client_id="-", will=will, level=LEVEL), LEVEL)


def will_from_bytes(wire: bytes | None) -> Will | None:
    """See will_as_bytes. Raises HomeError when the bytes are no CONNECT."""
    if wire is None:
        return None
    packet = _packet(LEVEL, wire)
    if not isinstance(packet, Connect):
        raise HomeError(f"a row holds {packet.type.name} where a CONNECT should be")
    return packet.will


def _packet(level: int, wire: bytes) -> Packet:
    try:
        at = 2
        while wire[at - 1] > 127:  # the remaining length's last byte is below 128 [MQTT 1.5.5]
            at += 1
        return read_packet(wire, at, level)
    except (RemoteProtocolError, IndexError, TypeError) as error:
        raise HomeError("a row holds no packet", why=str(error)) from error


def message_row(number: int, delivery: Delivery) -> tuple[object, ...]:
    """A delivery's message as a row of `messages`."""
    level, wire = publish_as_bytes(delivery.publish)
    identifiers = " ".join(map(str, delivery.subscription_identifiers))
    return number, level, wire, delivery.qos, delivery.retain, identifiers, delivery.expires_at, delivery.shared


def delivery_from(row: tuple[int, int, bytes, int, int, str, float, str]) -> Delivery:
    """See message_row. Raises HomeError when the row says what no row can say."""
    number, level, wire, qos, retain, identifiers, expires_at, shared = row
    try:
        several = tuple(map(int, identifiers.split())) if identifiers != "" else ()
    except (AttributeError, ValueError) as error:
        raise HomeError("a row holds no subscription identifiers", why=str(error)) from error
    if qos not in (1, 2) or not isinstance(expires_at, float):
        raise HomeError("a row holds a message of no QoS, or of no time")
    if not isinstance(shared, str):
        raise HomeError("a row holds a message of no group")
    delivery = Delivery(publish_from_bytes(level, wire), qos, bool(retain), several, expires_at, shared)
    delivery.number = number
    return delivery


def options_byte(subscription: Subscription) -> int:
    """Subscription Options as SUBSCRIBE carries them [MQTT 3.8.3.1]."""
    return (
        subscription.qos
        | subscription.no_local << 2
        | subscription.retain_as_published << 3
        | subscription.retain_handling << 4
    )


def subscription_from(topic_filter: str, options: int) -> Subscription:
    """See options_byte."""
    return Subscription(topic_filter, options & 3, bool(options & 4), bool(options & 8), options >> 4 & 3)
