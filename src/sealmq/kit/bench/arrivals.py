"""Many connections on their way in: TCP, TLS, CONNECT and what follows it, until the answers are there."""

from __future__ import annotations

import select
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field
from typing import Final

from sealmq.errors import Error, HomeError
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import LEVEL
from sealmq.kit.bench.target import Dialer, Target
from sealmq.kit.bench.wire import Wire
from sealmq.mqtt.packets import Connect, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet

AT_ONCE: Final = 50
"""Connections on their way in at the same time, unless a workload wants it otherwise."""

PATIENCE: Final = 30.0
"""Seconds after which one that is still on its way gives up."""

AGAIN: Final = 0.5
"""Seconds after which one that was not let in tries again."""

_CONNACK: Final = 4  # bytes, in MQTT 3.1.1
_SUBACK: Final = 5
_REFUSED: Final = 0x80


def connect_words(target: Target, client_id: str, *, keep_alive: int = 0, clean: bool = True) -> bytes:
    """CONNECT as bytes. clean: the client's session begins anew, and ends with the connection."""
    packet = Connect(
        client_id, clean, keep_alive, level=LEVEL, user_name=target.username, password=target.password
    )  # fmt: skip
    return write_packet(packet, LEVEL)


def subscribe_words(topic_filter: str, qos: int) -> bytes:
    """SUBSCRIBE as bytes, for one filter."""
    return write_packet(Subscribe(1, [Subscription(topic_filter, qos)]), LEVEL)


class Guest:
    """One connection on its way.

    words:      CONNECT, or CONNECT and SUBSCRIBE.
    subscribes: a SUBACK is waited for, too.
    """

    __slots__ = ("_expected", "_heard", "_spoken", "_words", "began", "wire")

    def __init__(self, words: bytes, *, subscribes: bool = False) -> None:
        self._words = words
        self._expected = _CONNACK + _SUBACK * subscribes
        self._heard = b""
        self._spoken = False
        self.began = 0.0
        self.wire: Wire | None = None

    def start(self, dialer: Dialer, now: float, session: object | None = None) -> Wire:
        """Begin, or begin anew."""
        self._heard, self._spoken, self.began = b"", False, now
        self.wire = dialer.dial(session)
        return self.wire

    def step(self) -> bool:
        """Go as far as it goes now: is it in? Raises OSError, TLSError or ConnectionRefusedError when it never will."""
        wire = self.wire
        assert wire is not None
        if not wire.arrive():
            return False
        self._heard += wire.receive()
        if wire.tls.established and not self._spoken:
            self._spoken = True
            wire.send(self._words)
            self._heard += wire.receive()
        wire.flush()
        heard = self._heard
        if len(heard) >= _CONNACK and (heard[0] != 0x20 or heard[3]):
            raise ConnectionRefusedError(f"the broker's CONNACK says 0x{heard[3]:02X}")
        if len(heard) >= self._expected > _CONNACK and (heard[4] != 0x90 or heard[8] >= _REFUSED):
            raise ConnectionRefusedError("the broker refuses the subscription")
        return len(heard) >= self._expected

    @property
    def rest(self) -> bytes:
        """What came behind the answers: a session's messages do not wait."""
        return self._heard[self._expected :]

    def leave(self) -> None:
        """Hang up."""
        if self.wire is not None:
            self.wire.close()
            self.wire = None


@dataclass(slots=True)
class Arrivals:
    """What became of many guests.

    standing: those who are in.
    waits:    how long each of them needed.
    refused:  why some did not get in, and how often.
    seconds:  from the first one's start to the last one's arrival.
    """

    standing: list[Guest] = field(default_factory=list)
    waits: Latencies = field(default_factory=Latencies)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def expect_all(self, guests: Sized) -> None:
        """Raise HomeError, with the reason that was met most, when not all of them are in."""
        if len(self.standing) < len(guests):
            raise HomeError(
                f"{len(self.standing):,} of {len(guests):,} connections could be made",
                why=self.refused.most_common(1)[0][0],
                remedy="the broker's log says more; --scale 0.1 takes a tenth of the connections",
            )


def arrive(
    dialer: Dialer,
    guests: Iterable[Guest],
    seconds: float,
    *,
    at_once: int = AT_ONCE,
    again: bool = False,
    arrived: Callable[[Guest, Arrivals], None] | None = None,
    session: Callable[[], object | None] = lambda: None,
) -> Arrivals:
    """Let the guests come, `at_once` on their way at a time, for so many seconds at most.

    again:   who is not let in comes back a little later.
    arrived: what is done with one who is in; else it stands.
    session: what the next one resumes.
    """
    return _Door(dialer, guests, at_once, again, arrived or (lambda guest, all_: all_.standing.append(guest)), session
                 ).run(seconds)  # fmt: skip


class _Door:
    """`arrive` at work."""

    def __init__(
        self,
        dialer: Dialer,
        guests: Iterable[Guest],
        at_once: int,
        again: bool,
        arrived: Callable[[Guest, Arrivals], None],
        session: Callable[[], object | None],
    ) -> None:
        self._dialer = dialer
        self._guests = iter(guests)
        self._returning: deque[tuple[float, Guest]] = deque()
        self._at_once = at_once
        self._again = again
        self._arrived = arrived
        self._session = session
        self._inside: dict[int, Guest] = {}
        self._poll = select.epoll()
        self._result = Arrivals()

    def run(self, seconds: float) -> Arrivals:
        began = swept = now = time.monotonic()
        while now < began + seconds:
            self._let_in(now)
            if not self._inside and not self._returning:
                break
            for number, events in self._poll.poll(0.02):
                self._step(number, events)
            now = time.monotonic()
            if now > swept + 0.5:
                swept = now
                for number, guest in list(self._inside.items()):
                    if now > guest.began + PATIENCE:
                        self._turn_away(number, guest, f"no answer in {PATIENCE:.0f} s")
        self._result.seconds = time.monotonic() - began
        late = len(self._inside) + len(self._returning)
        if late:
            self._result.refused["not in when the time was over"] += late
        for guest in self._inside.values():
            guest.leave()
        self._poll.close()
        return self._result

    def _let_in(self, now: float) -> None:
        while len(self._inside) < self._at_once:
            if self._returning and self._returning[0][0] <= now:
                _, guest = self._returning.popleft()
            elif (new := next(self._guests, None)) is not None:
                guest = new
            else:
                return
            number = guest.start(self._dialer, time.monotonic(), self._session()).fileno()
            self._inside[number] = guest
            self._poll.register(number, select.EPOLLOUT)

    def _step(self, number: int, events: int) -> None:
        guest = self._inside[number]
        try:
            is_in = guest.step()
        except (OSError, Error) as error:
            self._turn_away(number, guest, error.what if isinstance(error, Error) else _in_words(error))
            return
        if is_in:
            del self._inside[number]
            self._poll.unregister(number)
            self._result.waits.add(time.monotonic() - guest.began)
            self._arrived(guest, self._result)
        elif guest.wire is not None and events & select.EPOLLOUT and not guest.wire.unsent:
            self._poll.modify(number, select.EPOLLIN)

    def _turn_away(self, number: int, guest: Guest, why: str) -> None:
        del self._inside[number]
        self._poll.unregister(number)
        guest.leave()
        self._result.refused[why] += 1
        if self._again:
            self._returning.append((time.monotonic() + AGAIN, guest))


def _in_words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
