"""Pre-shared keys (PSKs): what a device that is too small for certificates proves itself by (RFC 4279, RFC 8446 2.2).

Rule 1: a PSK has a serial, an end and the states of a certificate, in the table of the certificates: it is listed,
        revoked, held and cut as one is.
Rule 2: the identity is the device's name, letter for letter.
Rule 3: the key itself lies in the registry, because each handshake needs it: whoever reads the database can pose as the
        device, and as the broker towards it. It goes when it is revoked for good.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sealmq.devices.records import PSK, CertificateRecord, State
from sealmq.devices.registry import Registry
from sealmq.errors import TrustError
from sealmq.pki.authority import HOLD
from sealmq.pki.peer import day, printable


class PSKs:
    """The PSKs of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def key(self, serial: str) -> bytes | None:
        """The key with this serial: a secret; None when there is none, or it was revoked. Raises HomeError."""
        rows = self._registry.query("SELECT key FROM psks WHERE serial = ?", serial)
        return bytes(rows[0][0]) if rows else None

    def keep(self, serial: str, key: bytes) -> None:
        """Keep the key of a serial that is recorded. Inside `Registry.transaction`. Raises HomeError."""
        self._registry.change("INSERT INTO psks (serial, key) VALUES (?, ?)", serial, key)

    def drop(self, serials: Iterable[str]) -> None:
        """Forget the keys with these serials. Inside `Registry.transaction`. Raises HomeError."""
        self._registry.change(
            "DELETE FROM psks WHERE serial IN (SELECT value FROM json_each(?))", json.dumps(list(serials))
        )

    def proved(self, identity: str, now: float) -> CertificateRecord:
        """The PSK that goes with an identity, when it counts at `now` (Unix seconds).

        Raises TrustError, which says why it does not and what to do; HomeError when the registry cannot be read.
        """
        serials = self._registry.query("SELECT name, serial FROM devices WHERE name = ?", identity)
        if not serials or serials[0][0] != identity:
            name = printable(identity)
            raise TrustError(
                f"there is no device '{name}'", remedy=f"sealmq device add {name} --psk, if the device is yours"
            )
        record = self._registry.lookup(serials[0][1])
        if record is None or record.profile != PSK:
            raise TrustError(
                f"'{identity}' has a certificate, and no PSK",
                why="a device has one of the two",
                remedy=f"let it dial a listener for certificates; or sealmq device revoke {identity}, then"
                f" sealmq device add {identity} --psk",
            )
        _check_state(record)
        _check_dates(record, now)
        return record


def _check_state(record: CertificateRecord) -> None:
    if record.state is State.VALID:
        return
    name, since = record.device, f" on {day(record.revoked_at)}" if record.revoked_at is not None else ""
    if record.reason == HOLD:
        raise TrustError(f"the PSK of '{name}' was put on hold{since}", remedy=f"sealmq device release {name}")
    reason = f", reason {record.reason}" if record.reason not in (None, "unspecified") else ""
    raise TrustError(
        f"the PSK of '{name}' (serial {record.serial}) was revoked{since}{reason}",
        remedy=f"sealmq device add {name} --psk makes a new one, if the device is still yours",
    )


def _check_dates(record: CertificateRecord, now: float) -> None:
    name = record.device
    if now > record.not_after:
        raise TrustError(
            f"the PSK of '{name}' (serial {record.serial}) expired on {day(record.not_after)}",
            remedy=f"sealmq device revoke {name}, then sealmq device add {name} --psk",
        )
    if now < record.not_before:
        raise TrustError(
            f"the PSK of '{name}' (serial {record.serial}) does not hold before {day(record.not_before)}",
            remedy="check this machine's clock",
        )
