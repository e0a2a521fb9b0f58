"""Groups whole or not at all, in order, and again until the disk takes them."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sealmq.store.writer import AT_ONCE, ThreadedWriter, commit, settle

WAIT = 10


class Group:
    def __init__(self, *statements: tuple[str, list[tuple[object, ...]]]) -> None:
        self._statements = statements

    def statements(self) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
        yield from self._statements


def insert(*numbers: int) -> Group:
    return Group(("INSERT INTO t VALUES (?)", [(number,) for number in numbers]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    return tmp_path / "db"


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.01)


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT x FROM t ORDER BY x")]


class Heard:
    """What the writer told, as it came."""

    def __init__(self) -> None:
        self.all: queue.Queue[int | str] = queue.Queue()

    def next(self) -> int | str:
        return self.all.get(timeout=WAIT)


def start(connection: sqlite3.Connection, heard: Heard, retry: float = 0.01) -> ThreadedWriter:
    put: Callable[[int | str], None] = heard.all.put
    return ThreadedWriter(connection, put, put, retry)


def test_a_group_is_safe_when_it_says_so(path: Path) -> None:
    heard = Heard()
    writer = start(connect(path), heard)
    writer.write(insert(1, 2), 7)
    assert heard.next() == 7
    assert rows(path) == [1, 2]
    assert writer.close() == ""


def test_what_comes_meanwhile_is_written_together_and_in_order(path: Path) -> None:
    heard = Heard()
    with closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = start(connect(path), heard)
        writer.write(insert(1), 1)
        assert "locked" in str(heard.next())
        writer.write(insert(2), 2)
        writer.write(Group(("DELETE FROM t WHERE x = ?", [(2,)])), 3)
        other.execute("ROLLBACK")
    said = [heard.next()]
    while said[-1] != 3:
        said.append(heard.next())
    assert [number for number in said if isinstance(number, int)] in ([1, 3], [3])
    assert rows(path) == [1]
    assert writer.close() == ""


def test_closing_writes_what_is_left(path: Path) -> None:
    writer = start(connect(path), Heard())
    writer.write(insert(1), 1)
    writer.write(insert(2), 2)
    assert writer.close() == ""
    assert rows(path) == [1, 2]


def test_closing_gives_up_what_the_disk_refuses_to_the_end(path: Path) -> None:
    heard = Heard()
    with closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = start(connect(path), heard, retry=60)
        writer.write(insert(1), 1)
        assert "locked" in str(heard.next())
        assert "locked" in writer.close()  # at once, not after the retry's 60 seconds
        other.execute("ROLLBACK")
    assert rows(path) == []


def test_a_mistake_of_our_own_does_not_end_the_thread(path: Path) -> None:
    heard = Heard()
    broken = threading.Event()

    class Broken(Group):
        def statements(self) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
            if not broken.is_set():
                raise ValueError("a mistake")
            return super().statements()

    writer = start(connect(path), heard)
    writer.write(Broken(("INSERT INTO t VALUES (?)", [(1,)])), 1)
    assert heard.next() == "a mistake"
    broken.set()
    while heard.next() != 1:
        pass
    assert writer.close() == ""


def test_a_group_that_fails_in_its_middle_leaves_nothing(path: Path) -> None:
    with closing(connect(path)) as connection:
        with pytest.raises(sqlite3.Error):
            commit(connection, [insert(1), insert(2, 2)])
        assert not connection.in_transaction
        commit(connection, [insert(1), insert(2)])
    assert rows(path) == [1, 2]


def test_the_log_of_the_life_before_is_in_the_database_before_anything_is_promised(path: Path) -> None:
    """tests/anomaly/test_broken_disk.py shows what is lost without it."""
    log = path.with_name("db-wal")
    before = connect(path)
    before.execute("PRAGMA journal_mode = WAL")
    before.execute("PRAGMA wal_autocheckpoint = 0")
    commit(before, [insert(1)])
    assert log.stat().st_size
    heard = Heard()
    with closing(connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t").fetchall()
        writer = start(connect(path), heard)
        writer.write(insert(2), 2)
        assert "read by another process" in str(heard.next())
        reader.execute("COMMIT")
    while heard.next() != 2:
        pass
    assert writer.close() == ""
    commit(before, [insert(3)])
    settle(before)
    assert log.stat().st_size == 0
    before.close()
    assert rows(path) == [1, 2, 3]


@pytest.mark.parametrize("many", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE, 3 * AT_ONCE + 7])
def test_however_many_rows_there_are_each_is_written_once_and_goes_again(path: Path, many: int) -> None:
    numbers = list(range(many))
    executed: list[str] = []
    with closing(connect(path)) as connection:
        connection.set_trace_callback(executed.append)
        commit(connection, [insert(*numbers)])
        assert rows(path) == numbers
        assert sum(line.startswith("INSERT") for line in executed) == many // AT_ONCE + many % AT_ONCE
        commit(connection, [Group(("DELETE FROM t WHERE x = ?", [(number,) for number in numbers[1:]]))])
        assert rows(path) == numbers[:1]


def test_one_row_of_many_that_cannot_be_written_takes_the_whole_group_with_it(path: Path) -> None:
    with closing(connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        commit(connection, [insert(*range(2 * AT_ONCE), AT_ONCE)])
    assert rows(path) == []
