"""Many connections that stand and only ping, in one process: what an idle device costs, and what a fleet that comes
back does to the others."""

from __future__ import annotations

import select
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from sealmq.kit.bench.arrivals import AT_ONCE, Guest, arrive, connect_words
from sealmq.kit.bench.crew import Effort, Go, Phase, Progress, Ready, Stop, Used
from sealmq.kit.bench.givers import CONNECTING
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.wire import Wire

PINGREQ: Final = b"\xc0\x00"
BACK: Final = "back"
"""The phase in which all leave without a word and come back at once."""


@dataclass(frozen=True, slots=True)
class Returned:
    """How the fleet came back.

    links:   that were back in the end.
    seconds: until the last one was.
    waits:   of each, from its last attempt's start to CONNACK.
    refused: attempts that failed, by reason.
    used:    of the time, by this process.
    """

    links: int
    seconds: float
    waits: Latencies
    refused: Counter[str]
    used: Used


@dataclass(frozen=True, slots=True)
class Pinged:
    """What the held connections heard.

    pings, pongs: that were said and heard.
    cut:          connections that the broker ended.
    """

    pings: int
    pongs: int
    cut: int


def gather(pipe: Connection, target: Target, links: int, keep_alive: int, prefix: str) -> None:
    """The crowd's process: connect; from Go to Stop ping; leave and come back when told so."""
    dialer = target.dialer()
    pipe.send(Ready(0))
    assert isinstance(pipe.recv(), Go)  # the memory without us is known now
    guests = [Guest(connect_words(target, f"{prefix}-i{number}", keep_alive=keep_alive)) for number in range(links)]
    arrive(dialer, guests, CONNECTING, at_once=AT_ONCE, again=True).expect_all(guests)
    crowd = Crowd(guests, keep_alive)
    pipe.send(Ready(links))
    while True:
        words = pipe.recv()
        if isinstance(words, Go):
            crowd.hold(pipe)
            pipe.send(Pinged(crowd.pings, crowd.pongs, crowd.cut))
        elif isinstance(words, Phase) and words.name == BACK:
            for guest in guests:
                guest.leave()
            effort = Effort()
            back = arrive(dialer, guests, CONNECTING, at_once=links, again=True)
            pipe.send(Returned(len(back.standing), back.seconds, back.waits, back.refused, effort.so_far()))


class Crowd:
    """Connections that ping in turn, each once in three quarters of its keep-alive, so that none is late."""

    def __init__(self, guests: list[Guest], keep_alive: int) -> None:
        self._wires = [guest.wire for guest in guests if guest.wire is not None]
        self._pause = keep_alive * 0.75 / max(len(self._wires), 1)
        self.pings = 0
        self.pongs = 0
        self.cut = 0

    def hold(self, pipe: Connection) -> None:
        """Ping until Stop is said."""
        poll = select.epoll()
        wires = {wire.fileno(): wire for wire in self._wires}
        for number in [*wires, pipe.fileno()]:
            poll.register(number, select.EPOLLIN)
        due, told, turn = time.monotonic(), 0.0, 0
        while True:
            now = time.monotonic()
            if now >= due:
                wire = self._wires[turn % len(self._wires)]
                turn += 1
                due += self._pause
                if wire.fileno() in wires:
                    self._ping(wire)
                continue
            if now > told + 0.2:
                told = now
                pipe.send(Progress(self.pings))
            for number, _ in poll.poll(min(due - now, 0.1)):
                if number == pipe.fileno():
                    if isinstance(pipe.recv(), Stop):
                        poll.close()
                        return
                    continue
                try:
                    self.pongs += len(wires[number].receive()) // len(PINGREQ)
                except OSError:
                    self.cut += 1
                    poll.unregister(number)
                    del wires[number]

    def _ping(self, wire: Wire) -> None:
        try:
            wire.send(PINGREQ)
            self.pings += 1
        except OSError:
            pass  # the next look at it says so
