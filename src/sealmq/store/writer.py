"""The thread that commits. What was told while one commit runs shares the next one.

Rule 1: a group is written whole or not at all, and groups are written in order.
Rule 2: a group that could not be written is tried again until it can be: nothing behind it overtakes it, as what is
        safe on the disk must never tell a story with a hole.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

Change: TypeAlias = tuple[str, tuple[object, ...]]
"""An SQL statement and its values."""

RETRY = 1.0
"""Seconds between two tries to write a group that could not be written."""


class Writer:
    """Writes groups of changes in a thread of its own.

    connect:   opens the connection that the thread uses.
    committed: called (in the thread) with the number of the last change that is safe.
    failed:    called (in the thread) with that number and the reason each time that a group could not be written.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        committed: Callable[[int], None],
        failed: Callable[[int, str], None],
    ) -> None:
        self._connect = connect
        self._committed = committed
        self._failed = failed
        self._group: list[Change] = []
        self._number = 0
        self._wake = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def write(self, group: Sequence[Change], number: int) -> None:
        """Write these changes, the last of which has this number, as soon as the group before is safe."""
        with self._wake:
            self._group.extend(group)
            self._number = number
            self._wake.notify()

    def close(self) -> None:
        """Write what is left, once, and end the thread."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        try:
            while True:
                with self._wake:
                    self._wake.wait_for(lambda: self._group or self._ending)
                    group, self._group = self._group, []
                    number, ending = self._number, self._ending
                if group and not self._write_until_safe(connection, group, number):
                    return
                if group:
                    self._committed(number)
                if ending:
                    return
        finally:
            connection.close()

    def _write_until_safe(self, connection: sqlite3.Connection, group: list[Change], number: int) -> bool:
        """False: we were told to end, and the disk still refused."""
        while True:
            try:
                commit(connection, group)
            except sqlite3.Error as error:
                self._failed(number, str(error))
                with self._wake:
                    if self._ending or self._wake.wait_for(lambda: self._ending, RETRY):
                        return self._last_try(connection, group)
            else:
                return True

    def _last_try(self, connection: sqlite3.Connection, group: list[Change]) -> bool:
        try:
            commit(connection, group)
        except sqlite3.Error:
            return False
        return True


def commit(connection: sqlite3.Connection, group: Sequence[Change]) -> None:
    """Write a group in one transaction. Raises sqlite3.Error; then nothing of it is written."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement, values in group:
            connection.execute(statement, values)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise
