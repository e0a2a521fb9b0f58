"""Which devices are there? Asked so that a fleet of a million answers like one of ten.

Rule: nothing here reads all devices, unless all were asked for; and then a page at a time. What is chosen by a name's
beginning or by a state is chosen by an index.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from sealmq.devices.records import DeviceRecord
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError
from sealmq.pki.peer import printable

STATES = ("active", "expired", "held", "revoked")
"""What a device can be, for whoever has a clock."""

PAGE = 1000
"""Devices that are read at once."""

_NEAR_MATCHES_AMONG = 2000
_BEHIND_ALL = "\U0010ffff"
_DEVICE = """
    SELECT d.name, d.role, d.uuid, d.state, d.serial, c.not_after, d.created,
           d.state = 'revoked' AND c.reason IS 'certificateHold', c.profile
    FROM devices d JOIN certificates c ON c.serial = d.serial
    WHERE d.name > ? AND d.name >= ? AND d.name < ? """
_CHOSEN = {
    "": "",
    "active": "AND d.state = 'active' AND c.not_after >= ? ",
    "expired": "AND d.state = 'active' AND c.not_after < ? ",
    "held": "AND d.state = 'revoked' AND c.reason = 'certificateHold' ",
    "revoked": "AND d.state = 'revoked' AND c.reason IS NOT 'certificateHold' ",
}


def state_of(device: DeviceRecord, now: float) -> str:
    """One of STATES: the registry has no clock, we do. `now` in Unix seconds."""
    if device.held:
        return "held"
    return "expired" if device.state == "active" and device.not_after < now else device.state


def listed(
    registry: Registry, *, now: float, pattern: str = "", state: str = "", after: str = ""
) -> Iterator[DeviceRecord]:
    """The devices by name, read a page at a time.

    pattern: only those whose name it matches ("sensor-*", "*-0[1-5]"), in any spelling of upper and lower case.
    state:   only those in it, one of STATES. after: only those behind this name. now: Unix seconds.
    Raises EnrollmentError for another state.
    """
    if state not in _CHOSEN:
        raise EnrollmentError(f"'{printable(state)}' is no state", remedy=f"use one of: {', '.join(STATES)}")
    pattern = pattern.lower()
    beginning = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    statement = _DEVICE + _CHOSEN[state] + "ORDER BY d.name LIMIT ?"
    clock = (now,) if "?" in _CHOSEN[state] else ()
    while page := registry.query(statement, after, beginning, beginning + _BEHIND_ALL, *clock, PAGE):
        for row in page:
            device = DeviceRecord(*row)
            if not pattern or fnmatchcase(device.name.lower(), pattern):
                yield device
        after = page[-1][0]


def near(registry: Registry, name: str, n: int = 3) -> list[str]:
    """Names that somebody may have meant, the nearest first: among those that begin like it, and the first of all."""
    begun = "SELECT name FROM devices WHERE name >= ? AND name < ? ORDER BY name LIMIT ?"
    names = registry.query(begun, name[:2], name[:2] + _BEHIND_ALL, _NEAR_MATCHES_AMONG) if name.isascii() else []
    # One wrong letter at the beginning must not hide all of them.
    names += registry.query(begun, "", _BEHIND_ALL, _NEAR_MATCHES_AMONG)
    return difflib.get_close_matches(name, dict.fromkeys(each for (each,) in names), n=n)


def has_operator(registry: Registry, *, now: float) -> bool:
    """Is there a device that may see and do everything, and can still come in? `now` in Unix seconds."""
    return bool(
        registry.query(
            # "+": there are few operators and many that are active.
            "SELECT 1 FROM devices d JOIN certificates c ON c.serial = d.serial"
            " WHERE d.role = 'operator' AND +d.state = 'active' AND c.not_after >= ? LIMIT 1",
            now,
        )
    )


def revoked_names(registry: Registry) -> frozenset[str]:
    """The names of the devices that are revoked."""
    return frozenset(name for (name,) in registry.query("SELECT name FROM devices WHERE state = 'revoked'"))
