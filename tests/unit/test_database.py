"""Whose a database is, and whether it is whole, is asked before a byte is written."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, nullcontext
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.database import check_database, copy_database, in_words, open_database
from sealmq.errors import HomeError

OURS = 0x4F555253
FIRST = ("CREATE TABLE things (name TEXT)",)
SECOND = ("ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7", "CREATE TABLE later (x)")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.db"


def opened(path, *migrations):
    return closing(open_database(path, application_id=OURS, migrations=migrations or (FIRST,)))


def refused(path, words, *migrations):
    """It is refused in these words, and not a byte of it is touched."""
    before = path.read_bytes()
    with pytest.raises(HomeError, match=words) as caught, opened(path, *migrations):
        pass
    assert path.read_bytes() == before
    return caught.value


def test_a_new_database_is_ours_and_its_owners_alone(path):
    os.umask(os.umask(0o022))
    with opened(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (OURS,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        connection.execute("INSERT INTO things VALUES ('a')")
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert [file.name for file in path.parent.iterdir()] == ["some.db"]


def test_what_was_written_is_there_again(path):
    with opened(path) as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    with opened(path) as connection:
        assert connection.execute("SELECT * FROM things").fetchall() == [("a",)]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_making_fails_at_every_step(tmp_path, monkeypatch, for_good):
    """Wherever it ends, the next one finds a whole database or none; never half a one."""
    for n in count(1):
        path = tmp_path / f"{n}.db"
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with disk:
                try:
                    with opened(path):
                        pass
                except HomeError:
                    assert disk.struck
        with opened(path) as connection:
            assert connection.execute("SELECT * FROM things").fetchall() == []
        if not disk.struck:
            break
    assert n > 10


def test_an_older_database_is_migrated_step_by_step(path):
    with opened(path) as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    with opened(path, FIRST, SECOND) as connection:
        assert connection.execute("SELECT * FROM things").fetchall() == [("a", 7)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT * FROM later").fetchall() == []
    with opened(path, FIRST, SECOND) as connection:  # and not twice
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_changes_nothing(path):
    with opened(path):
        pass
    with pytest.raises(HomeError), opened(path, FIRST, (*SECOND, "NONSENSE")):
        pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'later'").fetchone() is None


KILLED = """
import os, sqlite3, sys
from pathlib import Path
from sealmq import database
real = sqlite3.connect
class Connection(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement.startswith("CREATE TABLE later"):
            os._exit(9)
        return super().execute(statement, *values)
sqlite3.connect = lambda *a, **kw: real(*a, factory=Connection, **kw)
first = ("CREATE TABLE things (name TEXT)",)
second = ("ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7", "CREATE TABLE later (x)")
database.open_database(Path(sys.argv[1]), application_id=0x4F555253, migrations=(first, second))
"""


def test_a_kill_in_the_middle_of_a_migration_changes_nothing(path):
    with opened(path) as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == 9
    with opened(path) as connection:
        assert connection.execute("SELECT * FROM things").fetchall() == [("a",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_foreign_database_is_left_alone(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (x)")
    assert "--home" in refused(path, "not SealMQ's").remedy


def test_a_newer_database_is_left_alone(path):
    with opened(path, FIRST, SECOND):
        pass
    assert "update SealMQ" in refused(path, "newer").remedy


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0", b"SQLite format 3\0" + bytes(4080)])
def test_what_is_no_database_is_left_alone(path, content):
    path.write_bytes(content)
    refused(path, "damaged|not SealMQ's")


def test_a_database_cut_short_is_damaged(path):
    with opened(path) as connection:
        connection.executemany("INSERT INTO things VALUES (?)", [("x" * 100,)] * 1_000)
    path.write_bytes(path.read_bytes()[:-8192])
    assert "backup" in refused(path, "damaged").remedy


def test_a_locked_database_is_in_use(path):
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert "in use" in in_words(path, error).what


def test_words_for_what_the_disk_says(path):
    for code, words in ((sqlite3.SQLITE_FULL, "cannot be written"), (sqlite3.SQLITE_CANTOPEN, "opened for writing")):
        error = sqlite3.OperationalError("?")
        error.sqlite_errorcode = code
        assert words in in_words(path, error).what
    assert "cannot be opened" in in_words(path, PermissionError(13, "Permission denied")).what
    assert "cannot be used" in in_words(path, sqlite3.OperationalError("?")).what


def test_a_copy_is_what_was_there_at_one_moment(path, tmp_path):
    with opened(path) as connection:
        connection.execute("INSERT INTO things VALUES ('a')")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO things VALUES ('not yet')")
        copy_database(path, tmp_path / "copy.db")
        connection.execute("COMMIT")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    check_database(tmp_path / "copy.db", application_id=OURS, newest=1)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT * FROM things").fetchall() == [("a",)]
    assert not (tmp_path / "copy.db-wal").exists()


def test_what_cannot_be_copied_is_said(path, tmp_path):
    with pytest.raises(HomeError):
        copy_database(path, tmp_path / "copy.db")


def test_checking_finds_what_opening_would_refuse(path):
    with pytest.raises(HomeError):
        check_database(path, application_id=OURS, newest=1)
    with opened(path, FIRST, SECOND):
        pass
    check_database(path, application_id=OURS, newest=2)
    with pytest.raises(HomeError, match="newer"):
        check_database(path, application_id=OURS, newest=1)
    with pytest.raises(HomeError, match="not SealMQ's"):
        check_database(path, application_id=OURS + 1, newest=2)


WRITER = """
import sys
from pathlib import Path
from sealmq.database import open_database
open_database(Path(sys.argv[1]), application_id=int(sys.argv[2]), migrations=[sys.argv[3:]]).execute(
    "INSERT INTO things VALUES ('somebody else')"
).connection.close()
"""


@pytest.mark.parametrize("look", [opened, lambda path: check_database(path, application_id=OURS, newest=1)])
def test_who_has_a_database_open_twice_still_sees_what_others_write(path, look):
    """Opening and closing the file by ourselves would take away SQLite's locks, and with them the log (rule 2)."""
    with opened(path) as first:
        for times in range(1, 4):
            with look(path) or nullcontext():
                pass
            subprocess.run([sys.executable, "-c", WRITER, path, str(OURS), *FIRST], check=True)
            assert first.execute("SELECT count(*) FROM things").fetchone() == (times,)
    assert [file.name for file in path.parent.iterdir()] == ["some.db"]


def test_a_database_that_was_closed_here_is_looked_at_again(path):
    with opened(path), opened(path):
        pass
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "damaged")
