"""What happens later: delayed wills, and sessions that end [MQTT 3.1.2.11.2, 3.1.3.2.2].

Nothing here looks at a clock: `due(now)` gives the sessions whose time has come, the rest is a heap.
"""

from __future__ import annotations

import heapq

from sealmq.broker.sessions import NEVER, Session


class Agenda:
    """When to look at which session again.

    An entry is only a reminder: a session may have been resumed since, so whoever takes it out looks at the session's
    own `will_at` and `expires_at`.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Session]] = []
        self._number = 0

    def remind(self, session: Session) -> None:
        """Look at the session when its will is due or it expires, whichever comes first."""
        when = min(session.will_at, session.expires_at)
        if when != NEVER:
            self._number += 1
            heapq.heappush(self._entries, (when, self._number, session))

    def due(self, now: float) -> list[Session]:
        """The sessions to look at now."""
        sessions = []
        while self._entries and self._entries[0][0] <= now:
            sessions.append(heapq.heappop(self._entries)[2])
        return sessions
