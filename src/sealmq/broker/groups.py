"""Shared subscriptions: one topic filter, several members, each message to one of them [MQTT 4.8.2].

A group takes turns among the members that could send a message on at once: connected, not behind, nothing waiting. When
nobody can, a connected member that is slow gets it into its queue, and when nobody is connected, one whose session
waits for it (QoS 1 and 2 alone).
"""

from __future__ import annotations

from collections.abc import Callable

from sealmq.broker.sessions import Held, Session


class Group:
    """The members of one shared subscription: each filter behind `$share/` is a group of its own.

    members: who has subscribed, and how.
    """

    __slots__ = ("_away", "_here", "_turn", "members")

    def __init__(self) -> None:
        self.members: dict[Session, Held] = {}
        self._here: list[Session] | None = None
        self._away: list[Session] = []
        self._turn = 0

    def join(self, session: Session, held: Held) -> None:
        """The session is a member, or has subscribed anew."""
        self.members[session] = held
        self._here = None

    def leave(self, session: Session) -> None:
        """The session is no member any more."""
        self.members.pop(session, None)
        self._here = None

    def presence_changed(self) -> None:
        """A member has come or gone: who is here has to be found out anew."""
        self._here = None

    @property
    def is_served(self) -> bool:
        """Is any member connected?"""
        return bool(self._find_out())

    def _find_out(self) -> list[Session]:
        """Who is here; remembered until somebody comes or goes."""
        if self._here is None:
            self._here = [session for session in self.members if session.outbox is not None]
            self._away = [session for session in self.members if session.outbox is None]
        return self._here

    def next(self, qos: int, is_ready: Callable[[Session], bool]) -> Session | None:
        """Whose turn is it to get a message of this QoS? None: nobody is here, and no session may keep it."""
        here = self._find_out()
        if not here:
            return self._next_away(qos)
        count = len(here)
        for step in range(count):
            place = (self._turn + step) % count
            if is_ready(here[place]):
                self._turn = place + 1
                return here[place]
        self._turn = self._turn % count + 1
        return here[self._turn - 1]

    def _next_away(self, qos: int) -> Session | None:
        """A session keeps what it may have at QoS 1 or 2; the rest is lost, as for any absent client."""
        away = self._away
        for step in range(len(away) if qos else 0):
            place = (self._turn + step) % len(away)
            if self.members[away[place]].subscription.qos:
                self._turn = place + 1
                return away[place]
        return None
