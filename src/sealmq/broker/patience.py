"""Who can't keep up, and how long those who write to them wait.

A client that does not keep up is `behind`: its link is full, or its queue is long. For PATIENCE seconds those who write
to it are held (their TCP windows close, nothing is lost); after that they go on, QoS 0 for the slow one is dropped and
counted, QoS 1 and 2 wait in its session as far as the limits allow. So no reader can stop a writer for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sealmq.broker.sessions import NEVER, Session

PATIENCE = 1.0
"""Seconds that writers wait for a reader that is behind: longer than a pause of the network or a flash write, shorter
than anybody's keep-alive."""

DRAIN_RATE = 2_097_152
"""Bytes a second of its backlog that a full link must get rid of: a reader that is only slow, not gone, is given the
time that its backlog takes at this rate, on top of PATIENCE."""

LONG_QUEUE = 1_000
"""Deliveries that wait for a connected client before it counts as behind."""

BACKLOG_FACTOR = 16
"""A full link may take this many times `buffered_bytes` more while its writers are being held: what they had already
sent is in our hands, and should not be lost."""

BACKLOG_TOTAL = 67_108_864
"""Bytes of such backlog for all full links together: 64 MiB."""


class Patience:
    """The clients that are behind, and the writers that are held for them.

    buffered_bytes: asks for the limit of that name.
    dropped:        called for each QoS 0 message that a full link did not take.
    behind:         whose link is full or whose queue is long.
    backlog:        bytes that all full links have taken beyond their limit.
    """

    def __init__(self, buffered_bytes: Callable[[], int], dropped: Callable[[], None]) -> None:
        self.behind: set[Session] = set()
        self.backlog = 0
        self._buffered_bytes = buffered_bytes
        self._dropped = dropped

    def tick(self, now: float) -> None:
        """Let go of writers whose reader has been behind for longer than PATIENCE."""
        for session in self.behind:
            if session.behind_since == NEVER:
                session.behind_since = now
            elif now - session.behind_since > PATIENCE + session.backlog / DRAIN_RATE:
                self._release_writers(session)

    def link_full(self, session: Session, now: float) -> None:
        """The session's link has more waiting than `buffered_bytes`."""
        self.link_free(session)
        session.link_is_full = True
        session.push = partial(self._push_to_full, session)
        session.behind_since = now
        self.behind.add(session)

    def link_free(self, session: Session) -> None:
        """The session's link has room again, or is gone: its backlog is over."""
        self.backlog -= session.backlog
        session.backlog = 0
        session.link_is_full = False

    def _push_to_full(self, session: Session, piece: bytes) -> None:
        """`push` of a full link: what its writers had already sent is taken, within bounds; the rest is dropped."""
        size = len(piece)
        if (
            session.outbox is None
            or session.given_up
            or session.backlog + size > BACKLOG_FACTOR * self._buffered_bytes()
            or self.backlog + size > BACKLOG_TOTAL
        ):
            self._dropped()
            return
        session.backlog += size
        self.backlog += size
        session.outbox.push(piece)

    def hold(self, sender: Session, readers: Iterable[Session]) -> None:
        """Read no more from the sender until its slow reader has caught up or PATIENCE is over."""
        outbox = sender.outbox
        # We wait for this one's acknowledgements: if it were not read they would not come, and two clients that write
        # to each other would stand still.
        if outbox is None or sender.outgoing.sent or sender.outgoing.released:
            return
        for session in self.behind.intersection(readers):
            if session is not sender and not session.given_up and outbox not in session.holding:
                session.holding[outbox] = None
                outbox.hold()

    def _release_writers(self, session: Session) -> None:
        session.given_up = True
        for outbox in session.holding:
            outbox.release()
        session.holding.clear()

    def caught_up(self, session: Session) -> None:
        """The session's client keeps up again, or is gone: nobody waits for it."""
        self.behind.discard(session)
        self._release_writers(session)
        session.given_up = False
        session.behind_since = NEVER
