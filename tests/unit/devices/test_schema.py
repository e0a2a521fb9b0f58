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


def test_a_registry_from_before_there_were_psks_gets_their_table(tmp_path):
    path = tmp_path / "old"
    with closing(open_database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS[:5])) as before:
        before.execute(
            "INSERT INTO certificates (serial, subject, profile, authority_key_id, state, not_before, not_after,"
            " spki_sha256, recorded_at) VALUES ('01', 'sensor-1', 'device', 'ca', 'valid', 0.0, 1.0, 'k', 0.0)"
        )
    with closing(open_database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS)) as now:
        assert now.execute("SELECT * FROM psks").fetchall() == []
        now.execute("INSERT INTO psks VALUES ('01', x'00')")
        with pytest.raises(sqlite3.IntegrityError):
            now.execute("INSERT INTO psks VALUES ('02', x'00')")  # a key without a serial
