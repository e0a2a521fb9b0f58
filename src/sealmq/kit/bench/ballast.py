"""Much that a broker has to remember and that does not concern the messages that are measured: subscriptions of others,
or retained messages. One process adds more of it when it is told to, and takes everything away in the end.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from sealmq.errors import Error, HomeError
from sealmq.kit.bench.arrivals import Guest, arrive, connect_words, subscribe_words
from sealmq.kit.bench.crew import Progress, Ready
from sealmq.kit.bench.givers import CONNECTING
from sealmq.kit.bench.stamps import LEVEL
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.wire import Wire
from sealmq.kit.bench.workloads import Ballast, Scale
from sealmq.mqtt.packets import Publish, Subscribe, Subscription, Unsubscribe
from sealmq.mqtt.writer import write_packet

TOGETHER: Final = 100
"""Filters of a SUBSCRIBE."""

IN_FLIGHT: Final = 500
"""Retained messages between two waits for their acknowledgements."""

PATIENCE: Final = 30.0
"""Seconds in which a broker answers, or it is said that it does not."""

SILENCE: Final = 1.0
"""Seconds without a retained message after which no more will come."""

_REFUSED: Final = 0x80
_PUBACK: Final = 4  # bytes
_SUBACK: Final = 5
_UNSUBACK: Final = 4
_PAYLOAD: Final = bytes(64)


@dataclass(frozen=True, slots=True)
class Grow:
    """There should be so much of it."""

    count: int


@dataclass(frozen=True, slots=True)
class Grown:
    """There is. count: of it, as far as the broker took it."""

    count: int


_FILTERS: Final[dict[Ballast, str]] = {"exact": "{}/x{:06}", "+": "{}/+/x{:06}", "#": "{}/x{:06}/#"}
"""By the prefix and a number. They stand beside the topics that are measured, which are `PREFIX/00000` and
`PREFIX/00000/00000`, and match none of them."""


def topic_filter(kind: Ballast, prefix: str, number: int) -> str:
    """A subscription's filter."""
    return _FILTERS[kind].format(prefix, number)


def hold(pipe: Connection, target: Target, scale: Scale, prefix: str) -> None:
    """The process: connect; for each Grow add what is missing, and say how much there is; at Stop take it away."""
    guests = [Guest(connect_words(target, f"{prefix}-b{number}")) for number in range(scale.links)]
    arrive(target.dialer(), guests, CONNECTING, again=True).expect_all(guests)
    wires = [guest.wire for guest in guests if guest.wire is not None]
    pipe.send(Ready(len(wires)))
    kind = Retained if scale.ballast == "retained" else Subscriptions
    ballast = kind(wires, prefix, scale, lambda count: pipe.send(Progress(count)))
    try:
        while isinstance(words := pipe.recv(), Grow):
            ballast.grow(words.count)
            pipe.send(Grown(ballast.count))
    finally:
        ballast.drop()
    pipe.send(Grown(0))
    pipe.recv()  # EOFError is the way to end


class Subscriptions:
    """Subscriptions, of which each link holds the same share in the end."""

    def __init__(self, wires: list[Wire], prefix: str, scale: Scale, tell: Callable[[int], None]) -> None:
        self.count = 0
        self._wires = wires
        self._prefix = prefix
        self._kind = scale.ballast
        self._share = -(-scale.steps[-1] // len(wires))
        self._tell = tell

    def grow(self, count: int) -> None:
        """Subscribe until there are so many. Raises HomeError when the broker refuses one."""
        while self.count < count:
            turn = self.count // self._share
            numbers = range(self.count, min(self.count + TOGETHER, count, (turn + 1) * self._share))
            filters = [Subscription(topic_filter(self._kind, self._prefix, number), 0) for number in numbers]
            wire = self._wires[turn]
            wire.send(write_packet(Subscribe(1, filters), LEVEL))
            codes = hear(wire, 4 + len(filters))[4:]
            if max(codes) >= _REFUSED:
                raise HomeError(
                    f"the broker refuses subscription {self.count + 1:,}",
                    why="it has a limit of them",
                    remedy="--scale 0.1 takes a tenth",
                )
            self.count += len(filters)
            self._tell(self.count)

    def drop(self) -> None:
        """They go with their links, whose sessions are clean."""
        for wire in self._wires:
            wire.close()


class Retained:
    """Retained messages."""

    def __init__(self, wires: list[Wire], prefix: str, scale: Scale, tell: Callable[[int], None]) -> None:
        self.count = 0
        self._wire = wires[0]
        self._prefix = prefix
        self._tell = tell
        self._sent = 0

    def grow(self, count: int) -> None:
        """Publish until there are so many, and have the broker show how many it has."""
        self._publish(range(self._sent, count), _PAYLOAD)
        self.count = self._shown()

    def drop(self) -> None:
        """Take each away, by an empty one, if the broker still listens."""
        try:
            self._publish(range(self._sent), b"")
        except (OSError, Error):
            pass
        self._wire.close()

    def _publish(self, numbers: range, payload: bytes) -> None:
        for first in range(numbers.start, numbers.stop, IN_FLIGHT):
            some = range(first, min(first + IN_FLIGHT, numbers.stop))
            self._wire.send(b"".join(self._packets(some, payload)))
            hear(self._wire, _PUBACK * len(some))
            self._sent = max(self._sent, some.stop)
            self._tell(self._sent)

    def _packets(self, numbers: range, payload: bytes) -> Iterator[bytes]:
        for place, number in enumerate(numbers, 1):
            topic = topic_filter("exact", self._prefix, number)
            yield write_packet(Publish(topic, payload, 1, True, packet_id=place), LEVEL)

    def _shown(self) -> int:
        """What a broker acknowledged it may yet not keep: a 3.1.1 client hears nothing of a limit."""
        size = len(write_packet(Publish(topic_filter("exact", self._prefix, 0), _PAYLOAD, 0, True), LEVEL))
        self._wire.send(subscribe_words(f"{self._prefix}/+", 0))
        heard = len(hear(self._wire, _SUBACK + size * self._sent, silence=SILENCE))
        self._wire.send(write_packet(Unsubscribe(1, [f"{self._prefix}/+"]), LEVEL))
        hear(self._wire, _UNSUBACK)
        return (heard - _SUBACK) // size


def hear(wire: Wire, count: int, *, silence: float = PATIENCE) -> bytes:
    """So many bytes; fewer when nothing more comes for so long. Raises HomeError then, unless that was expected."""
    poll = select.poll()
    poll.register(wire.fileno(), select.POLLIN)
    pieces, missing = [], count
    deadline = time.monotonic() + silence
    while missing > 0:
        if not wire.flush():
            poll.modify(wire.fileno(), select.POLLIN | select.POLLOUT)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1e3):
            if silence < PATIENCE:
                break
            raise HomeError(f"the broker has not answered for {silence:.0f} s", remedy="see its log")
        data = wire.receive()
        poll.modify(wire.fileno(), select.POLLIN)
        if data:
            pieces.append(data)
            missing -= len(data)
            deadline = time.monotonic() + silence
    return b"".join(pieces)
