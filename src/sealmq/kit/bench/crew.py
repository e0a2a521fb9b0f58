"""The load's processes: started, told, heard and ended here.

They are started afresh (spawn), not forked: the command that starts them has a thread for its progress bar. What goes
between us is small and told over a pipe; a process whose pipe is closed ends.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, TypeAlias

from sealmq.errors import ConfigError, Error, HomeError

Work: TypeAlias = Callable[..., None]

LEAVING: Final = 15.0
"""Seconds in which a process ends that was told to, and takes away what it left in the broker; then it is ended."""

_spawn = multiprocessing.get_context("spawn")


def counter() -> Any:
    """A number, `value`, that one process writes and others see at once."""
    return _spawn.RawValue("Q", 0)


class Effort:
    """How busy this process is, from when it is made on."""

    def __init__(self) -> None:
        self._began, self._spent, self._waited = time.monotonic(), time.process_time(), _waited()

    def so_far(self) -> Used:
        """The shares until now."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        return Used((time.process_time() - self._spent) / seconds, (_waited() - self._waited) / seconds)


@dataclass(frozen=True, slots=True)
class Used:
    """What a process used of the time.

    share:  of a processor, 1.0 is all of one.
    waited: the share of the time for which it could have run and others did.
    """

    share: float
    waited: float


def _waited() -> float:
    """Seconds for which this process has waited for a processor (Linux)."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Ready:
    """It is connected, and waits for Go."""

    links: int


@dataclass(frozen=True, slots=True)
class Go:
    """The work begins. at: on the monotonic clock, which all processes share."""

    at: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: messages, or connections."""

    count: int


@dataclass(frozen=True, slots=True)
class Expect:
    """So many messages should come in all: no more will be sent."""

    messages: int


@dataclass(frozen=True, slots=True)
class Phase:
    """From here on the latencies are counted by themselves."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    """It is enough."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be done, and why."""

    what: str
    why: str = ""
    remedy: str = ""
    asked_wrongly: bool = False


class Hand:
    """One process of the load."""

    def __init__(self, work: Work, *given: Any) -> None:
        self.pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_begin, args=(theirs, work, given), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, words: object) -> None:
        """Say it; if it has ended, `hear` will find out."""
        try:
            self.pipe.send(words)
        except OSError:
            pass

    def hear(self) -> Any:
        """What it said. Raises its Error when it failed, HomeError when it ended without a word."""
        try:
            words = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise HomeError("a process of the load ended before its time") from error
        if isinstance(words, Failed):
            kind = ConfigError if words.asked_wrongly else HomeError
            raise kind(words.what, why=words.why, remedy=words.remedy)
        return words

    def end(self) -> None:
        """Let it leave, if it has not left."""
        if self.pipe.closed:
            return
        self.pipe.close()
        self._process.join(LEAVING)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


@contextmanager
def hands(*wanted: tuple[Any, ...]) -> Iterator[list[Hand]]:
    """Processes for as long as the block lasts: each with what `Hand` takes."""
    crew: list[Hand] = []
    try:
        for each in wanted:
            crew.append(Hand(*each))  # noqa: PERF401 - those that were started are ended when one can't be
        yield crew
    finally:
        for hand in crew:
            hand.end()


def hear_any(crew: list[Hand], seconds: float) -> Iterator[tuple[Hand, Any]]:
    """What was said within so many seconds, by whom; nothing when nobody said anything."""
    heard = wait([hand.pipe for hand in crew], seconds)
    for hand in crew:
        if hand.pipe in heard:
            yield hand, hand.hear()


def hear_all(crew: list[Hand], kind: type[Any], seconds: float, each: Callable[[Any], None] | None = None) -> list[Any]:
    """One `kind` of each, in their order; other words go to `each`. Raises HomeError after so many seconds."""
    found: dict[Hand, Any] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(crew):
        left = deadline - time.monotonic()
        if left <= 0:
            raise HomeError(f"the load was not done after {seconds:.0f} s", why="the broker may be stuck: see its log")
        for hand, words in hear_any([hand for hand in crew if hand not in found], left):
            if isinstance(words, kind):
                found[hand] = words
            elif each is not None:
                each(words)
    return [found[hand] for hand in crew]


def _begin(pipe: Connection, work: Work, given: tuple[Any, ...]) -> None:
    """What a process of the load does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes our pipe
    raise_file_limit()
    try:
        work(pipe, *given)
    except Error as error:
        _say(pipe, Failed(error.what, error.why, error.remedy, isinstance(error, ConfigError)))
    except EOFError:
        pass  # nobody listens any more
    except OSError as error:
        _say(pipe, Failed("the load could not go on", why=error.strerror or str(error), remedy="see the broker's log"))


def _say(pipe: Connection, words: Failed) -> None:
    try:
        pipe.send(words)
    except OSError:
        pass


def raise_file_limit() -> None:
    """A process may have as many connections as the system lets it, not as many as is usual."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
