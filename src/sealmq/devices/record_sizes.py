"""How large the TLS records are that each device gets: what its buffer holds, where it is smaller than the standard's.

A microcontroller that listens with a buffer of 1 KiB cannot take a record of 16 KiB, and often cannot say so: TLS 1.3
stacks rarely ask for less. The broker knows who it is behind the handshake, and sends smaller records from there on;
the handshake itself is as small as its chain is short.
"""

from __future__ import annotations

from typing import Final

from sealmq.devices.listing import near
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError

SMALLEST: Final = 512
LARGEST: Final = 16_384
"""Bytes of plaintext in a record: as [tls] max_record in sealmq.toml, up to what the standard allows."""


class RecordSizes:
    """What is recorded in one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def of(self, name: str) -> int | None:
        """Most bytes in a record for this device; None: as the listener has it."""
        rows = self._registry.query("SELECT max_record FROM devices WHERE name = ?", name)
        return rows[0][0] if rows else None

    def set(self, name: str, most: int) -> str:
        """Send this device no larger records, from its next connection on; LARGEST lifts the bound. Returns its name as
        it is spelled.

        Raises EnrollmentError for a size that cannot be, or when there is no such device; HomeError.
        """
        if not SMALLEST <= most <= LARGEST:
            raise EnrollmentError(
                f"records of {most} bytes cannot be sent", remedy=f"a size from {SMALLEST} to {LARGEST}"
            )
        device = self._registry.device(name) if name.isascii() else None
        if device is None:
            nearest = near(self._registry, name, 1)
            meant = f"did you mean {nearest[0]}? " if nearest else ""
            raise EnrollmentError(f"there is no device {name!r}", remedy=f"{meant}sealmq device list shows them")
        with self._registry.transaction():
            self._registry.change(
                "UPDATE devices SET max_record = ? WHERE name = ?", None if most == LARGEST else most, name
            )
        return device.name
