"""What HOME/messages.db looks like, and how an older one becomes a newer one.

A file of its own, beside the registry's: its writer is busy all the time, and neither should `sealmq device add` wait
for it, nor should the registry's change counter move with every message.
"""

from __future__ import annotations

APPLICATION_ID = 0x53454C44
"""'SELD' in the database's header: a database without it is somebody else's, and is left alone."""

_FIRST = (
    # will: a whole CONNECT packet at level 5 that carries it; NULL: none.
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        identity TEXT NOT NULL,
        client_id TEXT NOT NULL,
        expiry REAL NOT NULL,
        expires_at REAL NOT NULL,
        will BLOB,
        will_at REAL NOT NULL
    )""",
    """CREATE TABLE subscriptions (
        session INTEGER NOT NULL,
        topic_filter TEXT NOT NULL,
        options INTEGER NOT NULL,
        identifier INTEGER NOT NULL,
        PRIMARY KEY (session, topic_filter)
    ) WITHOUT ROWID""",
    # wire: a whole PUBLISH packet at `level`; one row however many sessions it waits in.
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY,
        level INTEGER NOT NULL,
        wire BLOB NOT NULL,
        qos INTEGER NOT NULL,
        retain INTEGER NOT NULL,
        identifiers TEXT NOT NULL,
        expires_at REAL NOT NULL
    )""",
    # packet_id 0: it waits. released 1: PUBREC came, PUBREL is due.
    """CREATE TABLE deliveries (
        session INTEGER NOT NULL,
        message INTEGER NOT NULL,
        packet_id INTEGER NOT NULL,
        released INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (session, message)
    ) WITHOUT ROWID""",
    """CREATE TABLE incoming (
        session INTEGER NOT NULL,
        packet_id INTEGER NOT NULL,
        PRIMARY KEY (session, packet_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE retained (
        topic TEXT PRIMARY KEY,
        level INTEGER NOT NULL,
        wire BLOB NOT NULL,
        expires_at REAL NOT NULL
    ) WITHOUT ROWID""",
    # revocations: the number of the registry's last change that was acted upon here. What was revoked behind it ends
    # its sessions at the next start.
    """CREATE TABLE marks (
        name TEXT PRIMARY KEY,
        number INTEGER NOT NULL
    ) WITHOUT ROWID""",
)

_SHARED = (
    # shared: the filter of the shared subscription for whose group the session took the message; '': for itself.
    "ALTER TABLE messages ADD COLUMN shared TEXT NOT NULL DEFAULT ''",
)

_BEARER = (
    # bearer: whose session it is (identity.py); '': it was written before anybody asked.
    "ALTER TABLE sessions ADD COLUMN bearer TEXT NOT NULL DEFAULT ''",
)

_OWNER = (
    # owner: the identity that published it; '': it was written before anybody asked.
    "ALTER TABLE retained ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SHARED, _BEARER, _OWNER)
"""The statements that lead from version n to n + 1. Never change one that was released: add the next."""
