"""Reading is tested together with writing, in test_sqlite.py; here is what only a disk that fails shows."""

from __future__ import annotations

import sqlite3

from sealmq.store.loading import read_all, remove_orphans
from written_by_hand import memory_database

NOW = 1_800_000_000.0


class FullDisk:
    """A connection that reads and does not write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.in_transaction = False

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if statement.startswith("BEGIN"):
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *values)


def test_a_full_disk_keeps_nobody_from_what_is_on_it() -> None:
    connection = memory_database()
    connection.execute("INSERT INTO incoming VALUES (9, 1)")
    kept = read_all(connection, NOW)
    assert kept.orphans == 1
    remove_orphans(FullDisk(connection), kept)  # type: ignore[arg-type]
    assert connection.execute("SELECT count(*) FROM incoming").fetchone() == (1,)
    remove_orphans(connection, kept)
    assert connection.execute("SELECT count(*) FROM incoming").fetchone() == (0,)
