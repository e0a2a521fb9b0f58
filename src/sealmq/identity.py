"""Who is at the other end: a name that somebody proved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A name that was proved in a handshake, and what the registry knows of it.

    name:      the device's name in the registry (also the certificate's common name).
    role:      "device" or "operator": what access rules are written for.
    serial:    the certificate's serial number, lower-case hex, "" where no certificate was involved.
    not_after: when the proof ends, Unix seconds; a link must not outlive it.
    """

    name: str
    role: str
    serial: str = ""
    not_after: float = float("inf")
