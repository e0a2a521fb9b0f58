"""A broker over a store whose commits the test makes: one step at a time, failing, or never (a crash)."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from sealmq.broker.broker import Broker
from sealmq.database import _migrate
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from sealmq.store.sqlite import SQLiteStore
from sealmq.store.writer import Group, commit


class HandWriter:
    """Commits when it is told to, in the caller's thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.groups: list[Group] = []
        self.number = 0

    def write(self, group: Group, number: int) -> None:
        self.groups.append(group)
        self.number = number

    def step(self) -> int:
        """Commit what was handed over; the number that is safe now."""
        groups, self.groups = self.groups, []
        commit(self.connection, groups)
        return self.number

    def close(self) -> str:
        self.step()
        return ""


class Forgotten(sqlite3.Connection):
    """One that closes itself: from Python 3.13 on, it warns of every other that nobody closed."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # the collector may run in another thread
            self.close()


def memory_database() -> sqlite3.Connection:
    """An empty database of messages in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=Forgotten)
    _migrate(connection, APPLICATION_ID, MIGRATIONS)
    return connection


class HandStore(SQLiteStore):
    """A store over a connection, written by hand."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, HandWriter, Path("messages.db"))

    @property
    def writer(self) -> HandWriter:
        assert isinstance(self._writer, HandWriter)
        return self._writer

    def settle(self, broker: Broker) -> None:
        """End the turn, and commit until nothing is left."""
        while not self.hand_over():
            self.commit(broker)
        broker.committed(self.number)
        if not self.hand_over():
            self.settle_busy(broker)

    def settle_busy(self, broker: Broker) -> None:
        self.commit(broker)
        self.settle(broker)

    def commit(self, broker: Broker) -> None:
        """The writer has committed what it was given."""
        if self._busy:
            number = self.writer.step()
            self.safe()
            broker.committed(number)
