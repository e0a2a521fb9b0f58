"""What a device may be enrolled with: one-time tokens, and claims for a production line.

A token is a secret of 256 random bits for one device, or for a number of devices whose names begin with a prefix. A
claim is the same, proved by a certificate of the Claim CA in place of a secret. Both end by time, by use, or by being
revoked; what was enrolled by them can be revoked together.

Rule 1: of a secret the registry keeps the hash alone. Who has the registry cannot enrol with it.
Rule 2: a use is counted in the transaction that reserves the serial, and given back with it when nothing came of it
        (Registry.abandon).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError
from sealmq.pki.peer import day

SECRET_LENGTH = 43
"""Characters of a secret: 256 bits in base64url."""

LONGEST_QUOTA = 10_000_000

_SELECT = (
    "SELECT id, kind, serial, device, prefix, role, days, quota, used, approval, created, expires, state,"
    " EXISTS (SELECT 1 FROM token_names n WHERE n.token = tokens.id)"
    " FROM tokens "
)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One token or claim.

    serial:   of the claim's certificate, None for a token.
    device:   the one device that it is for, None: those whose names begin with `prefix`.
    days:     life of the certificates that come of it, their renewals included, None: as configured.
    quota:    how many devices it enrols; used: how many it has.
    approval: somebody has to approve each request.
    is_listed: only names that were listed may be enrolled.
    """

    id: int
    kind: Literal["token", "claim"]
    serial: str | None
    device: str | None
    prefix: str
    role: str
    days: int | None
    quota: int
    used: int
    approval: bool
    created: float
    expires: float
    state: Literal["active", "revoked"]
    is_listed: bool

    def reason_to_refuse(self, now: float, *, also_used: int = 0) -> str:
        """Why it enrols nobody (any more), in words for the log; "" when it does. also_used: not in `used` yet."""
        if self.state == "revoked":
            return f"{self.kind} {self.id} was revoked"
        if now > self.expires:
            return f"{self.kind} {self.id} ended on {day(self.expires)}"
        if self.used + also_used >= self.quota:
            return f"{self.kind} {self.id} was used {self.used + also_used} times, as often as it may be"
        return ""


class Tokens:
    """Makes, finds and uses up tokens and claims."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def make(
        self,
        *,
        now: float,
        ttl: float,
        device: str | None = None,
        prefix: str = "",
        quota: int = 1,
        role: str = "device",
        days: int | None = None,
        approval: bool = False,
        names: Iterable[str] = (),
        serial: str | None = None,
    ) -> tuple[int, str]:
        """Record a token (or, with the `serial` of a claim certificate, a claim). `now`, `ttl` in (Unix) seconds.

        Returns its number and its secret, which is shown once and kept nowhere ("" for a claim).
        Raises EnrollmentError when it cannot be as asked, HomeError when the disk is at fault.
        """
        if not 1 <= quota <= LONGEST_QUOTA:
            raise EnrollmentError(
                f"a quota of {quota} is not possible", why=f"1 to {LONGEST_QUOTA:,} are", remedy="--quota 500"
            )
        if device is not None and (prefix or quota != 1):
            raise EnrollmentError("a token for one device has no prefix and a quota of one")
        secret = secrets.token_urlsafe(32) if serial is None else ""
        with self._registry.transaction():
            ((number,),) = self._registry.change(
                "INSERT INTO tokens (kind, secret_sha256, serial, device, prefix, role, days, quota, approval, created,"
                " expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                *("token" if serial is None else "claim", _hashed(secret) if secret else None, serial, device, prefix),
                *(role, days, quota, int(approval), now, now + ttl),
            )
            for name in names:
                self._registry.change("INSERT OR IGNORE INTO token_names VALUES (?, ?)", number, name)
        return int(number), secret

    def by_secret(self, secret: str) -> TokenRecord | None:
        """The token with this secret, or None. Found by its hash: time tells nothing about the secret."""
        if len(secret) != SECRET_LENGTH or not secret.isascii():
            return None
        return self._one("WHERE secret_sha256 = ?", _hashed(secret))

    def by_serial(self, serial: str) -> TokenRecord | None:
        """The claim whose certificate has this serial, or None."""
        return self._one("WHERE serial = ?", serial)

    def find(self, number: int) -> TokenRecord:
        """The token or claim with this number. Raises EnrollmentError when there is none."""
        token = self._one("WHERE id = ?", number)
        if token is None:
            raise EnrollmentError(f"there is no token or claim {number}", remedy="sealmq enroll list")
        return token

    def all(self, *, after: int = 0, limit: int = -1) -> list[TokenRecord]:
        """Every token and claim, the oldest first."""
        rows = self._registry.query(_SELECT + "WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        return [_token(row) for row in rows]

    def lists(self, token: TokenRecord, name: str) -> bool:
        """May this name be enrolled by it, as far as names were listed?"""
        asked = "SELECT 1 FROM token_names WHERE token = ? AND name = ?"
        return not token.is_listed or bool(self._registry.query(asked, token.id, name))

    def days_of(self, device: str) -> int | None:
        """The life that the token says by which this device was enrolled; None: it says none, or there was none."""
        rows = self._registry.query(
            "SELECT t.days FROM devices d JOIN certificates c ON c.device = d.id JOIN tokens t ON t.id = c.token"
            " WHERE d.name = ? AND c.recorded_at >= d.created ORDER BY c.recorded_at DESC LIMIT 1",  # not its namesakes
            device,
        )
        return rows[0][0] if rows else None

    def use(self, number: int, times: int = 1) -> bool:
        """Count uses; False when so many are not left. Inside the transaction that admits them (rule 2)."""
        return bool(
            self._registry.change(
                "UPDATE tokens SET used = used + ?1 WHERE id = ?2 AND used + ?1 <= quota AND state = 'active'"
                " RETURNING id",
                *(times, number),
            )
        )

    def revoke(self, number: int) -> None:
        """Enrol nobody by it any more. What was enrolled is another matter (Enrollment.revoke_batch)."""
        self._registry.change("UPDATE tokens SET state = 'revoked' WHERE id = ?", number)

    def _one(self, where: str, value: object) -> TokenRecord | None:
        rows = self._registry.query(_SELECT + where, value)
        return _token(rows[0]) if rows else None


def _token(row: tuple[Any, ...]) -> TokenRecord:
    number, kind, serial, device, prefix, role, days, quota, used, approval, created, expires, state, listed = row
    return TokenRecord(
        *(number, kind, serial, device, prefix, role, days, quota, used),
        *(bool(approval), created, expires, state, bool(listed)),
    )


def _hashed(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
