"""The memory of links that are gone goes back to the system.

glibc keeps what was freed for whoever asks next, unless it lies at the very end of the heap, and there lies always
something. A broker that once had 4,000 links would keep their 120 MB for ever; asked for it, glibc gives 95 of them
back, or 25 where their TLS sessions are kept (tls/resumption.py), which lie in between. Other C libraries are not
asked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

WORTHWHILE = 500
"""Links fewer than there were, below which nobody is asked: they had 15 MB."""

REST = 10.0
"""Seconds for which they must be gone. A fleet that lost its network comes back sooner, and wants the same memory."""

_NEVER = float("inf")


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's, or None where there is none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or a system that has none to ask
        return None
    return trim


class Heap:
    """When it is worthwhile to give memory back. It takes 3 microseconds for each link that is gone: 12 ms for 4,000.

    trim: gives back what is free, but for so many bytes.
    """

    def __init__(self, trim: Callable[[int], int] | None = None) -> None:
        self._trim = trim or _malloc_trim()
        self._most = 0
        self._fewer_since = _NEVER

    def look(self, links: int, now: float) -> None:
        """So many links stand now. To call at every tick."""
        self._most = max(self._most, links)
        if self._most - links < WORTHWHILE:
            self._fewer_since = _NEVER
        elif self._fewer_since == _NEVER:
            self._fewer_since = now
        elif now - self._fewer_since >= REST:
            self._most = links
            self._fewer_since = _NEVER
            if self._trim is not None:
                self._trim(0)
