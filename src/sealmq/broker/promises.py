"""What may not be said before it is safe.

An acknowledgement is a promise: the message behind it survives. Where a store writes to disk, the promise waits until
what it stands for is committed, and everything that must not overtake it waits behind it [MQTT-4.6.0-2 to -4].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sealmq.broker.sessions import Outbox, Session


class Promise(NamedTuple):
    """Something to say to one client as soon as change `number` is safe.

    outbox: the link that it was meant for: should the client have come back by another, it is not said.
    keep:   says it. breach: says that it could not be done, None where the standard has no words for that.
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

    def __len__(self) -> int:
        return len(self._waiting)

    def make(
        self,
        number: int,
        session: Session,
        keep: Callable[[], None],
        breach: Callable[[], None] | None = None,
    ) -> None:
        """Call `keep` when change `number` is safe, and all that was promised to the session before has been said."""
        if session.outbox is None:
            return
        if number <= self.committed and not session.promised:
            keep()
            return
        session.promised += 1
        self._waiting.append(Promise(max(number, self._newest()), session, session.outbox, keep, breach))

    def commit(self, number: int) -> None:
        """Everything up to `number` is safe."""
        self.committed = max(self.committed, number)
        while self._waiting and self._waiting[0].number <= self.committed:
            promise = self._waiting.popleft()
            promise.session.promised -= 1
            if promise.session.outbox is promise.outbox:
                promise.keep()
                self._spoken.add(promise.session)

    def fail(self, number: int) -> None:
        """What was told up to `number` is not safe yet, and nobody knows when: say so where there are words for it."""
        kept: deque[Promise] = deque()
        while self._waiting and self._waiting[0].number <= number:
            promise = self._waiting.popleft()
            if promise.breach is None:
                kept.append(promise)
                continue
            promise.session.promised -= 1
            if promise.session.outbox is promise.outbox:
                promise.breach()
                self._spoken.add(promise.session)
        kept.extend(self._waiting)
        self._waiting = kept

    def _newest(self) -> int:
        return self._waiting[-1].number if self._waiting else 0
