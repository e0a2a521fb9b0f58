"""How fast a session is given what waits for it: a share in each turn of the loop, no more than its link gets rid of.

A new subscription may ask for all that is retained, a session that comes back has its whole queue waiting. Given at
once, that would be hundreds of megabytes in one link, and a turn in which nobody else is served.
"""

from __future__ import annotations

from collections.abc import Callable

from sealmq.broker.sessions import Session

SHARE = 262_144
"""Bytes that one session is given in one turn: about what a fast network takes meanwhile. Less where `buffered_bytes`
is small, so that what is paced never fills a link by itself."""

TURN = 1_048_576
"""Bytes that all sessions together are given in one turn: some milliseconds of work."""

STEP = 256
"""Bytes that every message counts for at least, and every look at retained messages that found none: small ones cost
time rather than room."""


class Pace:
    """Whose turn it is to be given more of what waits, and how much each has had in this turn.

    buffered_bytes: asks for the limit of that name.
    unfinished:     the sessions that go on in the next turn, in that order.
    """

    def __init__(self, buffered_bytes: Callable[[], int]) -> None:
        self.unfinished: dict[Session, None] = {}
        self._stalled: set[Session] = set()
        self._given: dict[Session, int] = {}
        self._total = 0
        self._buffered_bytes = buffered_bytes

    @property
    def is_over(self) -> bool:
        """Has everything been given that there is for this turn?"""
        return self._total >= TURN

    def room(self, session: Session) -> int:
        """Bytes that the session may be given now. 0: later; then it is called again by itself."""
        if session.outbox is None:
            return 0
        share = min(SHARE, self._buffered_bytes() // 4)
        if session.outbox.waiting() >= share:
            self._stalled.add(session)  # its network is the slower one: look again at the next tick
            return 0
        left = min(share - self._given.get(session, 0), TURN - self._total)
        if left <= 0:
            self.unfinished[session] = None
            return 0
        return left

    def gave(self, session: Session, size: int, is_done: bool) -> None:
        """The session was given `size` bytes. `is_done`: there is no more that it could be given now."""
        self._given[session] = self._given.get(session, 0) + size
        self._total += size
        if not is_done:
            self.unfinished[session] = None

    def new_turn(self) -> None:
        """Everybody may be given a share again."""
        self._given.clear()
        self._total = 0

    def tick(self) -> None:
        """Look again at those whose links had too much to send."""
        self.unfinished.update(dict.fromkeys(self._stalled))
        self._stalled.clear()

    def forget(self, session: Session) -> None:
        """The session's link is gone."""
        self.unfinished.pop(session, None)
        self._stalled.discard(session)
        self._given.pop(session, None)
