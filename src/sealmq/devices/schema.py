"""What the registry looks like on the disk, and how an older one becomes a newer one.

The database file is the home's: later rooms keep sessions and messages in it, in tables of their own.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x53454C4D
"""'SELM' in the database's header: a database without it is somebody else's, and is left alone."""

# STRICT refuses a value of the wrong type; SQLite knows it since 3.37.
_STRICT = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
_ROWLESS = "WITHOUT ROWID, STRICT" if _STRICT else "WITHOUT ROWID"

_FIRST = (
    # A device is here once its first certificate is finished and on the disk, never before.
    # `serial` is its current certificate. NOCASE: two devices whose names differ by case would be taken for each
    # other by people and by file systems.
    f"""CREATE TABLE devices (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        role TEXT NOT NULL,
        uuid TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
        serial TEXT NOT NULL,
        created REAL NOT NULL
    ) {_STRICT}""",
    # Every serial that was ever given out, CAs and brokers included; a row is never deleted. `subject` says whose it
    # was to be while `device` is still NULL.
    f"""CREATE TABLE certificates (
        serial TEXT PRIMARY KEY,
        subject TEXT NOT NULL COLLATE NOCASE,
        device INTEGER REFERENCES devices (id),
        profile TEXT NOT NULL,
        authority_key_id TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'valid', 'superseded', 'revoked', 'abandoned')),
        not_before REAL NOT NULL,
        not_after REAL NOT NULL,
        spki_sha256 TEXT NOT NULL,
        fingerprint TEXT NOT NULL DEFAULT '',
        recorded_at REAL NOT NULL,
        revoked_at REAL,
        reason TEXT
    ) {_ROWLESS}""",
    "CREATE INDEX certificates_device ON certificates (device)",
    "CREATE INDEX certificates_key ON certificates (spki_sha256)",
    "CREATE INDEX certificates_pending ON certificates (profile, subject) WHERE state = 'pending'",
    "CREATE INDEX certificates_revoked ON certificates (authority_key_id) WHERE state = 'revoked'",
    "CREATE INDEX certificates_server ON certificates (profile) WHERE state = 'valid' AND profile = 'server'",
    # AUTOINCREMENT: a number is never used twice, so that a reader can ask for 'what came after'.
    f"""CREATE TABLE changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        serial TEXT NOT NULL,
        device TEXT NOT NULL
    ) {_STRICT}""",
    f"""CREATE TABLE crls (
        authority_key_id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        der BLOB NOT NULL
    ) {_STRICT}""",
)

_ACCOUNTS = (
    # `stored` is a password's hash with its parameters (pki/passwords.py). No name stands here and in `devices`; each
    # side checks it in the transaction that adds one.
    f"""CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        role TEXT NOT NULL,
        stored TEXT NOT NULL,
        created REAL NOT NULL,
        changed REAL NOT NULL
    ) {_STRICT}""",
)

_BOUND = (
    # devices: a pattern for those together with which alone the account counts; '': it is not bound.
    "ALTER TABLE accounts ADD COLUMN devices TEXT NOT NULL DEFAULT ''",
)

_FINGERPRINTS = (
    # A certificate that we know is found by its hash at each handshake, and needs no reading.
    "CREATE INDEX certificates_fingerprint ON certificates (fingerprint)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _ACCOUNTS, _BOUND, _FINGERPRINTS)
"""The statements that lead from version n to n + 1. Never change one that was released: add the next."""
