"""A certificate of ours counts from here on: a root's, a CA's, a broker's. First its line in the audit trail.

Devices' certificates are made in batches, and have their lines in issuing.py.
"""

from __future__ import annotations

from sealmq.devices.registry import Registry
from sealmq.devices.trail import ISSUE, Entry, Fact, Trail
from sealmq.errors import HomeError

HOME = "home"
"""The actor of what a home does by itself."""


def confirm(registry: Registry, trail: Trail, serial: str, fingerprint: str, *, now: float, actor: str = HOME) -> None:
    """Say that a reserved certificate was made and is on the disk. `now` in Unix seconds.

    Who is killed between the two steps has its line already, and gets another one when it is confirmed after all.
    Raises HomeError; then it does not count.
    """
    record = registry.lookup(serial)
    if record is None:
        raise HomeError(f"the certificate {serial} is not waiting to be confirmed")
    facts: dict[str, Fact] = {
        "device": record.device,
        "profile": record.profile,
        "serial": serial,
        "fingerprint": fingerprint,
        "spki_sha256": record.spki_sha256,
        "authority": record.authority_key_id,
        "not_after": record.not_after,
    }
    trail.append([Entry(ISSUE, actor, facts)], now=now)
    registry.confirm(serial, fingerprint)
