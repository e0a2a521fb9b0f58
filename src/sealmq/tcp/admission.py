"""Who may begin a handshake, and when: asked for every connection before a byte of it is read.

A handshake costs a hundred times what accepting costs, and who asks for it is a stranger. So a connection first waits,
as an open socket and nothing more, until there is a place for its handshake and its rate is not used up; whoever comes
when too many wait, or has too many connections already, is turned away at once. Addresses take turns, and who waits
leaves as much room as it takes, so that those who fill their places and their queues take nothing from the others.

    arrive   may it wait at all? names the limit that says no
    start    the next that may begin
    Place    what one connection takes, from its start until it is gone

Rule 1: no I/O and no clock; time is an argument.
Rule 2: memory is bounded by what waits and what stands: an address of which neither is there is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from sealmq.addresses import address_key


class Bounds(Protocol):
    """What `Limits` says about connections."""

    @property
    def connections(self) -> int: ...
    @property
    def connections_per_address(self) -> int: ...
    @property
    def connections_waiting(self) -> int: ...
    @property
    def connections_per_second(self) -> int: ...
    @property
    def connections_per_second_per_address(self) -> int: ...
    @property
    def handshakes(self) -> int: ...
    @property
    def handshakes_per_address(self) -> int: ...


Guest = TypeVar("Guest")

LONGEST_WAIT = 30.0
"""Seconds after which whoever waits is given up: most clients have gone by then, and one core finishes 15,000
handshakes meanwhile."""


class _Rate:
    """At most so many a second, and a second's worth at once after a pause."""

    __slots__ = ("_left", "_since")

    def __init__(self) -> None:
        self._left = float("inf")
        self._since = 0.0

    def allows(self, rate: int, now: float) -> bool:
        """Is there one left?"""
        self._left = min(rate, self._left + (now - self._since) * rate)
        self._since = now
        return self._left >= 1

    def take(self) -> None:
        """One of those that there are is used."""
        self._left -= 1

    def rests(self, now: float) -> bool:
        """Was there a pause that makes what was before irrelevant?"""
        return now - self._since > 1.0


class _Address(Generic[Guest]):
    """What one address has."""

    __slots__ = ("first_waits_for", "handshakes", "key", "rate", "standing", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.rate = _Rate()
        self.standing = 0
        self.handshakes = 0
        self.waiting: list[tuple[Guest, float]] = []  # empty, a deque takes 760 bytes for each address
        self.first_waits_for = ""


class Place:
    """What one connection takes: a place among all, and until `accepted` one among the handshakes."""

    __slots__ = ("_address", "_admission", "_is_shaking")

    def __init__(self, admission: Admission[Any], address: _Address[Any]) -> None:
        self._admission: Admission[Any] | None = admission
        self._address = address
        self._is_shaking = True

    def accepted(self) -> None:
        """Its client was let in: the place among the handshakes is free."""
        if self._is_shaking and self._admission is not None:
            self._is_shaking = False
            self._admission.shaken(self._address)

    def left(self) -> None:
        """The connection is gone."""
        admission = self._admission
        if admission is not None:
            self.accepted()
            self._admission = None
            admission.gone(self._address)


class Admission(Generic[Guest]):
    """The connections of all listeners together.

    bounds:  asked for the limits as they are now.
    freed:   called when a place has become free and somebody waits.
    met:     called with the name of a limit that turned a connection away, or lets it wait.

    standing, handshakes, waiting: how many there are.
    """

    def __init__(self, bounds: Callable[[], Bounds], freed: Callable[[], None], met: Callable[[str], None]) -> None:
        self._bounds = bounds
        self._freed = freed
        self._met = met
        self._rate = _Rate()
        self._addresses: dict[str, _Address[Guest]] = {}
        self._turns: deque[_Address[Guest]] = deque()
        self.standing = 0
        self.handshakes = 0
        self.waiting = 0

    def __len__(self) -> int:
        """Addresses of which anything is remembered."""
        return len(self._addresses)

    def arrive(self, guest: Guest, peer: str, now: float) -> str:
        """Let a connection from this "address:port" wait until `start` gives it out.

        Returns the name of the limit that forbids it, "" when it waits.
        """
        key = address_key(peer)
        address = self._addresses.get(key)
        forbids = self._forbids(address)
        if forbids:
            self._met(forbids)
            return forbids
        if address is None:
            address = self._addresses[key] = _Address(key)
        if not address.waiting:
            self._turns.append(address)
        address.waiting.append((guest, now))
        self.waiting += 1
        return ""

    def _forbids(self, address: _Address[Guest] | None) -> str:
        bounds = self._bounds()
        if self.standing >= bounds.connections:
            return "connections"
        here = 0
        if address is not None:
            here = len(address.waiting)
            if address.standing + here >= bounds.connections_per_address:
                return "connections_per_address"
        # As many as there is room left for others: one address gets half of it, two a third each, and so on. Whatever
        # they do, there is room for the next.
        return "connections_waiting" if here >= bounds.connections_waiting - self.waiting else ""

    def start(self, now: float) -> tuple[Guest, Place] | None:
        """The next that may begin its handshake now: of the address whose turn it is, the one that came first."""
        bounds = self._bounds()
        if not self.waiting:
            return None
        if self.standing >= bounds.connections:
            self._waits(self._turns[0], "connections")
            return None
        if self.handshakes >= bounds.handshakes:
            self._waits(self._turns[0], "handshakes")
            return None
        if not self._rate.allows(bounds.connections_per_second, now):
            self._waits(self._turns[0], "connections_per_second")
            return None
        for _ in range(len(self._turns)):
            address = self._turns[0]
            if address.handshakes >= bounds.handshakes_per_address:
                self._waits(address, "handshakes_per_address")
            elif not address.rate.allows(bounds.connections_per_second_per_address, now):
                self._waits(address, "connections_per_second_per_address")
            else:
                return self._begin(address)
            self._turns.rotate(-1)
        return None

    def _waits(self, address: _Address[Guest], met: str) -> None:
        """The first of this address has to wait; it is counted once, however often we look."""
        if not address.first_waits_for:
            self._met(met)
        address.first_waits_for = met

    def give_up(self, now: float) -> Iterator[tuple[Guest, str]]:
        """Those that have waited for LONGEST_WAIT, and the name of the limit for which."""
        for address in list(self._turns):
            while address.waiting and now - address.waiting[0][1] > LONGEST_WAIT:
                waited_for = address.first_waits_for or "connections_waiting"
                yield self._take(address), waited_for
            if not address.waiting:
                self._turns.remove(address)
                self._forget_if_idle(address, now)

    def tidy(self, now: float) -> None:
        """Forget the addresses that were remembered for their rate alone."""
        for address in list(self._addresses.values()):
            self._forget_if_idle(address, now)

    def shaken(self, address: _Address[Guest]) -> None:
        """One handshake is over (Place)."""
        self.handshakes -= 1
        address.handshakes -= 1
        if self.waiting:
            self._freed()

    def gone(self, address: _Address[Guest]) -> None:
        """One connection is gone (Place)."""
        self.standing -= 1
        address.standing -= 1

    def _begin(self, address: _Address[Guest]) -> tuple[Guest, Place]:
        self._rate.take()
        address.rate.take()
        guest = self._take(address)
        self._turns.popleft()
        if address.waiting:
            self._turns.append(address)
        self.standing += 1
        self.handshakes += 1
        address.standing += 1
        address.handshakes += 1
        return guest, Place(self, address)

    def _take(self, address: _Address[Guest]) -> Guest:
        self.waiting -= 1
        address.first_waits_for = ""
        return address.waiting.pop(0)[0]

    def _forget_if_idle(self, address: _Address[Guest], now: float) -> None:
        if not address.standing and not address.waiting and address.rate.rests(now):
            self._addresses.pop(address.key, None)
