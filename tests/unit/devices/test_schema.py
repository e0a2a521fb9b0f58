from __future__ import annotations

import sqlite3

import pytest

from sealmq.devices.schema import APPLICATION_ID, MIGRATIONS, VERSION, migrate


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def test_an_empty_database_becomes_ours(connection):
    migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"devices", "certificates", "changes", "crls"} <= tables


def test_migrating_twice_changes_nothing(connection):
    migrate(connection)
    before = list(connection.execute("SELECT sql FROM sqlite_master"))
    migrate(connection)
    assert list(connection.execute("SELECT sql FROM sqlite_master")) == before


def test_each_migration_leads_one_version_on(connection, monkeypatch):
    migrate(connection)
    monkeypatch.setattr("sealmq.devices.schema.MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE later (x)",)))
    monkeypatch.setattr("sealmq.devices.schema.VERSION", VERSION + 1)
    migrate(connection)
    assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 37), reason="SQLite before 3.37 knows no STRICT")
def test_values_have_their_types(connection):
    migrate(connection)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO crls VALUES ('a', 'not a number', x'00')")
