"""The subscribers of a flow, all in one process: they count what comes, and acknowledge it."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from sealmq.errors import HomeError
from sealmq.kit.bench.arrivals import Guest, arrive, connect_words, subscribe_words
from sealmq.kit.bench.crew import Effort, Expect, Go, Phase, Progress, Ready, Used
from sealmq.kit.bench.givers import CONNECTING, topic, topics
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import Ring
from sealmq.kit.bench.tally import Tally
from sealmq.kit.bench.target import Dialer, Target
from sealmq.kit.bench.wire import Wire
from sealmq.kit.bench.workloads import Flow

STALL: Final = 10.0
"""Seconds without a message after which no more will come, once all are sent: what is late is not lost."""

DRAINING: Final = 30.0
"""Seconds after the last message was sent in which those that are on their way are counted."""

LINGERING: Final = 0.2
"""Seconds in which one that comes twice may still come, when all are there."""

_PUBREL: Final = 0x62
_ANSWER: Final = 4  # bytes of PUBREL, PUBACK, PUBREC, PUBCOMP in MQTT 3.1.1


@dataclass(frozen=True, slots=True)
class Taken:
    """What the subscribers got.

    unique, duplicated: messages.
    last:               when the last one came, on the monotonic clock.
    used:               of the time, by this process.
    latencies:          by phase; a flow that was told of none has one, "".
    cut:                connections that the broker ended.
    """

    unique: int
    duplicated: int
    last: float
    used: Used
    latencies: dict[str, Latencies]
    cut: int


class Taker:
    """One subscriber."""

    def __init__(self, flow: Flow, wire: Wire, size: int, rest: bytes = b"") -> None:
        """rest: what has come already."""
        self.wire = wire
        self.tally = Tally(size, flow.payload)
        self._qos = flow.qos
        self._size = size
        self._identifier = size - flow.payload - 2
        self._rest = rest

    def take(self, latencies: Latencies) -> int:
        """Count what has come, and acknowledge it; returns how many messages are new."""
        data = self._rest + self.wire.receive()
        now = time.monotonic()
        before = self.tally.unique
        if self._qos == 2:
            packets = self._sort_out(data)
        else:
            whole = len(data) // self._size * self._size
            packets, self._rest = data[:whole], data[whole:]
            if packets and packets[0] >> 4 != 3:
                raise HomeError(f"the broker sends a packet of type {packets[0] >> 4} where a PUBLISH should be")
            if self._qos == 1 and packets:
                self.wire.send(self._pubacks(packets))
        self.tally.take(packets, now, latencies)
        return self.tally.unique - before

    def _pubacks(self, packets: bytes) -> bytearray:
        """PUBACK for each of them: the identifiers by columns."""
        first = packets[self._identifier :: self._size]
        answers = bytearray(b"\x40\x02\0\0" * len(first))
        answers[2::_ANSWER] = first
        answers[3::_ANSWER] = packets[self._identifier + 1 :: self._size]
        return answers

    def _sort_out(self, data: bytes) -> bytes:
        """QoS 2: PUBLISH is answered by PUBREC, PUBREL by PUBCOMP; returns the messages."""
        at, end = 0, len(data)
        messages, answers = [], bytearray()
        while end - at >= _ANSWER:
            if data[at] == _PUBREL:
                answers += b"\x70" + data[at + 1 : at + _ANSWER]
                at += _ANSWER
                continue
            if data[at] >> 4 != 3:
                raise HomeError(f"the broker sends a packet of type {data[at] >> 4} where PUBLISH or PUBREL should be")
            if end - at < self._size:
                break
            messages.append(data[at : at + self._size])
            answers += b"\x50\x02" + data[at + self._identifier : at + self._identifier + 2]
            at += self._size
        self._rest = data[at:]
        if answers:
            self.wire.send(answers)
        return b"".join(messages)


def take(pipe: Connection, target: Target, flow: Flow, prefix: str, arrived: Any) -> None:
    """The subscribers' process: connect, wait for Go, count until what is expected has come, report.

    arrived: the counter in which the publishers see how much has come.
    """
    dialer = target.dialer()
    guests = []
    for number in range(flow.subscribers):
        words = connect_words(target, f"{prefix}-s{number}") + subscribe_words(
            filter_of(flow, prefix, number), flow.qos
        )
        guests.append(Guest(words, subscribes=True))
    takers = let_in(dialer, flow, prefix, guests)
    pipe.send(Ready(len(takers)))
    assert isinstance(pipe.recv(), Go)
    pipe.send(Counting(takers, pipe, arrived).run())
    pipe.recv()  # the connections stand until nobody needs us: EOFError is the way to end


def filter_of(flow: Flow, prefix: str, number: int) -> str:
    """What a subscriber subscribes to: the topics of its own lane, or those of all lanes."""
    if not flow.own:
        return f"{prefix}/#"
    return f"{topic(prefix, number)}/#" if flow.names else topic(prefix, number)


def let_in(dialer: Dialer, flow: Flow, prefix: str, guests: list[Guest]) -> list[Taker]:
    """Connect them all. Raises HomeError when not everybody is let in."""
    arrive(dialer, guests, CONNECTING, again=True).expect_all(guests)
    example = topics(flow, prefix, 0)[:1]
    size = Ring(example, [0], payload=flow.payload, qos=flow.qos, window=1).size
    return [Taker(flow, guest.wire, size, guest.rest) for guest in guests if guest.wire is not None]


class Counting:
    """The receiving, until it is enough."""

    def __init__(
        self,
        takers: list[Taker],
        pipe: Connection,
        arrived: Any,
        *,
        expected: int | None = None,
        longest: float = DRAINING,
    ) -> None:
        """expected: messages, where it is known already. longest: seconds in which these are counted."""
        self._longest = longest
        self._pipe = pipe
        self._arrived = arrived
        self._takers = {taker.wire.fileno(): taker for taker in takers}
        self._all = takers
        self._phases = {"": Latencies()}
        self._phase = self._phases[""]
        self._expected: int | None = None
        self._deadline = float("inf")
        self._stall = 0.0
        if expected is not None:
            self._expect(expected)
        self._unique = 0
        self._cut = 0
        self._poll = select.epoll()
        for number in [*self._takers, pipe.fileno()]:
            self._poll.register(number, select.EPOLLIN)

    def run(self) -> Taken:
        """Count until it is enough."""
        effort = Effort()
        last = told = time.monotonic()
        # What came behind a CONNACK lies here already: a broker whose window that fills says no more until it is taken.
        ready = [(number, select.EPOLLIN) for number in self._takers]
        while True:
            came = 0
            for number, events in ready:
                if number == self._pipe.fileno():
                    self._listen()
                else:
                    came += self._step(number, events)
            now = time.monotonic()
            if came:
                last = now
                self._unique += came
                self._arrived.value = self._unique
            if now > told + 0.2:
                told = now
                self._pipe.send(Progress(self._unique))
            if self._is_enough(now, last):
                break
            ready = self._poll.poll(0.1)
        return Taken(
            unique=self._unique,
            duplicated=sum(taker.tally.duplicated for taker in self._all),
            last=last,
            used=effort.so_far(),
            latencies={name: found for name, found in self._phases.items() if found.count or not name},
            cut=self._cut,
        )

    def _is_enough(self, now: float, last: float) -> bool:
        if self._expected is None:
            return not self._takers
        if self._unique >= self._expected:
            return now > last + LINGERING
        return not self._takers or now > self._deadline or now > max(last, self._stall) + STALL

    def _listen(self) -> None:
        words = self._pipe.recv()
        if isinstance(words, Expect):
            self._expect(words.messages)
        elif isinstance(words, Phase):
            self._phase = self._phases.setdefault(words.name, Latencies())

    def _expect(self, messages: int) -> None:
        now = time.monotonic()
        self._expected, self._deadline, self._stall = messages, now + self._longest, now

    def _step(self, number: int, events: int) -> int:
        taker = self._takers[number]
        try:
            new = taker.take(self._phase) if events & ~select.EPOLLOUT else 0
            if taker.wire.unsent:
                taker.wire.flush()
        except OSError:
            self._cut += 1
            self._poll.unregister(number)
            del self._takers[number]
            taker.wire.close()
            return 0
        if taker.wire.unsent:
            self._poll.modify(number, select.EPOLLIN | select.EPOLLOUT)
        elif events & select.EPOLLOUT:
            self._poll.modify(number, select.EPOLLIN)
        return new
