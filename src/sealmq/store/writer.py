"""The thread that commits. What was told while one commit runs shares the next one.

Rule 1: a group is written whole or not at all, and groups are written in order.
Rule 2: a group that could not be written is tried again until it can be: nothing behind it overtakes it, as what is
        safe on the disk must never tell a story with a hole.
Rule 3: nothing that was written before a sync failed is believed to be on the disk. Linux calls such pages clean, and
        the next sync, which goes well, does not bring them. So a connection is kept whatever it meets: SQLite writes
        the group anew in the same place of its log. A new connection would find the whole group in the log, and append
        to what may never have reached the disk. A new process has to do that once: it begins with `settle`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Protocol

RETRY = 1.0
"""Seconds between two tries to write a group that could not be written."""

AT_ONCE = 50
"""Rows that one INSERT takes: with eight columns 400 values, and the oldest SQLite takes 999."""


class Group(Protocol):
    """Changes that belong together."""

    def statements(self) -> Iterable[tuple[str, Iterable[tuple[object, ...]]]]:
        """SQL, and the rows that it is to be executed with; the same at every call."""


class Writer(Protocol):
    """What a store needs of whoever commits."""

    def write(self, group: Group, number: int) -> None:
        """Write these changes, the last of which has this number, as soon as the group before is safe."""

    def close(self) -> str:
        """Write what is left, close the connection; "" or why it could not be written."""


class ThreadedWriter:
    """Writes groups in a thread of its own.

    connection: nobody else uses it from now on.
    committed:  called (in the thread) with the number of the last change that is safe.
    failed:     called (in the thread) with the reason each time that a group could not be written.
    retry:      seconds between two tries.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        committed: Callable[[int], None],
        failed: Callable[[str], None],
        retry: float = RETRY,
    ) -> None:
        self._connection = connection
        self._committed = committed
        self._failed = failed
        self._retry = retry
        self._groups: list[Group] = []
        self._number = 0
        self._wake = threading.Condition()
        self._ending = False
        self._why_not = ""
        self._settled = False
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def write(self, group: Group, number: int) -> None:
        """See Writer."""
        with self._wake:
            self._groups.append(group)
            self._number = number
            self._wake.notify()

    def close(self) -> str:
        """See Writer. What the disk refuses now is tried once more, and then given up: nothing of it was promised."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()
        return self._why_not

    def _run(self) -> None:
        try:
            while True:
                with self._wake:
                    self._wake.wait_for(lambda: self._groups or self._ending)
                    groups, self._groups = self._groups, []
                    number, ending = self._number, self._ending
                if groups:
                    if not self._write_until_safe(groups):
                        return
                    self._committed(number)
                if ending:
                    return
        finally:
            self._connection.close()

    def _write_until_safe(self, groups: list[Group]) -> bool:
        """False: we were told to end, and the disk still refused."""
        while True:
            with self._wake:
                last = self._ending
            try:
                if not self._settled:
                    settle(self._connection)
                    self._settled = True
                commit(self._connection, groups)
            except Exception as error:  # whatever it is: a thread that died would leave every promise unkept
                self._why_not = str(error) or type(error).__name__
                if last:
                    return False
                self._failed(self._why_not)
                with self._wake:
                    self._wake.wait_for(lambda: self._ending, self._retry)
            else:
                self._why_not = ""
                return True


def settle(connection: sqlite3.Connection) -> None:
    """Take the log that was found into the database and sync that, then begin the log anew: see rule 3.

    Raises sqlite3.Error when the disk refuses, or somebody reads the log; then nothing has changed.
    """
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the log of the last start is being read by another process")


def commit(connection: sqlite3.Connection, groups: Iterable[Group]) -> None:
    """Write groups in one transaction. Raises sqlite3.Error; then nothing of them is written."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for group in groups:
            for statement, rows in group.statements():
                _execute(connection, statement, list(rows))
        connection.execute("COMMIT")
    except BaseException:
        # After a failed COMMIT SQLite may have rolled back itself, or still hold the transaction.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _execute(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Execute it with each of the rows; an INSERT with many of them at a time.

    At each execution Python gives the interpreter to the other thread and takes it back. Measured with both threads
    busy: 10 microseconds a row, and 6.6 with fifty of them in one.
    """
    head, values, one = statement.partition(" VALUES ")
    at_once = len(rows) // AT_ONCE * AT_ONCE
    if values and at_once:
        many = f"{head} VALUES {', '.join([one] * AT_ONCE)}"
        batches = (rows[start : start + AT_ONCE] for start in range(0, at_once, AT_ONCE))
        connection.executemany(many, (tuple(chain.from_iterable(batch)) for batch in batches))
        rows = rows[at_once:]
    connection.executemany(statement, rows)
