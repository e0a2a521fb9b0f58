"""Accounts: names with a password, for things that speak TLS and have no certificate of their own.

An account shares the rule for names and the name space with the devices: whoever reads a log, a topic or a rule must
never ask which of two a name means. A revoked device keeps its name, as the same device may come back.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from sealmq.devices.enrollment import check_name
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError
from sealmq.identity import Identity
from sealmq.pki.passwords import check_password, hash_password
from sealmq.pki.peer import printable

ROLES = ("account", "operator")
"""What access rules see of an account."""

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Account:
    """One account.

    stored:  what is kept of the password (pki/passwords.py); in no repr.
    created: when the account was added; changed: when its password was last set. Unix seconds.
    devices: see Identity.
    """

    name: str
    role: str
    stored: str = field(repr=False)
    created: float
    changed: float
    devices: str = ""

    @property
    def identity(self) -> Identity:
        """Who has proved to be this account."""
        return Identity(self.name, self.role, kind="account", bearer=repr(self.created), devices=self.devices)


def check_devices(devices: str) -> None:
    """Raise EnrollmentError unless it is a pattern that a device's name can match, or ""."""
    if devices and re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]{1,64}", devices) is None:
        raise EnrollmentError(
            f"'{printable(devices)}' matches no device's name",
            remedy="write a device's name, or a pattern like 'sensor-*'",
        )


class Accounts:
    """Adds, finds and removes accounts in the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def maybe_find(self, name: str) -> Account | None:
        """The account of this name in any spelling of upper and lower case, or None. One indexed query."""
        if (
            len(name) > _LONGEST_NAME or not name.isascii()
        ):  # no account can have it, and SQLite takes no half characters
            return None
        row = self._registry.account(name)
        return Account(*row) if row else None

    def find(self, name: str) -> Account:
        """The account of this name. Raises EnrollmentError with near matches when there is none."""
        account = self.maybe_find(name)
        if account is not None:
            return account
        near = difflib.get_close_matches(name, [each.name for each in self.all()], n=3)
        raise EnrollmentError(
            f"there is no account '{printable(name)}'",
            why=f"did you mean {' or '.join(near)}?" if near else "",
            remedy="sealmq account list",
        )

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [Account(*row) for row in self._registry.accounts()]

    def expect_free(self, name: str, role: str = "account") -> None:
        """Raise EnrollmentError unless an account can get this name and role: asked before anybody types a password."""
        check_name(name)
        if role not in ROLES:
            raise EnrollmentError(f"'{printable(role)}' is no account's role", remedy=f"use one of: {', '.join(ROLES)}")
        account = self.maybe_find(name)
        if account is not None:
            raise EnrollmentError(
                f"there is an account '{account.name}' already",
                why="" if account.name == name else "upper and lower case make no difference",
                remedy=f"choose another name, or give it a new password: sealmq account password {account.name}",
            )
        device = self._registry.device(name)
        if device is not None:
            raise EnrollmentError(
                f"there is a device '{device.name}'{' (revoked)' if device.state == 'revoked' else ''}",
                why="a device and an account may not have the same name",
                remedy="choose another name",
            )

    def add(self, name: str, password: bytes, *, now: float, role: str = "account", devices: str = "") -> Account:
        """Add an account. `now` in Unix seconds; `role` one of ROLES; `devices` as in Identity. Slow: hashes the
        password.

        Raises EnrollmentError when name, role or password cannot be, HomeError when the disk is at fault.
        """
        self.expect_free(name, role)
        check_devices(devices)
        check_password(password)
        stored = hash_password(password)
        with self._registry.transaction():
            self.expect_free(name, role)  # hashing took its time
            self._put(name, role, stored, now, devices)
        return self.find(name)

    def bind(self, name: str, devices: str) -> Account:
        """Let an account count together with these devices alone ("": with any, and by itself). Who came in by it
        and would not now is cut. Raises EnrollmentError when there is no such account, or HomeError."""
        check_devices(devices)
        with self._registry.transaction():
            found = self.find(name).name
            self._registry.change("UPDATE accounts SET devices = ? WHERE name = ?", devices, found)
            self._registry.note("bound", "", found)
        return self.find(name)

    def set_password(self, name: str, password: bytes, *, now: float) -> Account:
        """Give an account another password; who came in by the old one is cut. `now` in Unix seconds. Slow.

        Raises EnrollmentError when there is no such account or the password cannot be, HomeError as `add`.
        """
        account = self.find(name)
        check_password(password)
        stored = hash_password(password)
        with self._registry.transaction():
            self._put(self.find(name).name, account.role, stored, now)
        return self.find(name)

    def remove(self, name: str) -> Account:
        """Remove an account; who came in by it is cut. Raises EnrollmentError when there is none, or HomeError."""
        with self._registry.transaction():
            account = self.find(name)
            self._registry.change("DELETE FROM accounts WHERE name = ?", account.name)
            self._registry.note("removed", "", account.name)
        return account

    def _put(self, name: str, role: str, stored: str, now: float, devices: str = "") -> None:
        """Add an account, or change what is kept of its password and tell the broker. Inside a transaction."""
        is_known = self._registry.account(name) is not None
        self._registry.change(
            "INSERT INTO accounts (name, role, stored, created, changed, devices) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET role = excluded.role, stored = excluded.stored,"
            " changed = excluded.changed",
            *(name, role, stored, now, now, devices),
        )
        if is_known:
            self._registry.note("password", "", name)
