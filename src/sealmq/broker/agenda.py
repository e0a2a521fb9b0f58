"""What happens later: delayed wills, sessions that end, messages that expire [MQTT 3.1.2.11.2, 3.1.3.2.2, 3.3.2.3.3].

Nothing here looks at a clock: `due(now)` gives what has come due, the rest is a heap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from math import inf
from typing import Generic, TypeVar

STALE_AT_LEAST = 64
"""Reminders that no longer count before they are looked for: below it they cost less than the looking."""

Key = TypeVar("Key")


class Agenda(Generic[Key]):
    """When to look at what again. Keys can be compared, and name a thing without holding it.

    A reminder is only a reminder: a session may have been resumed since, so whoever takes it out looks at the thing
    itself. One counts for each key, the earliest; what is gone does not wait in memory for the time that it might have
    had.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, Key]] = []
        self._next: dict[Key, float] = {}

    def __len__(self) -> int:
        """Reminders in memory, those that no longer count included."""
        return len(self._heap)

    def remind(self, key: Key, when: float) -> None:
        """Look at it at this time; infinity: never."""
        if when >= self._next.get(key, inf):
            return  # it is looked at earlier, or never has to be
        self._next[key] = when
        heapq.heappush(self._heap, (when, key))
        self._tidy()

    def forget(self, key: Key) -> None:
        """It is gone."""
        self._next.pop(key, None)
        self._tidy()

    def due(self, now: float) -> Iterator[Key]:
        """What to look at now, the earliest first. What is not taken out stays due."""
        while self._heap and self._heap[0][0] <= now:
            when, key = heapq.heappop(self._heap)
            if self._next.get(key) == when:
                del self._next[key]
                yield key

    def _tidy(self) -> None:
        """Throw away what no longer counts, when it is more than half."""
        if len(self._heap) > STALE_AT_LEAST + 2 * len(self._next):
            self._heap = [(when, key) for key, when in self._next.items()]
            heapq.heapify(self._heap)
