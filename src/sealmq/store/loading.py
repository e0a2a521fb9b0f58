"""At a start: what a database holds, as the objects that the broker goes on with."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from sealmq.broker.access import Grants
from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import NEVER, Held, Session, SessionKey
from sealmq.errors import HomeError
from sealmq.identity import Identity
from sealmq.mqtt.inflight import HIGHEST_PACKET_ID
from sealmq.store.rows import delivery_from, publish_from_bytes, subscription_from, will_from_bytes

log = logging.getLogger("sealmq.store")

_ORPHANS = (
    "DELETE FROM subscriptions WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM incoming WHERE session NOT IN (SELECT id FROM sessions)",
    "DELETE FROM deliveries WHERE session NOT IN (SELECT id FROM sessions) OR message NOT IN (SELECT id FROM messages)",
    "DELETE FROM messages WHERE id NOT IN (SELECT message FROM deliveries)",
)


@dataclass(slots=True)
class Kept:
    """What a database held.

    marks:        see SQLiteStore.mark.
    messages:     how many wait.
    last_session, last_message: the highest numbers that rows have.
    orphans:      rows that belong to nothing. No commit of ours leaves one; a hand in the database may.
    expired:      topics of retained messages whose time was over.
    """

    sessions: list[Session] = field(default_factory=list)
    retained: list[RetainedMessage] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    last_session: int = 0
    last_message: int = 0
    orphans: int = 0
    expired: list[str] = field(default_factory=list)


def read_all(connection: sqlite3.Connection, now: float) -> Kept:
    """Everything that a database holds. `now` in Unix seconds. Raises HomeError, or sqlite3.Error, when it is damaged.

    A session whose link stood when the process ended has lost it now: its expiry begins, and its will is due after its
    delay, as the standard has it for a server that failed [MQTT 3.1.2.5].
    """
    kept = Kept()
    by_id: dict[int, Session] = {}
    for row in connection.execute("SELECT * FROM sessions ORDER BY id"):
        session = _session(row, now)
        by_id[session.number] = session
    kept.sessions = list(by_id.values())
    kept.last_session = max(by_id, default=0)
    for number, topic_filter, options, identifier in connection.execute("SELECT * FROM subscriptions"):
        if number in by_id:
            by_id[number].subscriptions[topic_filter] = Held(subscription_from(topic_filter, options), identifier)
        else:
            kept.orphans += 1
    for number, packet_id in connection.execute("SELECT * FROM incoming"):
        if number in by_id:
            by_id[number].incoming[packet_id] = None
        else:
            kept.orphans += 1
    _read_deliveries(connection, by_id, kept)
    for topic, level, wire, expires_at, owner in connection.execute("SELECT * FROM retained"):
        if expires_at <= now:
            kept.expired.append(topic)
        else:
            kept.retained.append(RetainedMessage(publish_from_bytes(level, wire), expires_at, owner))
    kept.marks = dict(connection.execute("SELECT * FROM marks"))
    return kept


def _session(row: tuple[int, str, str, float, float, bytes | None, float, str], now: float) -> Session:
    number, identity, client_id, expiry, expires_at, will, will_at, bearer = row
    if not all(isinstance(seconds, float) for seconds in (expiry, expires_at, will_at)):
        raise HomeError("a row holds a session of no time")
    # Nobody has proved to be its identity yet: until somebody does, it may do nothing, and only waits.
    nobody = Identity(identity, "", bearer=bearer)
    session = Session(SessionKey(identity, client_id), nobody, Grants((), nobody, client_id))
    session.number = number
    session.expiry = expiry
    session.expires_at = now + expiry if expires_at == NEVER else expires_at
    session.will = will_from_bytes(will)
    if session.will is not None:
        delay = session.will.properties.will_delay_interval or 0
        session.will_at = now + delay if will_at == NEVER else will_at
    return session


def _read_deliveries(connection: sqlite3.Connection, by_id: dict[int, Session], kept: Kept) -> None:
    """Messages in the order in which they came, each with the sessions that it waits in; no table in memory twice."""
    places: Iterator[tuple[int, int, int, int]] = iter(
        connection.execute("SELECT message, session, packet_id, released FROM deliveries ORDER BY message")
    )
    place = next(places, None)
    for row in connection.execute("SELECT * FROM messages ORDER BY id"):
        message = kept.last_message = row[0]
        delivery = None
        while place is not None and place[0] <= message:
            of, number, packet_id, released = place
            place = next(places, None)
            if not 0 <= packet_id <= HIGHEST_PACKET_ID:
                raise HomeError("a row holds no packet identifier")
            session = by_id.get(number) if of == message else None
            if session is None:
                kept.orphans += 1
                continue
            if delivery is None:  # one object for all sessions that it waits in
                delivery = delivery_from(row)
                kept.messages += 1
            delivery.holders += 1
            if released or packet_id:
                session.count_in_flight(delivery.size)
            if released:
                session.outgoing.released[packet_id] = delivery
            elif packet_id:
                session.outgoing.sent[packet_id] = delivery
            else:
                session.enqueue(delivery)
        if delivery is None:
            kept.orphans += 1
    while place is not None:
        kept.orphans += 1
        kept.last_message = max(kept.last_message, place[0])
        place = next(places, None)


def remove_orphans(connection: sqlite3.Connection, kept: Kept) -> None:
    """Delete the rows that belong to nothing, and retained messages whose time is over."""
    if not kept.orphans and not kept.expired:
        return
    if kept.orphans:
        log.warning("%d rows in the database of messages belong to nothing; they are removed", kept.orphans)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _ORPHANS if kept.orphans else ():
            connection.execute(statement)
        connection.executemany("DELETE FROM retained WHERE topic = ?", [(topic,) for topic in kept.expired])
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:  # a full disk must not keep anybody from what is on it
        log.warning("they cannot be removed now: %s", error)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
