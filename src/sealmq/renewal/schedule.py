"""When to renew, and when to try again. Pure."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from sealmq.broker.certificate_requests import RENEW_AT

SPREAD: Final = 0.1
"""The part by which that moment differs from certificate to certificate: a fleet that was enrolled in one hour must not
come back in one hour."""

FIRST_PAUSE: Final = 60.0
"""Seconds until the first new try; each further one waits twice as long."""

LONGEST_PAUSE: Final = 6 * 3600.0
"""... but no longer than this: a broker that was away for a day is found again in the same day."""


def due_at(not_before: float, not_after: float, serial: str) -> float:
    """The moment (Unix seconds) to renew a certificate: two thirds of its life, 10 % sooner or later.

    How much is decided by its serial number, so that a program which starts anew comes to the same moment.
    """
    part = int.from_bytes(sha256(serial.encode()).digest()[:4]) / 2**32  # 0 to 1
    return not_before + (not_after - not_before) * RENEW_AT * (1 + SPREAD * (2 * part - 1))


def pause_after(failures: int, left: float, dice: float) -> float:
    """Seconds until the next try after so many failures (1 or more).

    left: seconds that the certificate still holds; while it does, there are at least eight tries. dice: 0 to 1.
    """
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE)
    if left > 0:
        pause = min(pause, max(1.0, left / 8))
    return pause * (0.75 + 0.5 * dice)
