"""One certificate, two places: has somebody copied a device's key? An alarm, and nothing more: nobody is cut by it.

    together     two links of one certificate, from two addresses, and both are heard of again and again
    in turns     a link from one place takes over from one in another, and back, and back again, in a quarter hour

Rule 1: a device that moves is no clone. It leaves a link behind that we take for alive until its keep-alive is over;
        but nothing is heard of that one, and it does not come back and forth.
Rule 2: a place is an address (of IPv6, a network of 64 bits): a router before a hundred devices is one place. A link by
        IPv4 and one by IPv6 cannot be compared, and are not.
Rule 3: who has one link costs nothing. What is remembered is bounded by MOST, and ends by itself.

A 3.1.1 client without a keep-alive is not known to be heard of, so of two such links `together` tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from sealmq.addresses import address_key

WINDOW: Final = 900.0
"""Seconds in which places that take turns are remembered."""

TURNS: Final = 3
"""Times that a link from one place takes over from a standing one in the other, each time in the other direction: who
moves does it once, who moves there and back does it twice."""

INTERVAL: Final = 10.0
"""Seconds between two looks at links that stand together."""

HEARD: Final = 2
"""Looks at which both must have been heard of since the look before: what a link that is left behind had sent may still
arrive at the first."""

AGAIN_AFTER: Final = 3_600.0
"""Seconds until the same certificate is told of again."""

MOST: Final = 1_000
"""Certificates that are looked at: more clones than that are seen without us."""


class Standing(Protocol):
    """A link that stands. Its deadline is put off whenever something is heard of it."""

    @property
    def peer(self) -> str: ...

    @property
    def deadline(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """A certificate that seems to be in two places. how: "together" or "in turns"."""

    serial: str
    places: tuple[str, str]
    how: str


@dataclass(slots=True)
class _Suspicion:
    until: float
    turns: int = 0
    last: tuple[str, str] = ("", "")  # from which place to which
    pairs: list[_Pair] = field(default_factory=list)


@dataclass(slots=True)
class _Pair:
    links: tuple[Standing, Standing]
    deadlines: tuple[float, float]
    heard: int = 0


class Clones:
    """Watches the certificates that have more than one link."""

    def __init__(self) -> None:
        self._suspicions: dict[str, _Suspicion] = {}
        self._told: dict[str, float] = {}
        self._next_look = 0.0
        self._alarms: list[Alarm] = []

    def met(self, serial: str, new: Standing, standing: Iterable[Standing], now: float) -> None:
        """A link came while others of its certificate stand."""
        for old in standing:
            there, here = address_key(old.peer), address_key(new.peer)
            if there == here or (":" in there) != (":" in here):
                continue
            suspicion = self._suspicion(serial, now)
            if suspicion is None:
                return
            suspicion.until = now + WINDOW
            self._count_turn(serial, suspicion, (there, here), now)
            if len(suspicion.pairs) < MOST:
                suspicion.pairs.append(_Pair((old, new), (old.deadline, new.deadline)))

    def look(self, standing: Mapping[str, Iterable[Standing]], now: float) -> list[Alarm]:
        """Time has passed: what there is to tell. standing: the links of each certificate."""
        if now >= self._next_look:
            self._next_look = now + INTERVAL
            for serial, suspicion in list(self._suspicions.items()):
                self._look_at(serial, suspicion, set(standing.get(serial, ())), now)
            self._told = {serial: until for serial, until in self._told.items() if until > now}
        alarms, self._alarms = self._alarms, []
        return alarms

    def _suspicion(self, serial: str, now: float) -> _Suspicion | None:
        suspicion = self._suspicions.get(serial)
        if suspicion is None and len(self._suspicions) < MOST:
            suspicion = self._suspicions[serial] = _Suspicion(now + WINDOW)
        return suspicion

    def _count_turn(self, serial: str, suspicion: _Suspicion, turn: tuple[str, str], now: float) -> None:
        back = suspicion.last == turn[::-1]
        suspicion.turns = suspicion.turns + 1 if back else 1
        suspicion.last = turn
        if suspicion.turns >= TURNS:
            suspicion.turns = 0
            self._tell(Alarm(serial, turn, "in turns"), now)

    def _look_at(self, serial: str, suspicion: _Suspicion, standing: set[Standing], now: float) -> None:
        suspicion.pairs = [pair for pair in suspicion.pairs if standing.issuperset(pair.links)]
        for pair in suspicion.pairs:
            before, after = pair.deadlines, (pair.links[0].deadline, pair.links[1].deadline)
            if after[0] > before[0] and after[1] > before[1]:
                pair.deadlines = after
                pair.heard += 1
                if pair.heard >= HEARD:
                    pair.heard = 0
                    places = address_key(pair.links[0].peer), address_key(pair.links[1].peer)
                    self._tell(Alarm(serial, places, "together"), now)
        if not suspicion.pairs and suspicion.until <= now:
            del self._suspicions[serial]

    def _tell(self, alarm: Alarm, now: float) -> None:
        if self._told.get(alarm.serial, 0.0) <= now and len(self._told) < MOST:
            self._told[alarm.serial] = now + AGAIN_AFTER
            self._alarms.append(alarm)
