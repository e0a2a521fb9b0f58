"""What happens later: delayed wills, and sessions that end [MQTT 3.1.2.11.2, 3.1.3.2.2].

Nothing here looks at a clock: `due(now)` gives the sessions whose time has come, the rest is a heap.
"""

from __future__ import annotations

import heapq

from sealmq.broker.sessions import NEVER, Session, SessionKey

STALE_AT_LEAST = 64
"""Reminders that no longer count before they are looked for: below it they cost less than the looking."""


class Agenda:
    """When to look at which session again.

    A reminder is only a reminder: a session may have been resumed since, so whoever takes it out looks at the session's
    own `will_at` and `expires_at`. One counts for each session, the earliest; and it names the session without holding
    it, so a session that is gone does not wait in memory for the time that it might have had.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, SessionKey]] = []
        self._next: dict[SessionKey, float] = {}

    def __len__(self) -> int:
        """Reminders in memory, those that no longer count included."""
        return len(self._heap)

    def remind(self, session: Session) -> None:
        """Look at the session when its will is due or it expires, whichever comes first."""
        when = min(session.will_at, session.expires_at)
        if when >= self._next.get(session.key, NEVER):
            return  # it is looked at earlier, or never has to be
        self._next[session.key] = when
        heapq.heappush(self._heap, (when, session.key))
        self._tidy()

    def forget(self, key: SessionKey) -> None:
        """The session is gone."""
        self._next.pop(key, None)
        self._tidy()

    def due(self, now: float) -> list[SessionKey]:
        """The sessions to look at now."""
        keys = []
        while self._heap and self._heap[0][0] <= now:
            when, key = heapq.heappop(self._heap)
            if self._next.get(key) == when:
                del self._next[key]
                keys.append(key)
        return keys

    def _tidy(self) -> None:
        """Throw away what no longer counts, when it is more than half."""
        if len(self._heap) > STALE_AT_LEAST + 2 * len(self._next):
            self._heap = [(when, key) for key, when in self._next.items()]
            heapq.heapify(self._heap)
