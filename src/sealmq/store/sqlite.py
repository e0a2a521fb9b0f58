"""The store on disk: the broker's changes in, groups of SQL out, and at a start everything back.

What it is told becomes a statement at once, while the objects still say it, and waits until the writer is free. It
waits under the name of its row, so that only the last word on a row is written: a delivery that is finished before its
turn leaves no trace, and a persistent client that keeps up costs the disk next to nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import Delivery, Held, Session, SessionKey
from sealmq.database import open_database
from sealmq.store.rows import Kept, delivery_as_values, options_byte, publish_as_bytes, read_all, will_as_bytes
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from sealmq.store.writer import Change, Writer

Row: TypeAlias = tuple[object, ...]
"""Which row a change is about: the table's name, then the row's key."""

_SESSION = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)"
_SUBSCRIPTION = "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?)"
_MESSAGE = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DELIVERY = "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?)"
_INCOMING = "INSERT OR REPLACE INTO incoming VALUES (?, ?)"
_RETAINED = "INSERT OR REPLACE INTO retained VALUES (?, ?, ?, ?)"

_NO_SESSION = tuple(
    f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - names of ours, no values
    for table, column in (
        ("sessions", "id"),
        ("subscriptions", "session"),
        ("deliveries", "session"),
        ("incoming", "session"),
    )
)
_NO_SUBSCRIPTION = "DELETE FROM subscriptions WHERE session = ? AND topic_filter = ?"
_NO_MESSAGE = "DELETE FROM messages WHERE id = ?"
_NO_DELIVERY = "DELETE FROM deliveries WHERE session = ? AND message = ?"
_NO_INCOMING = "DELETE FROM incoming WHERE session = ? AND packet_id = ?"
_NO_RETAINED = "DELETE FROM retained WHERE topic = ?"


def open_messages(path: Path) -> sqlite3.Connection:
    """Open HOME/messages.db, or make it. Raises HomeError when it is damaged, foreign or newer."""
    return open_database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS, across_threads=True)


class SQLiteStore:
    """A Store in one file.

    committed: called, in the writer's thread, with the number up to which all is safe; the owner takes it to its own
               thread, and there calls `safe` and `hand_over`.
    failed:    called, in the writer's thread, each time the disk refuses, with the number that is not safe and why.
    """

    def __init__(self, path: Path, committed: Callable[[int], None], failed: Callable[[int, str], None]) -> None:
        self.number = 0
        self.failing = ""
        self.ids: dict[SessionKey, int] = {}
        self.holders: dict[int, int] = {}
        self.connection = open_messages(path)
        self._last_session = self._highest("sessions")
        self._last_message = self._highest("messages")
        self._pending: dict[Row, Change] = {}
        self._new: set[Row] = set()
        self._busy = False
        self._writer = Writer(lambda: open_messages(path), committed, failed)

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def load(self, now: float) -> Kept:
        """Everything that is in the file, to go on with. To call once, before anything is told."""
        kept = read_all(self.connection, now)
        self.ids, self.holders = kept.ids, kept.holders
        return kept

    def hand_over(self) -> bool:
        """Give the writer what waits, if it is free. To call at the end of each turn of the loop.

        True: nothing waits and nothing is being written: all that was told is safe.
        """
        if self._busy:
            return False
        if not self._pending:
            return True
        self._writer.write(list(self._pending.values()), self.number)
        self._pending = {}
        self._new.clear()
        self._busy = True
        return False

    def safe(self) -> None:
        """The writer is free again."""
        self._busy = False
        self.failing = ""

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._pending:
            self._writer.write(list(self._pending.values()), self.number)
            self._pending = {}
        self._writer.close()
        self.connection.close()

    # -- Store -------------------------------------------------------------------------------------------------------

    def opened(self, session: Session) -> None:
        """See Store."""
        if session.expiry == 0:
            self.ended(session)
            return
        number = self.ids.get(session.key)
        if number is None:
            self._last_session += 1
            number = self.ids[session.key] = self._last_session
            self._write_all_of(session)
        values = (
            number,
            *session.key,
            session.expiry,
            session.expires_at,
            will_as_bytes(session.will),
            session.will_at,
        )
        self._put(("session", number), _SESSION, values)

    def _write_all_of(self, session: Session) -> None:
        """A session that lasts from now on: what it holds already is written too."""
        for held in session.subscriptions.values():
            self.subscribed(session, held)
        for packet_id, delivery in (*session.outgoing.unsent.items(), *session.outgoing.sent.items()):
            self.queued(session, delivery, packet_id)
        for packet_id, delivery in session.outgoing.released.items():
            self.queued(session, delivery, packet_id)
            self.released(session, delivery, packet_id)
        for delivery in session.queue:
            self.queued(session, delivery, 0)
        for packet_id in session.incoming:
            self.received(session, packet_id)

    def ended(self, session: Session) -> None:
        """See Store."""
        number = self.ids.pop(session.key, None)
        if number is None:
            return
        for deliveries in (session.outgoing.unsent, session.outgoing.sent, session.outgoing.released):
            for delivery in deliveries.values():
                self._let_go(delivery)
        for delivery in session.queue:
            self._let_go(delivery)
        for row in [row for row in self._pending if row[0] not in ("message", "retained") and row[1] == number]:
            del self._pending[row]
            self._new.discard(row)
        for statement in _NO_SESSION:
            self._put(("ended", number, statement), statement, (number,))

    def subscribed(self, session: Session, held: Held) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            topic_filter = held.subscription.topic_filter
            values = (number, topic_filter, options_byte(held.subscription), held.identifier)
            self._put(("subscription", number, topic_filter), _SUBSCRIPTION, values)

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            self._put(("subscription", number, topic_filter), _NO_SUBSCRIPTION, (number, topic_filter))

    def queued(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        number = self.ids.get(session.key)
        if number is None:
            return
        if not delivery.number:
            self._last_message += 1
            delivery.number = self._last_message
            row = ("message", delivery.number)
            self._put(row, _MESSAGE, (delivery.number, *delivery_as_values(delivery)))
            self._new.add(row)
        self.holders[delivery.number] = self.holders.get(delivery.number, 0) + 1
        place = ("delivery", number, delivery.number)
        self._put(place, _DELIVERY, (number, delivery.number, packet_id, 0))
        self._new.add(place)

    def sent(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            self._put(("delivery", number, delivery.number), _DELIVERY, (number, delivery.number, packet_id, 0))

    def released(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            self._put(("delivery", number, delivery.number), _DELIVERY, (number, delivery.number, packet_id, 1))

    def finished(self, session: Session, delivery: Delivery) -> None:
        """See Store."""
        number = self.ids.get(session.key)
        if number is None or not delivery.number:
            return
        self._remove(("delivery", number, delivery.number), _NO_DELIVERY, (number, delivery.number))
        self._let_go(delivery)

    def received(self, session: Session, packet_id: int) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            self._put(("incoming", number, packet_id), _INCOMING, (number, packet_id))

    def completed(self, session: Session, packet_id: int) -> None:
        """See Store."""
        if number := self.ids.get(session.key):
            self._put(("incoming", number, packet_id), _NO_INCOMING, (number, packet_id))

    def retained(self, message: RetainedMessage) -> None:
        """See Store."""
        topic = message.publish.topic
        level, wire = publish_as_bytes(message.publish)
        self._put(("retained", topic), _RETAINED, (topic, level, wire, message.expires_at))

    def forgotten(self, topic: str) -> None:
        """See Store."""
        self._put(("retained", topic), _NO_RETAINED, (topic,))

    # -- small print -------------------------------------------------------------------------------------------------

    def _put(self, row: Row, statement: str, values: tuple[object, ...]) -> None:
        """The last word on a row."""
        self.number += 1
        self._pending[row] = (statement, values)

    def _remove(self, row: Row, statement: str, values: tuple[object, ...]) -> None:
        """Delete a row; when it was never handed over, nobody needs to hear of it."""
        self.number += 1
        if row in self._new:
            self._new.discard(row)
            del self._pending[row]
        else:
            self._pending[row] = (statement, values)

    def _let_go(self, delivery: Delivery) -> None:
        """One session less needs the message."""
        left = self.holders.get(delivery.number, 0) - 1
        if left > 0:
            self.holders[delivery.number] = left
            return
        self.holders.pop(delivery.number, None)
        self._remove(("message", delivery.number), _NO_MESSAGE, (delivery.number,))

    def _highest(self, table: str) -> int:
        (highest,) = self.connection.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608 - a name of ours
        return int(highest or 0)
