"""A stage (stacks.py) whose broker keeps its memory in a database, which the test writes, or crashes before it does."""

from __future__ import annotations

import sqlite3
from typing import Any

from sealmq.broker.rules import DEFAULT_RULES
from stacks import Stage
from written_by_hand import HandStore, memory_database


class DurableStage(Stage):
    """`commit()` makes safe what was told; `crash()` is the stage that is left when the process is killed here."""

    def __init__(self, connection: sqlite3.Connection | None = None, now: float | None = None, **limits: Any) -> None:
        self.connection = connection or memory_database()
        self.store = HandStore(self.connection)
        super().__init__(DEFAULT_RULES, store=self.store, **limits)
        if now is not None:
            self.clock.now = now
        self._given = limits
        kept = self.store.load(self.clock.now)
        self.broker.restore(kept.sessions, kept.retained)
        self.broker.tick(self.clock.now)

    def hand_over(self) -> None:
        """The turn ends: the writer gets what was told, if it is free."""
        if self.store.hand_over():
            self.broker.committed(self.store.number)
            self._flush()

    def commit_group(self) -> None:
        """The writer commits the group that it has."""
        self.store.commit(self.broker)
        self._flush()

    def commit(self) -> None:
        """Everything that was told is safe, and what waited for it is said."""
        while not self.store.hand_over():
            self.commit_group()
        self.broker.committed(self.store.number)
        self._flush()
        if not self.store.hand_over():
            self.commit_group()
            self.commit()

    def _flush(self) -> None:
        self._flush_wanted = False
        self.house.flush()
        self.settle()

    def fail(self, why: str = "database or disk is full") -> None:
        """The writer could not commit."""
        self.hand_over()
        self.store.failing = why
        self.broker.not_committed()
        self._flush()

    def crash(self, seconds: float = 0, connection: sqlite3.Connection | None = None) -> DurableStage:
        """kill -9, and a new start on what was committed. connection: to what the crash left, if it is another file."""
        return DurableStage(connection or self.connection, self.clock.now + seconds, **self._given)
