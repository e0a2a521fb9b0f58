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

_LIFE = (
    # What a device may be enrolled with. A secret is kept as its hash alone: it has 256 random bits, so a plain hash
    # cannot be turned back. `serial` is the claim certificate's; `device` binds to one name, `prefix` to those that
    # begin so. A row is never deleted: `certificates.token` says for ever which batch a certificate came from.
    f"""CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('token', 'claim')),
        secret_sha256 TEXT UNIQUE,
        serial TEXT UNIQUE,
        device TEXT COLLATE NOCASE,
        prefix TEXT NOT NULL DEFAULT '',
        role TEXT NOT NULL,
        days INTEGER,
        quota INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0,
        approval INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        expires REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked'))
    ) {_STRICT}""",
    # Names that a claim may enrol, where they are listed; none: all that its prefix allows.
    f"""CREATE TABLE token_names (
        token INTEGER NOT NULL REFERENCES tokens (id),
        name TEXT NOT NULL COLLATE NOCASE,
        PRIMARY KEY (token, name)
    ) {_ROWLESS}""",
    # seen: when its device first connected with it. Until then an older one of the same device stays valid beside it.
    "ALTER TABLE certificates ADD COLUMN seen REAL",
    "ALTER TABLE certificates ADD COLUMN token INTEGER REFERENCES tokens (id)",
    "UPDATE certificates SET seen = recorded_at WHERE state IN ('valid', 'superseded')",
    "CREATE INDEX certificates_token ON certificates (token) WHERE token IS NOT NULL",
    # Who was revoked last, without looking at a hundred thousand.
    "DROP INDEX certificates_revoked",
    "CREATE INDEX certificates_revoked ON certificates (authority_key_id, revoked_at) WHERE state = 'revoked'",
    # Without what is not known yet when a serial is reserved: 6 us a certificate less.
    "DROP INDEX certificates_fingerprint",
    "CREATE INDEX certificates_fingerprint ON certificates (fingerprint) WHERE fingerprint <> ''",
    "DROP INDEX certificates_device",
    "CREATE INDEX certificates_device ON certificates (device) WHERE device IS NOT NULL",
    # root: key identifier of the newest root that the device was given. The index finds who needs an older one.
    "ALTER TABLE devices ADD COLUMN root TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX devices_root ON devices (root)",
    "CREATE INDEX devices_state ON devices (state, name)",
    # Is the last one gone? They are few, and a million others need not be asked.
    "CREATE INDEX devices_operators ON devices (name) WHERE role = 'operator'",
    # The certificates themselves: for who asks twice because the answer was lost, and for bundles.
    f"""CREATE TABLE bodies (
        id INTEGER PRIMARY KEY,
        der BLOB NOT NULL
    ) {_STRICT}""",
    "ALTER TABLE certificates ADD COLUMN body INTEGER REFERENCES bodies (id)",
    # Requests that wait for somebody to approve them. The same key with the same name is one.
    f"""CREATE TABLE applications (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL COLLATE NOCASE,
        spki_sha256 TEXT NOT NULL,
        token INTEGER REFERENCES tokens (id),
        via TEXT NOT NULL,
        address TEXT NOT NULL,
        created REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'approved', 'denied', 'done')),
        decided REAL,
        UNIQUE (name, spki_sha256)
    ) {_STRICT}""",
    "CREATE INDEX applications_state ON applications (state, created)",
)

_PSKS = (
    # The keys that we share with devices: here the key itself, for a handshake needs it. Its serial stands among the
    # certificates with the profile 'psk', and has their states. A key goes when it is revoked for good.
    f"""CREATE TABLE psks (
        serial TEXT PRIMARY KEY REFERENCES certificates (serial),
        key BLOB NOT NULL
    ) {_ROWLESS}""",
)

_RECORD_SIZES = (
    # Bytes of the largest TLS record that a device gets; NULL: as its listener has it.
    "ALTER TABLE devices ADD COLUMN max_record INTEGER",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _ACCOUNTS, _BOUND, _FINGERPRINTS, _LIFE, _PSKS, _RECORD_SIZES)
"""The statements that lead from version n to n + 1. Never change one that was released: add the next."""
