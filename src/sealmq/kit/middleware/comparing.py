"""Every middleware that is here, measured side by side on this machine, with the same certificates.

Rule 1: each kind of figure is taken in TURNS turns, all middlewares in each: a moment in which the machine is slow is
        everybody's.
Rule 2: what could not be measured is left out with its reason, and is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sealmq.errors import Error, MiddlewareError
from sealmq.kit.middleware.footprint import Footprint, load
from sealmq.kit.middleware.handshaking import HandshakeCourse, Handshakes, kind_of
from sealmq.kit.middleware.known import KNOWN, Known
from sealmq.kit.middleware.material import Good
from sealmq.kit.middleware.memory import Memory, memory_of
from sealmq.kit.middleware.throughput import MESSAGES, Throughput, ThroughputCourse
from sealmq.tls.middleware import Abilities, Middleware, Version
from sealmq.tls.middlewares import DEFAULT, find

ALL: Final = ("openssl", "pyopenssl", "mbedtls-3.6", "mbedtls-2.28", "wolfssl")

TURNS: Final = 3

_HANDSHAKES: Final = 0.55
_THROUGHPUT: Final = 0.2
_MEMORY: Final = 0.25
"""Of the time, for each kind of figure."""

Tell = Callable[[int, int], None]
"""How much of how much is done."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One middleware. handshakes: with itself, and with the default on the other side.

    notes: what could not be measured, and why.
    """

    name: str
    abilities: Abilities
    handshakes: tuple[Handshakes, ...]
    throughput: tuple[Throughput, ...]
    memory: Memory
    notes: tuple[str, ...] = ()

    def handshake(
        self, version: Version, *, resumed: bool = False, psk: bool = False, client: str = "", server: str = ""
    ) -> Handshakes | None:
        """Of that kind; client, server: "" is this middleware itself."""
        wanted = (version, resumed, psk, client or self.name, server or self.name)
        return next((each for each in self.handshakes if each.kind == wanted), None)

    def messages(self, size: int) -> Throughput | None:
        """Of messages of that size."""
        return next((each for each in self.throughput if each.size == size), None)


@dataclass(frozen=True, slots=True)
class Absent:
    """A middleware that is not here: why, and what to do."""

    name: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that there is to show. seconds: how long it was to take."""

    measured: tuple[Measured, ...]
    absent: tuple[Absent, ...]
    known: tuple[Known, ...]
    footprints: tuple[Footprint, ...]
    seconds: float


_Course = HandshakeCourse | ThroughputCourse


@dataclass(slots=True)
class _Runner:
    """One middleware while it is measured."""

    middleware: Middleware
    courses: list[_Course] = field(default_factory=list)
    memory: Memory = field(default_factory=lambda: Memory(None, None))
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """What goes wrong within is noted, and the rest goes on."""
        try:
            yield
        except Error as error:
            why = f" ({error.why})" if error.why else ""
            self.notes.append(f"{what}: {error.what}{why}")


def look_for(names: Sequence[str]) -> tuple[list[Middleware], list[Absent]]:
    """Those of these names that are here, and those that are not."""
    here: list[Middleware] = []
    absent: list[Absent] = []
    for name in names:
        try:
            found = find(name)
            if found.name not in [each.name for each in here]:  # "mbedtls" is one of the two that it stands for
                here.append(found)
        except MiddlewareError as error:
            absent.append(Absent(name, f"{error.what}{f': {error.why}' if error.why else ''}", error.remedy))
    return here, absent


def compare(
    names: Sequence[str], good: Good, seconds: float, *, tell: Tell = lambda done, total: None
) -> Comparison:  # fmt: skip
    """Measure for about so many seconds in all. Raises MiddlewareError when none of them is here."""
    here, absent = look_for(names)
    if not here:
        raise MiddlewareError(
            "none of these middlewares is here",
            why="; ".join(each.why for each in absent),
            remedy=absent[0].remedy if absent else "sealmq middleware",
        )
    runners = [_Runner(each) for each in here]
    for runner in runners:
        _prepare(runner, find(DEFAULT), good)
    _run(runners, good, seconds, tell)
    return Comparison(tuple(map(_measured, runners)), tuple(absent), KNOWN, load(), seconds)


def _prepare(runner: _Runner, default: Middleware, good: Good) -> None:
    """Make a course of all that can be measured."""
    ours = runner.middleware
    pairs = [(ours, ours)]
    if ours.name != default.name:
        pairs += [(ours, default), (default, ours)]
    for client, server in pairs:
        for version in sorted(client.abilities.versions & server.abilities.versions):
            resumes = version in client.abilities.resumes_client and version in server.abilities.resumes_server
            for resumed in (False, True) if resumes else (False,):
                with runner.noting(kind_of(client, server, version, resumed=resumed)):
                    runner.courses.append(HandshakeCourse(client, server, version, good, resumed=resumed))
    for version in sorted(ours.abilities.psk_client & ours.abilities.psk_server):
        with runner.noting(kind_of(ours, ours, version, psk=True)):
            runner.courses.append(HandshakeCourse(ours, ours, version, good, psk=True))
    for size in MESSAGES:
        with runner.noting(f"messages of {size} bytes"):
            runner.courses.append(ThroughputCourse(ours, good, size))


def _run(runners: Sequence[_Runner], good: Good, seconds: float, tell: Tell) -> None:
    steps = list(_steps(runners, good, seconds))
    for done, step in enumerate(steps):
        tell(done, len(steps))
        step()
    tell(len(steps), len(steps))


def _steps(runners: Sequence[_Runner], good: Good, seconds: float) -> Iterator[Callable[[], None]]:
    """All that is to be done, in the order in which it is."""
    for kind, part in ((HandshakeCourse, _HANDSHAKES), (ThroughputCourse, _THROUGHPUT)):
        mine = [(runner, each) for runner in runners for each in runner.courses if isinstance(each, kind)]
        for _ in range(TURNS):
            for runner, course in mine:
                yield partial(_turn, runner, course, seconds * part / (len(mine) * TURNS))
    for runner in runners:
        yield partial(_weigh, runner, good, seconds * _MEMORY / len(runners))


def _turn(runner: _Runner, course: _Course, seconds: float) -> None:
    if course in runner.courses:
        done = False
        with runner.noting(course.what):
            course.run(seconds)
            done = True
        if not done:
            runner.courses.remove(course)


def _weigh(runner: _Runner, good: Good, seconds: float) -> None:
    with runner.noting("memory"):
        runner.memory = memory_of(runner.middleware.name, good, seconds)


def _measured(runner: _Runner) -> Measured:
    return Measured(
        runner.middleware.name,
        runner.middleware.abilities,
        tuple(each.figures for each in runner.courses if isinstance(each, HandshakeCourse)),
        tuple(each.figures for each in runner.courses if isinstance(each, ThroughputCourse)),
        runner.memory,
        tuple(runner.notes),
    )
