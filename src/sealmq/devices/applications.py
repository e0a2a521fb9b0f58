"""Requests for a certificate that wait until somebody approves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError

WAITING_AT_MOST: Final = 10_000
"""Requests that may wait: a fleet, and no more than 2 MB of the registry. One token may have half of them: whoever has
it must not keep all others from asking."""

SPARE: Final = 10
"""Requests of one token that may wait beyond its quota: a device that lost its key, and asks with another."""

_SELECT = "SELECT id, name, spki_sha256, token, via, address, created, state FROM applications "


@dataclass(frozen=True, slots=True)
class ApplicationRecord:
    """One request.

    spki_sha256: of the key that is to be certified: what the person who approves compares with the device.
    via:         "est" or "mqtt"; address: where it came from.
    state:       "done": its certificate was issued.
    """

    id: int
    name: str
    spki_sha256: str
    token: int | None
    via: str
    address: str
    created: float
    state: Literal["waiting", "approved", "denied", "done"]


class Applications:
    """The requests in the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def known(self, name: str, spki_sha256: str) -> ApplicationRecord | None:
        """The request of this name and key, if it was made before: a device may sign it anew each time it asks."""
        return self._one("WHERE name = ? AND spki_sha256 = ?", name, spki_sha256)

    def put(
        self, *, name: str, spki_sha256: str, token: int | None, via: str, address: str, now: float, quota: int
    ) -> None:
        """Let a request wait; one that was decided by another token waits anew. quota: that of its token.

        Raises EnrollmentError when too many wait already, in all or of this token.
        """
        ((waiting, of_token),) = self._registry.query(
            "SELECT count(*), count(CASE WHEN token = ? THEN 1 END) FROM applications WHERE state = 'waiting'", token
        )
        if waiting >= WAITING_AT_MOST:
            raise EnrollmentError(f"{waiting:,} requests wait already", remedy="sealmq enroll waiting")
        if of_token >= min(quota + SPARE, WAITING_AT_MOST // 2):
            raise EnrollmentError(
                f"{of_token:,} requests by token {token} wait already", remedy="sealmq enroll waiting"
            )
        self._registry.change(
            "INSERT INTO applications (name, spki_sha256, token, via, address, created) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (name, spki_sha256) DO UPDATE SET token = excluded.token, via = excluded.via,"
            " address = excluded.address, created = excluded.created, state = 'waiting', decided = NULL",
            *(name, spki_sha256, token, via, address, now),
        )

    def waiting(self) -> list[ApplicationRecord]:
        """Those that wait, the oldest first."""
        rows = self._registry.query(_SELECT + "WHERE state = 'waiting' ORDER BY created, id")
        return [ApplicationRecord(*row) for row in rows]

    def find(self, number: int) -> ApplicationRecord:
        """The request with this number. Raises EnrollmentError when there is none."""
        application = self._one("WHERE id = ?", number)
        if application is None:
            raise EnrollmentError(f"there is no request {number}", remedy="sealmq enroll waiting")
        return application

    def decide(self, number: int, state: Literal["approved", "denied"], *, now: float) -> ApplicationRecord:
        """Approve or deny a request that waits. Raises EnrollmentError when it does not wait (any more)."""
        with self._registry.transaction():
            application = self.find(number)
            if application.state != "waiting":
                raise EnrollmentError(f"request {number} does not wait: it is {application.state}")
            self._registry.change("UPDATE applications SET state = ?, decided = ? WHERE id = ?", state, now, number)
        return application

    def finish(self, number: int) -> None:
        """Its certificate was issued."""
        self._registry.change("UPDATE applications SET state = 'done' WHERE id = ?", number)

    def _one(self, where: str, *values: Any) -> ApplicationRecord | None:
        rows = self._registry.query(_SELECT + where, *values)
        return ApplicationRecord(*rows[0]) if rows else None
