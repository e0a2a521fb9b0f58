"""Messages whose time is over go by themselves, and not only when somebody meets them [MQTT 3.3.2.3.3].

Nobody comes for what waits in a session that is away for a month, or is retained on a topic that nobody asks for: it
would be memory and disk that no one can use. What one tick does is bounded; what it leaves is due at the next.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealmq.broker.dispatch import Dispatch
from sealmq.broker.patience import LONG_QUEUE
from sealmq.broker.retained import Retained
from sealmq.broker.sessions import NEVER, Session, SessionKey
from sealmq.broker.store import Store

SHARE = 10_000
"""Messages that one tick looks at, or one queue if that is longer: some milliseconds, four times a second."""

PAUSE = 5.0
"""Seconds before a queue is looked through again. Messages that expire one by one would have it done at every tick."""


class Expiry:
    """Lets go of what has expired, in memory and on the disk."""

    def __init__(
        self, sessions: Mapping[SessionKey, Session], retained: Retained, dispatch: Dispatch, store: Store
    ) -> None:
        self._sessions = sessions
        self._retained = retained
        self._dispatch = dispatch
        self._store = store

    def restore(self, session: Session) -> None:
        """The session came back with what waits in it."""
        self._dispatch.expiring.remind(session.key, min((one.expires_at for one in session.queue), default=NEVER))

    def tick(self, now: float) -> None:
        """Time has passed. `now` in Unix seconds."""
        left = SHARE
        for topic in self._retained.expired(now):
            self._store.forgotten(topic)
            self._dispatch.counters.expired_retained += 1
            left -= 1
            if left <= 0:
                return
        for key in self._dispatch.expiring.due(now):
            session = self._sessions.get(key)
            if session is not None:
                left -= len(session.queue)
                self._look_through(session, now)
            if left <= 0:
                return

    def _look_through(self, session: Session, now: float) -> None:
        for one in session.take_out(lambda each: each.expires_at <= now):
            self._dispatch.counters.dropped_expired += 1
            self._store.finished(session, one)
        first = min((each.expires_at for each in session.queue), default=NEVER)
        if first != NEVER:
            self._dispatch.expiring.remind(session.key, max(first, now + PAUSE))
        if len(session.queue) < LONG_QUEUE // 2 and session in self._dispatch.patience.behind:
            self._dispatch.patience.caught_up(session)
