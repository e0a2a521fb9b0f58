"""The publishers of a flow, all in one process: they send, and say how much they have sent.

Nobody waits for one connection: whoever can send does, so that one that the broker holds back holds no other.
"""

from __future__ import annotations

import select
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

from sealmq.kit.bench.arrivals import Guest, arrive, connect_words
from sealmq.kit.bench.crew import Effort, Go, Ready, Stop, Used
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import Ring
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.wire import Wire
from sealmq.kit.bench.workloads import Flow

CONNECTING: Final = 120.0
"""Seconds in which all connections of a workload must stand."""

FINISHING: Final = 10.0
"""Seconds after the last message in which it must be sent, and acknowledged."""

BREATH: Final = 0.0005
"""Seconds to the next look, when enough messages are on their way: there is no event for what another process got."""

LOST: Final = 2.0
"""Seconds without a message at the other end after which those on their way are no longer waited for: a slow broker
that first reads all that there is must not be given more and more meanwhile."""

_ANSWER: Final = 4  # bytes of PUBACK, PUBREC, PUBCOMP in MQTT 3.1.1
_PUBREC, _PUBREL, _PUBCOMP = b"\x50", b"\x62", b"\x70"


@dataclass(frozen=True, slots=True)
class Given:
    """What the publishers did.

    sent:         messages.
    acknowledged: of them, at QoS 1 and 2.
    used:         of the time, by this process.
    late:         seconds that a paced message was sent behind its time, at worst.
    cut:          connections that the broker ended.
    last:         when the last message was sent and acknowledged, on the monotonic clock.
    waits:        from sending to the acknowledgement, where somebody asked for them.
    """

    sent: int
    acknowledged: int
    used: Used
    late: float
    cut: int
    last: float = 0.0
    waits: Latencies = field(default_factory=Latencies)


def topic(prefix: str, lane: int) -> str:
    """A lane's topic; all have one length."""
    return f"{prefix}/{lane:05}"


def topics(flow: Flow, prefix: str, lane: int) -> list[str]:
    """A lane's topics: one, or as many names below it as the flow has."""
    one = topic(prefix, lane)
    return [f"{one}/{name:05}" for name in range(flow.names)] or [one]


class Giver:
    """One publisher."""

    def __init__(self, flow: Flow, wire: Wire, prefix: str, number: int) -> None:
        lanes = flow.lanes_of(number)
        window = 1 if flow.pace else flow.window
        names = [name for lane in lanes for name in topics(flow, prefix, lane)]
        self.ring = Ring(names, lanes, payload=flow.payload, qos=flow.qos, window=window)
        self.wire = wire
        self.acknowledged = 0
        self.waits = Latencies()
        self._qos = flow.qos
        self._is_timed = flow.timed
        self._open_since: deque[tuple[float, int]] = deque()  # when something was sent, and what was sent until then
        self._rest = b""

    @property
    def open(self) -> int:
        """Messages that wait for their acknowledgement."""
        return self.ring.stamped - self.acknowledged if self._qos else 0

    def give(self, limit: int) -> int:
        """Send the next messages, at most so many; returns how many."""
        before, now = self.ring.stamped, time.monotonic()
        self.wire.send(self.ring.stamp(limit, now))
        if self._is_timed:
            self._open_since.append((now, self.ring.stamped))
        return self.ring.stamped - before

    def hear(self) -> None:
        """Count the acknowledgements; a PUBREC is answered."""
        data = self._rest + self.wire.receive()
        whole = len(data) // _ANSWER * _ANSWER
        self._rest = data[whole:]
        if self._qos == 1:
            self.acknowledged += whole // _ANSWER
            if self._is_timed:
                self._time(self.acknowledged - whole // _ANSWER, time.monotonic())
        elif self._qos == 2 and whole:
            kinds = data[:whole:_ANSWER]
            self.acknowledged += kinds.count(_PUBCOMP)
            received = [data[at : at + _ANSWER] for at in range(0, whole, _ANSWER) if data[at : at + 1] == _PUBREC]
            if received:
                self.wire.send(_PUBREL + _PUBREL.join(each[1:] for each in received))

    def _time(self, before: int, now: float) -> None:
        """PUBACKs come in the order of the messages (MQTT 5.0 section 4.6): so many had come before."""
        while self._open_since and before < self.acknowledged:
            sent, end = self._open_since[0]
            answered = min(end, self.acknowledged)
            self.waits.add(now - sent, answered - before)
            before = answered
            if answered == end:
                self._open_since.popleft()


def give(
    pipe: Connection, target: Target, flow: Flow, prefix: str, seconds: float, messages: int, arrived: Any
) -> None:
    """The publishers' process: connect, wait for Go, send for so many seconds or messages or until Stop, report.

    arrived: the counter in which the subscribers say how much has come.
    """
    dialer = target.dialer()
    guests = [Guest(connect_words(target, f"{prefix}-p{number}")) for number in range(flow.publishers)]
    arrive(dialer, guests, CONNECTING, again=True).expect_all(guests)
    wires = [guest.wire for guest in guests if guest.wire is not None]
    givers = [Giver(flow, wire, prefix, number) for number, wire in enumerate(wires)]
    pipe.send(Ready(len(givers)))
    go = pipe.recv()
    assert isinstance(go, Go)
    time.sleep(max(0.0, go.at - time.monotonic()))
    effort = Effort()
    work = _Work(givers, flow, pipe, time.monotonic() + seconds, messages, arrived)
    work.run()
    waits = Latencies()
    for giver in givers:
        waits.merge(giver.waits)
    pipe.send(
        Given(
            sent=sum(giver.ring.stamped for giver in givers) - work.unsent,
            acknowledged=sum(giver.acknowledged for giver in givers),
            used=work.used or effort.so_far(),
            late=work.late,
            cut=work.cut,
            last=time.monotonic(),
            waits=waits,
        )
    )
    pipe.recv()  # the connections stand until nobody needs us: EOFError is the way to end


class _Lead:
    """How many messages more may be on their way. What does not come for a while is taken for lost."""

    def __init__(self, flow: Flow, arrived: Any) -> None:
        self._most = flow.lead
        self._copies = flow.copies
        self._counter = arrived
        self._arrived = 0
        self._moved = 0.0
        self._lost = 0
        self.sent = 0

    def room(self, now: float) -> int:
        """Messages that may be sent now."""
        arrived: int = self._counter.value // self._copies
        if arrived != self._arrived or not self.sent:
            self._arrived, self._moved = arrived, now
        room = self._most - (self.sent - self._lost - arrived)
        if room <= 0 and now > self._moved + LOST:
            self._lost, self._moved = self.sent - arrived, now
            return self._most
        return max(room, 0)


class _Work:
    """The sending: as fast as it goes, by windows, or by the clock."""

    def __init__(
        self, givers: list[Giver], flow: Flow, pipe: Connection, deadline: float, messages: int, arrived: Any
    ) -> None:
        self._flow = flow
        self._pipe = pipe
        self._deadline = deadline
        self._left = messages
        self._lead = _Lead(flow, arrived)
        self._effort = Effort()
        self.used: Used | None = None
        self._is_told_to_stop = False
        self._is_at_full_speed = False
        self._poll = select.epoll()
        self._givers = {giver.wire.fileno(): giver for giver in givers}
        self._waits_to_write: set[int] = set()
        self.late = 0.0
        self.cut = 0
        self.unsent = 0
        for number in [*self._givers, pipe.fileno()]:
            self._poll.register(number, select.EPOLLIN)

    def run(self) -> None:
        """Send until it is enough, and see to what was begun."""
        if self._flow.pace:
            self._by_the_clock()
        elif self._flow.qos:
            self._by_windows()
        else:
            self._at_full_speed()
        self.used = self._effort.so_far()
        self._finish()

    def _at_full_speed(self) -> None:
        self._is_at_full_speed = True
        for number in self._givers:
            self._poll.modify(number, select.EPOLLIN | select.EPOLLOUT)
        while self._goes_on():
            room = self._lead.room(time.monotonic())
            if not room:
                time.sleep(BREATH)
                continue
            for number, events in self._poll.poll(0.1):
                giver = self._step(number, events)
                if giver is not None and room > 0 and not giver.wire.unsent and self._left > 0:
                    count = self._give(giver, min(self._left, room))
                    self._lead.sent += count
                    room -= count
        for number in self._givers:
            self._poll.modify(number, select.EPOLLIN)
        self._is_at_full_speed = False

    def _by_windows(self) -> None:
        for giver in list(self._givers.values()):
            self._fill(giver)
        while self._goes_on():
            for number, events in self._poll.poll(0.1):
                heard = self._step(number, events)
                if heard is not None:
                    self._fill(heard)
                    self._mind(heard)

    def _fill(self, giver: Giver) -> None:
        while self._left > 0 and not giver.wire.unsent and (free := self._flow.window - giver.open) > 0:
            if not self._give(giver, min(free, self._left)):
                return

    def _by_the_clock(self) -> None:
        """The publishers' moments are spread evenly over the pace."""
        order = list(self._givers.values())
        began, turn = time.monotonic(), 0
        while self._goes_on() and self._givers:
            now = time.monotonic()
            due = began + turn * self._flow.pace / len(order)
            if now >= due:
                self.late = max(self.late, now - due)
                next_one = order[turn % len(order)]
                turn += 1
                if next_one.wire.fileno() in self._givers:
                    self._give(next_one, 1)
                    self._mind(next_one)
                continue
            for number, events in self._poll.poll(min(due - now, 0.1)):
                self._step(number, events)

    def _goes_on(self) -> bool:
        if not self._givers or self._left <= 0 or self._is_told_to_stop:
            return False
        return time.monotonic() < self._deadline

    def _finish(self) -> None:
        """What was begun is sent, and acknowledged, if the broker lets us."""
        deadline = time.monotonic() + FINISHING
        while time.monotonic() < deadline:
            busy = [giver for giver in self._givers.values() if giver.wire.unsent or giver.open]
            if not busy:
                return
            for giver in busy:
                self._mind(giver)
            for number, events in self._poll.poll(0.1):
                self._step(number, events)
        # Bytes that the kernel never took are no messages that the broker lost.
        self.unsent += sum(-(-giver.wire.unsent // giver.ring.size) for giver in self._givers.values())

    def _give(self, giver: Giver, limit: int) -> int:
        try:
            count = giver.give(limit)
        except OSError:
            self._lose(giver)
            return 0
        self._left -= count
        return count

    def _step(self, number: int, events: int) -> Giver | None:
        """Read and write what there is; None when the broker has ended this connection."""
        giver = self._givers.get(number)
        if giver is None:
            if number == self._pipe.fileno():
                self._is_told_to_stop = isinstance(self._pipe.recv(), Stop)
            return None
        try:
            if events & ~select.EPOLLOUT:
                giver.hear()
            if giver.wire.unsent:
                giver.wire.flush()
        except OSError:
            self._lose(giver)
            return None
        self._mind(giver)
        return giver

    def _mind(self, giver: Giver) -> None:
        """Wait for room in the kernel where something is unsent; at full speed everybody does all the time."""
        if self._is_at_full_speed:
            return
        number = giver.wire.fileno()
        if number in self._givers and (number in self._waits_to_write) != bool(giver.wire.unsent):
            self._waits_to_write ^= {number}
            self._poll.modify(number, select.EPOLLIN | (select.EPOLLOUT if giver.wire.unsent else 0))

    def _lose(self, giver: Giver) -> None:
        self.cut += 1
        number = giver.wire.fileno()
        self._poll.unregister(number)
        del self._givers[number]
        giver.wire.close()
