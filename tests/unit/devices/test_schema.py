from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from sealmq.database import open_database
from sealmq.devices.schema import APPLICATION_ID, MIGRATIONS


@pytest.fixture
def connection(tmp_path):
    with closing(open_database(tmp_path / "db", application_id=APPLICATION_ID, migrations=MIGRATIONS)) as connection:
        yield connection


def test_the_tables_of_the_registry(connection):
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"devices", "certificates", "changes", "crls"} <= tables


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 37), reason="SQLite before 3.37 knows no STRICT")
def test_values_have_their_types(connection):
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO crls VALUES ('a', 'not a number', x'00')")
