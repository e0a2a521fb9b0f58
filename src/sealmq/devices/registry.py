"""The registry: which devices exist, and what became of every serial number. SQLite, in the home's one database.

Rule 1: the registry is the truth. A certificate that it does not know, or calls revoked, opens nothing, whatever
        is signed on it.
Rule 2: a serial is reserved (and on the disk) before anything is signed with it.
Rule 3: a database that is damaged, foreign or newer is not touched.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from sealmq.database import BACKUP, in_words, open_database
from sealmq.devices.records import CertificateRecord, Change, Confirmation, DeviceRecord, Reservation, State
from sealmq.devices.schema import APPLICATION_ID, MIGRATIONS
from sealmq.errors import EnrollmentError, Error, HomeError

_CHANGES_KEPT = 10_000
_CHANGES_AT_ONCE = 100  # that are forgotten together: a fleet is added by thousands

_CERTIFICATE = """
    SELECT c.serial, COALESCE(d.name, c.subject), COALESCE(d.role, ''), c.profile, c.authority_key_id, c.state,
           c.not_before, c.not_after, c.spki_sha256, c.fingerprint, c.revoked_at, c.reason,
           COALESCE(d.uuid, ''), c.seen, c.token, d.max_record
    FROM certificates c LEFT JOIN devices d ON d.id = c.device """
_DEVICE = """
    SELECT d.name, d.role, d.uuid, d.state, d.serial, c.not_after, d.created,
           d.state = 'revoked' AND c.reason IS 'certificateHold', c.profile
    FROM devices d JOIN certificates c ON c.serial = d.serial """

_ACCOUNT = "SELECT name, role, stored, created, changed, devices FROM accounts "


class _Pending(NamedTuple):
    device: str
    profile: str


class Registry:
    """The registry in one database file. Not for several threads: each opens its own."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._seen = self._data_version()
        self._file = path.stat()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the registry at `path`, or make an empty one where no file is.

        Raises HomeError when the file is damaged, somebody else's, or from a newer SealMQ; it is left as it is.
        """
        connection = open_database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS)
        try:
            return cls(path, connection)
        except HomeError:
            connection.close()
            raise

    def close(self) -> None:
        """Let the database go. Closing twice does no harm."""
        self._connection.close()

    def is_in_place(self) -> bool:
        """Is the file at `path` still the one that is open here, and not another that was put there? Or OSError."""
        return os.path.samestat(self._file, self.path.stat())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # --- asking

    def lookup(self, serial: str) -> CertificateRecord | None:
        """The certificate with this serial (lower-case hex), or None."""
        row = self._one(_CERTIFICATE + "WHERE c.serial = ?", serial)
        return _certificate(row) if row else None

    def recognize(self, fingerprint: str) -> CertificateRecord | None:
        """The finished certificate whose bytes have this SHA-256 (lower-case hex), or None.

        One indexed query: asked at every handshake.
        """
        row = self._one(_CERTIFICATE + "WHERE c.fingerprint = ? AND c.fingerprint <> ''", fingerprint)
        return _certificate(row) if row else None

    def device(self, name: str) -> DeviceRecord | None:
        """The device with this name in any spelling of upper and lower case, or None."""
        row = self._one(_DEVICE + "WHERE d.name = ?", name)
        return DeviceRecord(*row) if row else None

    def devices(self, *, after: str = "", limit: int = -1, prefix: str = "") -> list[DeviceRecord]:
        """The devices by name: those after `after`, at most `limit` (-1: all), whose names begin with `prefix`."""
        # A range and not LIKE: '_' and '.' are letters in a device's name, and the index serves a range.
        until = prefix + "\U0010ffff"
        rows = self._all(
            _DEVICE + "WHERE d.name > ? AND d.name >= ? AND d.name < ? ORDER BY d.name LIMIT ?",
            *(after, prefix, until, limit),
        )
        return [DeviceRecord(*row) for row in rows]

    def certificates_with_key(self, spki_sha256: str) -> list[CertificateRecord]:
        """Every certificate that was recorded for this public key (SHA-256 of its SubjectPublicKeyInfo)."""
        return [_certificate(row) for row in self._all(_CERTIFICATE + "WHERE c.spki_sha256 = ?", spki_sha256)]

    def revoked(self, authority_key_id: str, *, not_after: float, limit: int = -1) -> list[CertificateRecord]:
        """What an authority has revoked, the latest first, without those that ended by themselves before `not_after`.

        limit: so many at most; -1: all.
        """
        return [
            _certificate(row)
            for row in self._all(
                _CERTIFICATE + "WHERE c.authority_key_id = ? AND c.state = 'revoked' AND c.not_after >= ?"
                " ORDER BY c.revoked_at DESC LIMIT ?",
                *(authority_key_id, not_after, limit),
            )
        ]

    def account(self, name: str) -> tuple[Any, ...] | None:
        """An account's row (accounts.Account), its name in any spelling of upper and lower case; or None."""
        return self._one(_ACCOUNT + "WHERE name = ?", name)

    def accounts(self) -> list[tuple[Any, ...]]:
        """Every account's row, by name."""
        return self._all(_ACCOUNT + "ORDER BY name")

    def crl(self, authority_key_id: str) -> bytes | None:
        """The latest CRL of an authority (DER), or None when this registry has no such authority."""
        row = self._one("SELECT der FROM crls WHERE authority_key_id = ?", authority_key_id)
        return bytes(row[0]) if row else None

    def crl_number(self, authority_key_id: str) -> int:
        """The number of the latest CRL of an authority, 0 when there is none."""
        row = self._one("SELECT number FROM crls WHERE authority_key_id = ?", authority_key_id)
        return int(row[0]) if row else 0

    def changed(self) -> bool:
        """Whether anybody, in this process or another, wrote into the database since the last call. Cheap."""
        version = self._data_version()
        if version == self._seen:
            return False
        self._seen = version
        return True

    def last_change(self) -> int:
        """The number of the latest change, 0 when there was none."""
        row = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
        return int(row[0]) if row else 0

    def changes_since(self, number: int) -> list[Change]:
        """What happened after the change `number`, in order. Revocations are kept for good, other changes a while."""
        rows = self._all("SELECT id, kind, serial, device FROM changes WHERE id > ? ORDER BY id", number)
        return [Change(*row) for row in rows]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is asked inside is answered as of one moment, that of entering, whoever writes meanwhile."""
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM crls").fetchone()  # the moment is that of the first question
        except sqlite3.Error as error:
            raise in_words(self.path, error) from error
        try:
            yield
        finally:
            self._roll_back()

    # --- writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk afterwards. Inside another one it is a part of that."""
        if self._connection.in_transaction:
            try:
                yield
            except sqlite3.Error as error:
                raise in_words(self.path, error) from error
            return
        try:
            # IMMEDIATE: what is read inside must still be true when it is written.
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise in_words(self.path, error) from error
            raise

    def reserve(self, *reservations: Reservation, now: float) -> None:
        """Record serials before they are signed. Raises HomeError when one exists, or the disk is full."""
        with self.transaction():
            self._connection.executemany(
                "INSERT INTO certificates (serial, subject, profile, authority_key_id, state, not_before, not_after,"
                " spki_sha256, token, recorded_at) VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?)",
                [
                    (
                        *(each.serial, each.subject, each.profile, each.authority_key_id),
                        *(each.not_before, each.not_after, each.spki_sha256, each.token, now),
                    )
                    for each in reservations
                ],
            )

    def confirm(self, serial: str, fingerprint: str) -> None:
        """Say that a reserved certificate of a CA or a broker was made and is on the disk.

        A broker has one: what was valid before is superseded.
        """
        with self.transaction():
            record = self._pending(serial)
            if record.profile == "server":
                self._connection.execute(
                    "UPDATE certificates SET state = 'superseded' WHERE profile = 'server' AND state = 'valid'"
                )
                self.note("server", serial, record.device)
            self._connection.execute(
                "UPDATE certificates SET state = 'valid', fingerprint = ? WHERE serial = ?", (fingerprint, serial)
            )

    def confirm_devices(self, confirmations: Sequence[Confirmation], *, now: float) -> list[Error | None]:
        """Say that reserved device certificates were made and handed over. With its first one a device exists; a
        revoked device of the same name comes back as a new one. Another one stands beside the first until it is seen.

        One answer for each: None, or why that cannot be (any more); then nothing is written of it.
        """
        with self.transaction():
            pending = dict(
                self._in(
                    "SELECT serial, subject FROM certificates WHERE state = 'pending' AND serial IN",
                    [each.serial for each in confirmations],
                )
            )
            tokens = {each.token for each in confirmations if each.token is not None}
            revoked = {row[0] for row in self._in("SELECT id FROM tokens WHERE state = 'revoked' AND id IN", tokens)}
            made: list[tuple[Confirmation, str, int]] = []
            answers: list[Error | None] = []
            for each in confirmations:
                try:
                    name = pending.get(each.serial)
                    if name is None:  # somebody else gave it up meanwhile: it must not come back to life
                        raise HomeError(f"the certificate {each.serial} is not waiting to be confirmed")
                    if each.token in revoked:  # a batch that was revoked while this one was signed
                        raise EnrollmentError(f"token {each.token} was revoked meanwhile")
                    device = self._renewing(name, each) if each.renews else self._adding(name, each, now)
                except (EnrollmentError, HomeError) as error:
                    if error.__cause__ is not None:  # the disk
                        raise
                    answers.append(error)
                else:
                    answers.append(None)
                    made.append((each, name, device))
            self._write_confirmed(made)
            return answers

    def _write_confirmed(self, made: Sequence[tuple[Confirmation, str, int]]) -> None:
        last = self._connection.execute("SELECT COALESCE(max(id), 0) FROM bodies").fetchone()[0]
        bodies = [(number, each.der or None) for number, (each, _, _) in enumerate(made, last + 1)]
        self._connection.executemany("INSERT INTO bodies (id, der) VALUES (?, ?)", [body for body in bodies if body[1]])
        self._connection.executemany(
            "UPDATE certificates SET state = 'valid', fingerprint = ?, device = ?, token = ?, body = ?"
            " WHERE serial = ?",
            [
                (each.fingerprint, device, each.token, number if der else None, each.serial)
                for (each, _, device), (number, der) in zip(made, bodies, strict=True)
            ],
        )
        self._connection.executemany(
            "UPDATE devices SET root = ? WHERE id = ?", [(each.root, device) for each, _, device in made if each.root]
        )
        self._note_all([("renewed" if each.renews else "added", each.serial, name) for each, name, _ in made])

    def _adding(self, name: str, confirmation: Confirmation, now: float) -> int:
        """The id of a device that comes into being."""
        # What was asked before is asked again: another process may have been faster.
        values = (confirmation.role, confirmation.uuid, confirmation.serial, now)
        row = self._connection.execute(
            "INSERT INTO devices (name, role, uuid, serial, created, state) SELECT ?1, ?, ?, ?, ?, 'active'"
            " WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE name = ?1) ON CONFLICT (name) DO NOTHING RETURNING id",
            (name, *values),
        ).fetchone()
        if row is None:
            if self.account(name) is not None:
                raise EnrollmentError(f"there is an account '{name}'", why="one name has one meaning")
            former = self.device(name)
            assert former is not None
            former.check_not_held()
            row = self._connection.execute(
                "UPDATE devices SET role = ?, uuid = ?, serial = ?, created = ?, state = 'active'"
                " WHERE name = ? AND state = 'revoked' RETURNING id",
                (*values, name),
            ).fetchone()
        if row is None:
            raise EnrollmentError(f"there is a device '{name}' already", why="somebody else added it at this moment")
        return int(row[0])

    def _renewing(self, name: str, confirmation: Confirmation) -> int:
        """The id of a device that gets another certificate."""
        row = self._connection.execute(
            "SELECT id FROM devices WHERE name = ? AND uuid = ? AND state = 'active'", (name, confirmation.uuid)
        ).fetchone()
        if row is None:
            raise EnrollmentError(f"the device '{name}' was revoked meanwhile")
        return int(row[0])

    def mark_seen(self, serial: str, *, now: float) -> list[str]:
        """The device has connected with this certificate: from now on it is the one in use, and what the device had
        before opens nothing any more. Returns the serials of those; none when it had been seen before."""
        with self.transaction():
            row = self._one("SELECT device, recorded_at, seen, state FROM certificates WHERE serial = ?", serial)
            if row is None or row[0] is None or row[2] is not None or row[3] != State.VALID:
                return []
            device, recorded_at = row[0], row[1]
            self._connection.execute("UPDATE certificates SET seen = ? WHERE serial = ?", (now, serial))
            self._connection.execute("UPDATE devices SET serial = ? WHERE id = ?", (serial, device))
            # Not those that were made later: their answer may be on its way to the device.
            rows = self._connection.execute(
                "UPDATE certificates SET state = 'superseded' WHERE device = ? AND state = 'valid' AND serial <> ?"
                " AND recorded_at <= ? RETURNING serial",
                (device, serial, recorded_at),
            ).fetchall()
            return [str(each) for (each,) in rows]

    def clones_of(self, name: str) -> int:
        """How often a certificate of this device was seen in two places at once."""
        row = self._one("SELECT count(*) FROM changes WHERE kind = 'clone' AND device = ?", name)
        assert row is not None
        return int(row[0])

    def body(self, serial: str) -> bytes | None:
        """A device's certificate (DER); None: it is older than the table."""
        row = self._one("SELECT b.der FROM certificates c JOIN bodies b ON b.id = c.body WHERE c.serial = ?", serial)
        return bytes(row[0]) if row else None

    def certificates_of(self, name: str) -> list[CertificateRecord]:
        """All certificates that a device has had, the newest first."""
        rows = self._all(_CERTIFICATE + "WHERE d.name = ? ORDER BY c.recorded_at DESC", name)
        return [_certificate(row) for row in rows]

    def recorded_since(self, name: str, since: float) -> int:
        """How many certificates a device was given from then on."""
        row = self._one(
            "SELECT count(*) FROM certificates WHERE device = (SELECT id FROM devices WHERE name = ?)"
            " AND recorded_at >= ?",
            *(name, since),
        )
        assert row is not None
        return int(row[0])

    def pending(self, name: str, *, since: float) -> bool:
        """Is somebody making a certificate for this device, who began at `since` or later?"""
        statement = (
            "SELECT 1 FROM certificates WHERE state = 'pending' AND profile = 'device' AND subject = ?"
            " AND recorded_at >= ?"
        )
        return self._one(statement, name, since) is not None

    def abandon_serials(self, serials: Iterable[str]) -> None:
        """Give up these, as far as they were never confirmed; what was counted of tokens for them is given back."""
        with self.transaction():
            for serial in serials:
                self._abandon("serial = ?", serial)

    def abandon(self, profile: str, subject: str | None = None) -> None:
        """Give up what was reserved for this subject (None: for anybody) and never confirmed, as `abandon_serials`."""
        with self.transaction():
            self._abandon("profile = ? AND subject = COALESCE(?, subject)", profile, subject)

    def _abandon(self, which: str, *values: object) -> None:
        rows = self._connection.execute(
            f"UPDATE certificates SET state = 'abandoned' WHERE state = 'pending' AND {which} RETURNING token",  # noqa: S608 - constants
            values,
        ).fetchall()
        self._connection.executemany(
            "UPDATE tokens SET used = used - 1 WHERE id = ? AND used > 0", [row for row in rows if row[0] is not None]
        )

    def revoke(self, name: str, reason: str, *, now: float) -> list[str]:
        """Revoke all certificates of a device that still open the door; returns their serials. Those on hold, too."""
        with self.transaction():
            rows = self._connection.execute(
                "UPDATE certificates SET state = 'revoked', revoked_at = COALESCE(revoked_at, ?), reason = ?"
                " WHERE device = (SELECT id FROM devices WHERE name = ?)"
                " AND (state IN ('valid', 'superseded', 'pending') OR state = 'revoked' AND reason = 'certificateHold')"
                " RETURNING serial",
                (now, reason, name),
            ).fetchall()
            self._connection.execute("UPDATE devices SET state = 'revoked' WHERE name = ?", (name,))
            serials = [str(serial) for (serial,) in rows]
            for serial in serials:
                self.note("revoked", serial, name)
            return serials

    # --- for the tables of accounts.py, tokens.py and applications.py, in this room

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a SELECT. Raises HomeError."""
        return self._all(statement, *values)

    def change(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement that writes; returns what it RETURNs. Inside `transaction`. Raises HomeError."""
        with self.transaction():
            return self._connection.execute(statement, values).fetchall()

    def put_crl(self, authority_key_id: str, number: int, der: bytes) -> None:
        """Keep an authority's latest CRL. Raises HomeError when its number does not grow (RFC 5280 section 5.2.3)."""
        with self.transaction():
            if number <= self.crl_number(authority_key_id):
                raise HomeError(f"the revocation list's number {number} was used before")
            self._connection.execute("REPLACE INTO crls VALUES (?, ?, ?)", (authority_key_id, number, der))

    def _pending(self, serial: str) -> _Pending:
        row = self._one("SELECT subject, profile FROM certificates WHERE serial = ? AND state = 'pending'", serial)
        if row is None:
            # Somebody else gave it up meanwhile: it must not come back to life.
            raise HomeError(f"the certificate {serial} is not waiting to be confirmed")
        return _Pending(*row)

    def note(self, kind: str, serial: str, device: str) -> None:
        """Tell the broker of a change (records.Change). Inside `transaction`."""
        self._note_all([(kind, serial, device)])

    def _note_all(self, changes: Sequence[tuple[str, str, str]]) -> None:
        before = self.last_change()
        self._connection.executemany("INSERT INTO changes (kind, serial, device) VALUES (?, ?, ?)", changes)
        last = before + len(changes)
        if last // _CHANGES_AT_ONCE == before // _CHANGES_AT_ONCE:
            return
        # What cuts links stays: a broker that was suspended for a week must still cut them when it wakes.
        self._connection.execute(
            "DELETE FROM changes WHERE id <= ? AND kind NOT IN"
            " ('revoked', 'retired', 'password', 'bound', 'removed', 'clone')",
            (last - _CHANGES_KEPT,),
        )

    def _in(self, statement: str, values: Collection[object]) -> list[tuple[Any, ...]]:
        """The rows of a SELECT that ends in IN."""
        return self._all(f"{statement} ({', '.join('?' * len(values))})", *values) if values else []

    def taken(self, keys: Collection[str], names: Collection[str]) -> tuple[set[str], set[str]]:
        """Which of these keys (SHA-256) a certificate was recorded for; which of these names, in lower case, are a
        device's, an account's or one's whose certificate is being made. Asked once for a batch, as hardly any is."""
        found = {str(row[0]) for row in self._in("SELECT spki_sha256 FROM certificates WHERE spki_sha256 IN", keys)}
        used = self._in("SELECT name FROM devices WHERE name IN", names)
        used += self._in("SELECT name FROM accounts WHERE name IN", names)
        pending = "SELECT subject FROM certificates WHERE state = 'pending' AND profile = 'device' AND subject IN"
        used += self._in(pending, names)
        return found, {str(row[0]).lower() for row in used}

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # the first error says more; closing the connection rolls back as well

    def _one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise in_words(self.path, error) from error
        return row

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise in_words(self.path, error) from error

    def _data_version(self) -> tuple[int, int]:
        # data_version sees other connections only, total_changes this one only.
        row = self._one("PRAGMA data_version")
        assert row is not None
        return int(row[0]), self._connection.total_changes


def _certificate(row: tuple[Any, ...]) -> CertificateRecord:
    serial, device, role, profile, authority_key_id, state, *rest = row
    try:
        return CertificateRecord(serial, device, role, profile, authority_key_id, State(state), *rest)
    except ValueError as error:
        raise HomeError(f"the registry is damaged: {state!r} is no certificate's state", remedy=BACKUP) from error
