"""Objects into rows and back. Messages and wills lie in the database as the packets that the standard defines."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sealmq.broker.access import Grants
from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import NEVER, Delivery, Held, Session, SessionKey
from sealmq.identity import Identity
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.packets import Connect, Packet, Publish, Subscription, Will
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet

LEVEL = ProtocolLevel.V5
"""What a packet is written at that was made here: it can say everything."""


@dataclass(slots=True)
class Kept:
    """What a database held: all that the broker goes on with.

    ids:     the number of each session's row.
    holders: how many deliveries each message's row has.
    """

    sessions: list[Session]
    retained: list[RetainedMessage]
    ids: dict[SessionKey, int]
    holders: dict[int, int]


def publish_as_bytes(publish: Publish) -> tuple[int, bytes]:
    """A message as the packet that brought it, or as one that says the same."""
    if publish.wire:
        return publish.level, publish.wire
    copy = Publish(publish.topic, publish.payload, publish.qos, publish.retain, properties=publish.properties)
    copy.packet_id = 1 if publish.qos else 0  # never looked at: every delivery has its own
    return LEVEL, write_packet(copy, LEVEL)


def publish_from_bytes(level: int, wire: bytes) -> Publish:
    """See publish_as_bytes. Raises RemoteProtocolError when the bytes are no PUBLISH: the row is damaged."""
    packet = _packet(level, wire)
    if not isinstance(packet, Publish):
        raise ValueError(f"a row holds {packet.type.name} where a PUBLISH should be")
    return packet


def delivery_as_values(delivery: Delivery) -> tuple[object, ...]:
    """A delivery as the columns of its message's row behind the number."""
    level, wire = publish_as_bytes(delivery.publish)
    identifiers = " ".join(str(identifier) for identifier in delivery.subscription_identifiers)
    return level, wire, delivery.qos, delivery.retain, identifiers, delivery.expires_at, delivery.shared


def will_as_bytes(will: Will | None) -> bytes | None:
    """A will as a CONNECT that carries nothing else."""
    return None if will is None else write_packet(Connect(client_id="-", will=will, level=LEVEL), LEVEL)


def will_from_bytes(wire: bytes | None) -> Will | None:
    """See will_as_bytes."""
    if wire is None:
        return None
    packet = _packet(LEVEL, wire)
    return packet.will if isinstance(packet, Connect) else None


def _packet(level: int, wire: bytes) -> Packet:
    at = 2
    while wire[at - 1] > 127:  # the remaining length's last byte is below 128 [MQTT 1.5.5]
        at += 1
    return read_packet(wire, at, level)


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


def read_all(connection: sqlite3.Connection, now: float) -> Kept:
    """Everything that a database holds. `now` in Unix seconds.

    A session whose link stood when the process ended has lost it now: its expiry begins, and its will is due after its
    delay, as the standard has it for a server that failed [MQTT 3.1.2.5].
    """
    by_id: dict[int, Session] = {}
    for number, identity, client_id, expiry, expires_at, will, will_at in connection.execute("SELECT * FROM sessions"):
        key = SessionKey(identity, client_id)
        session = Session(key, Identity(identity, ""), Grants((), Identity(identity, ""), client_id))
        session.expiry = expiry
        session.expires_at = now + expiry if expires_at == NEVER else expires_at
        session.will = will_from_bytes(will)
        if session.will is not None:
            delay = session.will.properties.will_delay_interval or 0
            session.will_at = now + delay if will_at == NEVER else will_at
        by_id[number] = session
    for number, topic_filter, options, identifier in connection.execute("SELECT * FROM subscriptions"):
        if number in by_id:
            by_id[number].subscriptions[topic_filter] = Held(subscription_from(topic_filter, options), identifier)
    for number, packet_id in connection.execute("SELECT * FROM incoming"):
        if number in by_id:
            by_id[number].incoming.add(packet_id)
    holders = _read_deliveries(connection, by_id)
    retained = [
        RetainedMessage(publish_from_bytes(level, wire), expires_at)
        for _, level, wire, expires_at in connection.execute("SELECT * FROM retained")
    ]
    return Kept(list(by_id.values()), retained, {session.key: number for number, session in by_id.items()}, holders)


def _read_deliveries(connection: sqlite3.Connection, by_id: dict[int, Session]) -> dict[int, int]:
    holders: dict[int, int] = {}
    delivery: Delivery | None = None
    rows = connection.execute(
        "SELECT m.id, m.level, m.wire, m.qos, m.retain, m.identifiers, m.expires_at, m.shared,"
        " d.session, d.packet_id, d.released"
        " FROM deliveries d JOIN messages m ON m.id = d.message ORDER BY m.id"
    )
    for message, level, wire, qos, retain, identifiers, expires_at, shared, number, packet_id, released in rows:
        session = by_id.get(number)
        if session is None:
            continue
        if delivery is None or delivery.number != message:  # one object for all sessions that it waits in
            several = tuple(int(identifier) for identifier in identifiers.split())
            delivery = Delivery(publish_from_bytes(level, wire), qos, bool(retain), several, expires_at, shared)
            delivery.number = message
        holders[message] = holders.get(message, 0) + 1
        if released:
            session.outgoing.released[packet_id] = delivery
        elif packet_id:
            session.outgoing.sent[packet_id] = delivery
        else:
            session.queue.append(delivery)
            session.queued_bytes += delivery.size
    return holders
