from __future__ import annotations

from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from written_by_hand import memory_database


def test_the_tables() -> None:
    connection = memory_database()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"sessions", "subscriptions", "messages", "deliveries", "incoming", "retained", "marks"}
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_it_is_not_the_registry() -> None:
    from sealmq.devices import schema

    assert schema.APPLICATION_ID != APPLICATION_ID
