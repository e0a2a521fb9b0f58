"""What may not be said before it is safe.

An acknowledgement is a promise: the message behind it survives. Where a store writes to disk, the promise waits until
what it stands for is committed, and everything that must not overtake it waits behind it [MQTT-4.6.0-2 to -4],
[MQTT 3.1.1: MQTT-4.6.0-2 to -4].

Rule 1: a promise belongs to the link that it was made on. What could not be said before that link ended is not said:
        the client asks again, and is answered by what the session knows then.
Rule 2: while many wait for one client, no more is read from it: who is not answered cannot fill the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sealmq.broker.sessions import Outbox, Session

MOST_WAITING = 2_000
"""Promises to one client that wait before it is held: twice what a client of MQTT 5 may have unacknowledged, so that
only who does not wait for answers meets it. It is read again when half of them have been kept."""


class Promise(NamedTuple):
    """Something to say to one client as soon as change `number` is safe.

    outbox: the link that it was made on.
    keep:   says it. breach: says that it could not be done; None where nothing is said until it is.
    """

    number: int
    session: Session
    outbox: Outbox
    keep: Callable[[], None]
    breach: Callable[[], None] | None


class Promises:
    """The promises that wait, in the order in which they were made.

    spoken:    where to put a session that was told something, so that its link is flushed.
    committed: the number of the last change that is safe.
    """

    def __init__(self, spoken: set[Session]) -> None:
        self.committed = 0
        self._spoken = spoken
        self._waiting: deque[Promise] = deque()
        self._held: dict[Session, Outbox] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def make(
        self,
        number: int,
        session: Session,
        keep: Callable[[], None],
        breach: Callable[[], None] | None = None,
    ) -> None:
        """Call `keep` when change `number` is safe, and all that was promised to the session before has been said.

        number: 0 when it needs no commit of its own.
        """
        outbox = session.outbox
        if outbox is None:
            return
        if number <= self.committed and not session.promised:
            keep()
            return
        session.promised += 1
        self._waiting.append(Promise(max(number, self._newest()), session, outbox, keep, breach))
        if session.promised >= MOST_WAITING and self._held.get(session) is not outbox:
            self._held[session] = outbox
            outbox.hold()

    def commit(self, number: int) -> None:
        """Everything up to `number` is safe."""
        self.committed = max(self.committed, number)
        while self._waiting and self._waiting[0].number <= self.committed:
            self._say(self._waiting.popleft(), is_safe=True)

    def fail(self) -> None:
        """The disk refuses, and nobody knows how long: say so to those whom it can be said to."""
        waiting, self._waiting = self._waiting, deque()
        for promise in waiting:
            if promise.breach is None:
                self._waiting.append(promise)
            else:
                self._say(promise, is_safe=False)

    def _say(self, promise: Promise, *, is_safe: bool) -> None:
        session = promise.session
        session.promised -= 1
        if session.outbox is promise.outbox:
            say = promise.keep if is_safe or promise.breach is None else promise.breach
            say()
            self._spoken.add(session)
        if self._held and session.promised <= MOST_WAITING // 2:
            held = self._held.pop(session, None)
            if held is not None and held is session.outbox:
                held.release()

    def _newest(self) -> int:
        return self._waiting[-1].number if self._waiting else 0
