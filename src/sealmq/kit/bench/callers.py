"""New connections, as many as the broker makes, each left as soon as it stands: what a handshake costs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Final

from sealmq.errors import HomeError
from sealmq.kit.bench.arrivals import Arrivals, Guest, arrive, connect_words
from sealmq.kit.bench.crew import Effort, Go, Progress, Ready, Used
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.workloads import Calls
from sealmq.tls.middleware import TLS12, TLS13
from sealmq.tls.middlewares import find
from sealmq.tls.plaintext import PlaintextConnection

DISCONNECT: Final = b"\xe0\x00"
FIRST: Final = 30.0
"""Seconds that the first connection, which shows whether it goes at all, may take."""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of it.

    connections: that were let in.
    resumed:     of them, those that resumed a session.
    seconds:     it took.
    used:        of the time, by this process.
    """

    connections: int
    resumed: int
    seconds: float
    used: Used
    waits: Latencies
    refused: Counter[str]


class Caller:
    """Makes guests, hangs up when they are in, and keeps the newest session for the next one."""

    def __init__(self, calls: Calls, target: Target, prefix: str, most: int) -> None:
        self._calls = calls
        self._target = target
        self._prefix = prefix
        self._most = most
        self._session: object | None = None
        self.stopping_at = float("inf")
        self.connections = 0
        self.resumed = 0

    def guests(self) -> Iterator[Guest]:
        """Guests until the time is over, or there were enough."""
        for number in range(self._most):
            if time.monotonic() >= self.stopping_at:
                return
            yield Guest(connect_words(self._target, f"{self._prefix}-c{number}"))

    def session(self) -> object | None:
        """What the next one resumes."""
        return self._session

    def arrived(self, guest: Guest, arrivals: Arrivals) -> None:
        """One is in: count it, remember its session, leave."""
        assert guest.wire is not None
        self.connections += 1
        tls = guest.wire.tls
        if tls.proof is not None and tls.proof.resumed:
            self.resumed += 1
        if self._calls.resumed and not isinstance(tls, PlaintextConnection):
            self._session = tls.session or self._session
        guest.wire.send(DISCONNECT)
        tls.keep_session()  # who hangs up without a goodbye may resume all the same
        guest.leave()


def _expect_able(target: Target, calls: Calls) -> None:
    """Raise HomeError when the TLS library could not do what is to be measured."""
    if target.plaintext:
        if calls.resumed:
            raise HomeError("without TLS there is nothing that could be resumed")
        return
    abilities = find(target.middleware).abilities
    version = TLS12 if calls.version_12 else TLS13
    if version not in abilities.versions:
        raise HomeError(f"the middleware {target.middleware} has no {version}", why=f"it is {abilities.title}")
    if calls.resumed and version not in abilities.resumes_client:
        raise HomeError(
            f"the middleware {target.middleware} resumes no session of {version}",
            why=f"{abilities.title} cannot do that as a device",
        )


def call(pipe: Connection, target: Target, calls: Calls, prefix: str, seconds: float, most: int) -> None:
    """The callers' process: one connection to see whether it goes, then as many as it can; report."""
    _expect_able(target, calls)
    if calls.anonymous:
        target = replace(target, chain=None, key=None)
    dialer = replace(target, version_12=calls.version_12).dialer()
    caller = Caller(calls, target, prefix, most)
    first = arrive(dialer, [Guest(connect_words(target, f"{prefix}-c"))], FIRST, arrived=caller.arrived)
    if first.refused:
        remedy = "a broker that asks everybody for a certificate lets nobody in without" if calls.anonymous else ""
        raise HomeError("the broker lets nobody in", why=first.refused.most_common(1)[0][0], remedy=remedy)
    if calls.resumed and caller.session() is None:
        raise HomeError("the broker gives no session tickets: nothing can be resumed")
    caller.connections = caller.resumed = 0
    pipe.send(Ready(1))
    go = pipe.recv()
    assert isinstance(go, Go)
    time.sleep(max(0.0, go.at - time.monotonic()))
    effort, told = Effort(), [0.0]
    caller.stopping_at = time.monotonic() + seconds

    def arrived(guest: Guest, arrivals: Arrivals) -> None:
        caller.arrived(guest, arrivals)
        if time.monotonic() > told[0] + 0.2:
            told[0] = time.monotonic()
            pipe.send(Progress(caller.connections))

    came = arrive(
        dialer, caller.guests(), seconds + FIRST, at_once=calls.at_once, arrived=arrived, session=caller.session
    )
    pipe.send(Called(caller.connections, caller.resumed, came.seconds, effort.so_far(), came.waits, came.refused))
    pipe.recv()
