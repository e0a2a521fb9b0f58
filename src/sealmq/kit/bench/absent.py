"""Persistent sessions whose clients are away while messages are published to them, in one process.

They are made before, and left. In the end their clients come back and count what has waited, so that what a broker has
acknowledged is known to be there, or not to be. Then they are forgotten: a broker that was measured keeps nothing.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Final

from sealmq.kit.bench.arrivals import Guest, arrive, connect_words, subscribe_words
from sealmq.kit.bench.crew import Expect, Ready, counter
from sealmq.kit.bench.givers import CONNECTING
from sealmq.kit.bench.takers import Counting, filter_of, let_in
from sealmq.kit.bench.target import Dialer, Target
from sealmq.kit.bench.workloads import Flow

DISCONNECT: Final = b"\xe0\x00"

COUNTING: Final = 600.0
"""Seconds in which all that has waited is counted; before that STALL ends it, if nothing comes any more."""


class Sessions:
    """The sessions of a flow's subscribers."""

    def __init__(self, target: Target, flow: Flow, prefix: str) -> None:
        self._target = target
        self._flow = flow
        self._prefix = prefix

    def make(self, dialer: Dialer) -> None:
        """Connect, subscribe, leave. Raises HomeError when the broker does not let everybody do so."""
        subscriptions = [
            subscribe_words(filter_of(self._flow, self._prefix, number), self._flow.qos)
            for number in range(self._flow.subscribers)
        ]
        self._visit(dialer, subscriptions, clean=False)

    def forget(self, dialer: Dialer) -> None:
        """Connect with a clean session, which ends the one that there was, and leave."""
        self._visit(dialer, [b""] * self._flow.subscribers, clean=True)

    def guests(self) -> list[Guest]:
        """The clients on their way back."""
        return [Guest(self._words(number, clean=False)) for number in range(self._flow.subscribers)]

    def _words(self, number: int, *, clean: bool) -> bytes:
        return connect_words(self._target, f"{self._prefix}-a{number}", clean=clean)

    def _visit(self, dialer: Dialer, subscriptions: list[bytes], *, clean: bool) -> None:
        guests = [
            Guest(self._words(number, clean=clean) + words, subscribes=bool(words))
            for number, words in enumerate(subscriptions)
        ]
        came = arrive(dialer, guests, CONNECTING, again=True)
        for guest in came.standing:
            assert guest.wire is not None
            guest.wire.send(DISCONNECT)
            guest.leave()
        came.expect_all(guests)


def wait_away(pipe: Connection, target: Target, flow: Flow, prefix: str) -> None:
    """The absent ones' process: make the sessions; when told how much to expect, come back, count, report."""
    dialer = target.dialer()
    sessions = Sessions(target, flow, prefix)
    try:
        sessions.make(dialer)
        pipe.send(Ready(flow.subscribers))
        words = pipe.recv()
        assert isinstance(words, Expect)
        takers = let_in(dialer, flow, prefix, sessions.guests())
        pipe.send(Counting(takers, pipe, counter(), expected=words.messages, longest=COUNTING).run())
        for taker in takers:
            taker.wire.close()
        pipe.recv()  # EOFError is the way to end
    finally:
        sessions.forget(dialer)
