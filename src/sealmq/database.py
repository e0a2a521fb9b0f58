"""How a home's SQLite databases are opened: whose and whether whole is asked before a byte is written.

Rule 1: a database that is damaged, foreign or newer is refused in words and not touched.
Rule 2: a file that SQLite has open in this process is never opened and closed by ourselves. The locks by which others
        know that we are there are the process's, and go with the first descriptor of the file that is closed
        (fcntl(2)). Then the next process that ends takes itself for the last, removes the log of what was written last,
        and we go on reading a file that is no more: a device that is revoked would stay.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from urllib.parse import quote

from sealmq.errors import HomeError

_MAGIC = b"SQLite format 3\0"
_HEADER_LENGTH = 100
_BUSY_SECONDS = 5.0
_WHOLLY_CHECKED = 16 * 1024 * 1024  # bytes; a larger database would take seconds to look through at each start
BACKUP = "put the latest backup of this file in its place"


_opening = threading.Lock()
_open: list[tuple[sqlite3.Connection, os.stat_result]] = []
"""The connections of this process, with the file of each (rule 2); those that were closed go when another is opened."""


def open_database(
    path: Path, *, application_id: int, migrations: Sequence[Sequence[str]], across_threads: bool = False
) -> sqlite3.Connection:
    """Open the database at `path`, or make an empty one where no file is; bring it up to the newest format.

    application_id: whose database it is, in its header.
    migrations:     the statements that lead from format n to n + 1 (PRAGMA user_version).
    Raises HomeError when the file is damaged, somebody else's, or from a newer SealMQ; it is left as it is.
    """
    connection: sqlite3.Connection | None = None
    try:
        with _opening:
            if not path.exists():
                _create(path, application_id, migrations)
            if not _is_open_here(path):  # rule 2; and who had it opened has looked
                _check_header(path)
                with path.open("r+b"):
                    pass  # SQLite would be content with reading, and every write fail later
            connection = _connect(path, across_threads=across_threads)
            _open.append((connection, path.stat()))
        _check(path, connection, application_id, len(migrations))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # what was said to be recorded is on the disk
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, application_id, migrations)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        if connection is not None:
            connection.close()
        raise in_words(path, error) from error
    except HomeError:
        if connection is not None:
            connection.close()
        raise
    return connection


def check_database(path: Path, *, application_id: int, newest: int) -> None:
    """Look through a whole database that nobody uses; change nothing.

    Raises HomeError when it is missing, damaged, somebody else's, or of a format above `newest`.
    """
    try:
        with _opening:
            if not _is_open_here(path):
                _check_header(path)
        with closing(_connect(path, mode="ro")) as connection:
            _check(path, connection, application_id, newest, wholly=True)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        raise in_words(path, error) from error


def copy_database(source: Path, target: Path, *, at: AbstractContextManager[object] | None = None) -> None:
    """Copy a database as it is at one moment, while others write into it. `target` must not exist; it is 0600.

    at: entered for that moment alone, however long the copying takes.
    Raises HomeError; then `target` may be there in part.
    """
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(_connect(source)) as original, closing(_connect(target)) as copy:
            with at if at is not None else nullcontext():
                original.execute("BEGIN")
                original.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first question fixes the moment
            original.backup(copy)
            original.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    except (sqlite3.Error, OSError) as error:
        raise in_words(source, error) from error


def in_words(path: Path, error: Exception) -> HomeError:
    """What an error of SQLite or of the file system means to the person who reads it."""
    if isinstance(error, OSError):
        return HomeError(
            f"{path} cannot be opened", why=error.strerror or str(error), remedy="look at what it is and who owns it"
        )
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if (
        code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or "malformed" in str(error)
        or isinstance(error, UnicodeDecodeError)
    ):
        return HomeError(f"{path} is damaged", why=str(error), remedy=BACKUP)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return HomeError(f"{path} is in use", why="another process kept it locked for 5 seconds", remedy="try again")
    if code == sqlite3.SQLITE_FULL:
        return HomeError(f"{path} cannot be written", why="the disk is full", remedy="make room, then try again")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return HomeError(f"{path} cannot be opened for writing", why=str(error), remedy="check who owns it")
    return HomeError(f"{path} cannot be used", why=str(error))


def _create(path: Path, application_id: int, migrations: Sequence[Sequence[str]]) -> None:
    """Make it beside its place, and move it there when it is whole: a kill leaves no database that is half one."""
    part = path.with_name(f".{path.name}.part")
    for leftover in (part, part.with_name(f"{part.name}-journal")):
        leftover.unlink(missing_ok=True)
    try:
        # Made here and not by SQLite, which would leave it readable: messages will lie in it.
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(_connect(part)) as connection:
            _migrate(connection, application_id, migrations)
        part.rename(path)
    except BaseException:
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass  # the first error says more
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path, *, mode: str = "rw", across_threads: bool = False) -> sqlite3.Connection:
    # mode=rw: the file is there; should it vanish, an empty one must not take its place.
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=not across_threads,
    )


def _is_open_here(path: Path) -> bool:
    """Has SQLite this file open in this process? With `_opening` held."""
    _open[:] = [each for each in _open if not _is_closed(each[0])]
    file = path.stat()
    return any(os.path.samestat(each, file) for _, each in _open)


def _is_closed(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes < 0  # never; but a closed one says so, to whichever thread asks
    except sqlite3.ProgrammingError:
        return True


def _check_header(path: Path) -> None:
    """The first 100 bytes of the format, as far as they say whether the file ends where it may end."""
    with path.open("rb") as file:
        header = file.read(_HEADER_LENGTH)
        size = os.fstat(file.fileno()).st_size
    why = ""
    if not header.startswith(_MAGIC):
        why = "it is not an SQLite database" if header else "it is empty"
    elif len(header) < _HEADER_LENGTH:
        why = "its end is missing"
    else:
        page_size = int.from_bytes(header[16:18], "big")
        page_size = 65_536 if page_size == 1 else page_size
        # SQLite takes a last page that is there in part for a whole one. A crash may leave it, but then a log has it.
        if not page_size or (size % page_size and not any(_size(path, end) for end in ("-wal", "-journal"))):
            why = "its end is missing"
    if why:
        raise HomeError(f"{path} is damaged", why=why, remedy=BACKUP)


def _size(path: Path, suffix: str) -> int:
    beside = path.with_name(f"{path.name}{suffix}")
    return beside.stat().st_size if beside.exists() else 0


def _check(
    path: Path, connection: sqlite3.Connection, application_id: int, newest: int, *, wholly: bool = False
) -> None:
    """Whose it is, of which format, and whether it is whole: asked before the first byte is written."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != application_id:
        raise HomeError(
            f"{path} is not SealMQ's",
            why="it is another program's database",
            remedy="choose another home with --home",
        )
    if version > newest:
        raise HomeError(
            f"{path} was written by a newer SealMQ",
            why=f"its format is {version}, this one knows up to {newest}",
            remedy="update SealMQ, then try again",
        )
    if wholly or path.stat().st_size <= _WHOLLY_CHECKED:
        question = "PRAGMA integrity_check(1)" if wholly else "PRAGMA quick_check(1)"
        (verdict,) = connection.execute(question).fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"database disk image is malformed: {verdict}")


def _migrate(connection: sqlite3.Connection, application_id: int, migrations: Sequence[Sequence[str]]) -> None:
    """Bring a database from its format to the newest, in one transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version >= len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()  # somebody may have been faster
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {application_id}")
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute("COMMIT")
