"""The store on disk: the broker's changes in, groups of SQL out, and at a start everything back.

What it is told waits until the writer is free, and only the last word on each row waits: a delivery that is finished
before its turn leaves no trace, and a persistent client that keeps up costs the disk next to nothing.

A group is handed over at the end of a turn of the loop and never within one: what belongs together (the identifier of
a QoS 2 message, and its place in every queue) is in one transaction.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import Delivery, Held, Session
from sealmq.database import BACKUP, in_words, open_database
from sealmq.errors import HomeError
from sealmq.store.changes import Changes
from sealmq.store.loading import Kept, read_all, remove_orphans
from sealmq.store.rows import message_row, options_byte, publish_as_bytes, will_as_bytes
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from sealmq.store.writer import ThreadedWriter, Writer

WAL_KEPT = 67_108_864
"""Bytes of the write-ahead log that stay for the next time, after a burst has made it longer: 64 MiB."""

MANY = 50_000
"""Messages that were read, from which on the garbage collector is told to leave them alone: each of its great rounds
would look at all of them, for a good part of a second, while everybody waits."""


def open_messages(path: Path) -> sqlite3.Connection:
    """Open HOME/messages.db, or make it. Raises HomeError when it is damaged, foreign or newer."""
    connection = open_database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS, across_threads=True)
    try:
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
        connection.execute("PRAGMA temp_store = MEMORY")  # a start sorts what waits, and a full disk must not stop it
    except sqlite3.Error as error:
        connection.close()
        raise in_words(path, error) from error
    return connection


class SQLiteStore:
    """A Store in one database.

    connection:  what it is read from, once, in `load`; from then on it is the writer's.
    make_writer: called with the connection when all has been read.
    path:        what it is called when something is wrong with it.
    """

    def __init__(
        self, connection: sqlite3.Connection, make_writer: Callable[[sqlite3.Connection], Writer], path: Path
    ) -> None:
        self.number = 0
        self.failing = ""
        self._path = path
        self._connection = connection
        self._make_writer = make_writer
        self._writer: Writer | None = None
        self._last_session = 0
        self._last_message = 0
        self._handed_message = 0
        self._handed_number = 0
        self._pending = Changes()
        self._busy = False

    @classmethod
    def open(cls, path: Path, committed: Callable[[int], None], failed: Callable[[str], None]) -> Self:
        """The store in HOME/messages.db, with a thread that writes.

        committed: called, in the thread, with the number up to which all is safe; the owner takes it to its own
                   thread, and there calls `safe` and `hand_over`.
        failed:    called, in the thread, with the reason each time that the disk refuses.
        Raises HomeError when the file is damaged, foreign or newer.
        """
        return cls(open_messages(path), lambda connection: ThreadedWriter(connection, committed, failed), path)

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def load(self, now: float) -> Kept:
        """Everything that is in the file, to go on with; `now` in Unix seconds. To call once, before anything is told.

        Raises HomeError when a row says what it cannot say; the file is left as it is.
        """
        collects = gc.isenabled()
        gc.disable()  # nothing below makes garbage, and to look for it takes as long as all the rest
        try:
            kept = read_all(self._connection, now)
            remove_orphans(self._connection, kept)
        except HomeError as error:
            self._connection.close()
            raise HomeError(f"{self._path} is damaged", why=error.what, remedy=BACKUP) from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._connection.close()
            raise in_words(self._path, error) from error
        finally:
            if collects:
                gc.enable()
        if kept.messages + len(kept.retained) >= MANY:
            gc.freeze()
        self._last_session = kept.last_session
        self._last_message = self._handed_message = kept.last_message
        self._writer = self._make_writer(self._connection)
        return kept

    def hand_over(self) -> bool:
        """Give the writer what waits, if it is free. To call at the end of each turn of the loop, never within one.

        True: nothing waits and nothing is being written: all that was told is safe.
        """
        if self._busy:
            return False
        if self.number == self._handed_number:
            return True
        self._handed_number = self.number
        self._handed_message = self._last_message
        if not self._pending:
            return True
        assert self._writer is not None, "load comes first"
        group, self._pending = self._pending, Changes()
        self._busy = True
        self._writer.write(group, self.number)
        return False

    def safe(self) -> None:
        """The writer is free again."""
        self._busy = False
        self.failing = ""

    def close(self) -> str:
        """Write what is left and close the file. "" or why it could not be written."""
        if self._writer is None:
            self._connection.close()
            return ""
        if self._pending:
            group, self._pending = self._pending, Changes()
            self._writer.write(group, self.number)
        return self._writer.close()

    def mark(self, name: str, number: int) -> None:
        """Remember a number under a name, together with all that was told so far (`Kept.marks`)."""
        self.number += 1
        self._pending.marks[name] = number

    # -- Store -------------------------------------------------------------------------------------------------------

    def opened(self, session: Session) -> None:
        """See Store."""
        if session.expiry == 0:
            self.ended(session)
            return
        if not session.number:
            # MQTT lets a session last from its beginning or not at all, so there is nothing in it yet.
            assert not any((session.subscriptions, session.queue, len(session.outgoing), session.incoming))
            self._last_session += 1
            session.number = self._last_session
        self.number += 1
        self._pending.sessions[session.number] = (
            session.number,
            *session.key,
            session.expiry,
            session.expires_at,
            will_as_bytes(session.will),
            session.will_at,
            session.identity.bearer,
        )

    def ended(self, session: Session) -> None:
        """See Store."""
        number, session.number = session.number, 0
        if not number:
            return
        self.number += 1
        pending = self._pending
        pending.sessions.pop(number, None)
        for topic_filter in session.subscriptions:
            pending.subscriptions.pop((number, topic_filter), None)
        for packet_id in session.incoming:
            pending.incoming.pop((number, packet_id), None)
        for delivery in _deliveries(session):
            pending.deliveries.pop((number, delivery.number), None)
            self._let_go(delivery)
        pending.ended.append(number)

    def subscribed(self, session: Session, held: Held) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            row = (options_byte(held.subscription), held.identifier)
            self._pending.subscriptions[session.number, held.subscription.topic_filter] = row

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            self._pending.subscriptions[session.number, topic_filter] = None

    def queued(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        if not session.number:
            return
        self.number += 1
        if not delivery.holders:  # a number is never used twice: what it named before may be gone from the disk
            self._last_message += 1
            delivery.number = self._last_message
            # Encoded here and not in the writer: a message that could not be written must not stand in others' way.
            self._pending.messages[delivery.number] = message_row(delivery.number, delivery)
        delivery.holders += 1
        row = (session.number, delivery.number, packet_id, False)
        self._pending.deliveries[row[:2]] = row

    def sent(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            row = (session.number, delivery.number, packet_id, False)
            self._pending.deliveries[row[:2]] = row

    def released(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            row = (session.number, delivery.number, packet_id, True)
            self._pending.deliveries[row[:2]] = row

    def finished(self, session: Session, delivery: Delivery) -> None:
        """See Store."""
        if not session.number:
            return
        self.number += 1
        row = (session.number, delivery.number)
        if delivery.number > self._handed_message:  # it was never handed over, so nobody needs to hear of it
            self._pending.deliveries.pop(row, None)
        else:
            self._pending.deliveries[row] = None
        self._let_go(delivery)

    def received(self, session: Session, packet_id: int) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            self._pending.incoming[session.number, packet_id] = True

    def completed(self, session: Session, packet_id: int) -> None:
        """See Store."""
        if session.number:
            self.number += 1
            self._pending.incoming[session.number, packet_id] = False

    def retained(self, message: RetainedMessage) -> None:
        """See Store."""
        self.number += 1
        level, wire = publish_as_bytes(message.publish)
        self._pending.retained[message.publish.topic] = (level, wire, message.expires_at, message.owner)

    def forgotten(self, topic: str) -> None:
        """See Store."""
        self.number += 1
        self._pending.retained[topic] = None

    def _let_go(self, delivery: Delivery) -> None:
        """One session less needs the message."""
        delivery.holders -= 1
        if delivery.holders:
            return
        if delivery.number > self._handed_message:
            self._pending.messages.pop(delivery.number, None)
        else:
            self._pending.messages[delivery.number] = None


def _deliveries(session: Session) -> Iterator[Delivery]:
    yield from session.outgoing.unsent.values()
    yield from session.outgoing.sent.values()
    yield from session.outgoing.released.values()
    yield from session.queue
