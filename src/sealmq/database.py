"""How a home's SQLite databases are opened: whose they are and whether they are whole is asked before a byte is written.

Rule: a database that is damaged, foreign or newer is refused in words and not touched.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sealmq.errors import HomeError

_MAGIC = b"SQLite format 3\0"
_BUSY_SECONDS = 5.0
_WHOLLY_CHECKED = 16 * 1024 * 1024  # bytes; a larger database would take seconds to look through at each start
_BACKUP = "put the latest backup of this file in its place"


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
        is_new = _create_file(path)
        if not is_new:
            _check_header(path)
        # mode=rw: the file is there; should it vanish, an empty one must not take its place.
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=not across_threads,
        )
        _prepare(path, connection, application_id, migrations, is_new=is_new)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        if connection is not None:
            connection.close()
        raise in_words(path, error) from error
    except HomeError:
        if connection is not None:
            connection.close()
        raise
    return connection
