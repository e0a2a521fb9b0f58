"""What an idle connection takes of the memory, with what is kept for resumption: seen in a process of its own.

Rule 1: one side is kept of each connection, and the other dropped; what that one took, the next one takes again.
Rule 2: what is looked at is the memory that the process has (VmRSS), so all is in it: the library's part and ours.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from sealmq.errors import Error, TLSError
from sealmq.kit.middleware.cases import POLICIES
from sealmq.kit.middleware.handshaking import listeners
from sealmq.kit.middleware.material import Good
from sealmq.kit.middleware.meeting import Meeting, Side
from sealmq.tls.middleware import TLSConnection
from sealmq.tls.middlewares import find

MOST: Final = 300
FEWEST: Final = 50
"""Connections that are kept of each side: memory is given out in pages, and a few are too few to see."""

_FIRST: Final = 16
"""Connections of each side before the first look: what is made once for all of them is no part of one."""

_PATIENCE: Final = 60.0
"""Seconds that the process may take beyond its time."""

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of an idle connection, on each side; None where it could not be measured."""

    client: int | None
    server: int | None


def memory_of(name: str, good: Good, seconds: float) -> Memory:
    """What an idle connection takes on each side. Raises Error when it cannot be measured.

    name: of the middleware. seconds: how long connections may be made.
    """
    ours, theirs = _spawn.Pipe(duplex=False)
    process = _spawn.Process(target=_measure, args=(theirs, name, good, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds + _PATIENCE):
            raise Error(f"the memory of {name} could not be measured", why="the process that does it has not ended")
        said = ours.recv()
    except EOFError:
        raise Error(f"the memory of {name} could not be measured", why="the process that does it was ended") from None
    finally:
        ours.close()
        process.kill()
        process.join()
        process.close()
    if isinstance(said, Memory):
        return said
    raise Error(f"the memory of {name} could not be measured", why=str(said))


def _measure(pipe: Connection, name: str, good: Good, seconds: float) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    try:
        pipe.send(per_connection(name, good, seconds))
    except Error as error:
        pipe.send(error.what)


def per_connection(name: str, good: Good, seconds: float) -> Memory:
    """As `memory_of`, in this process: true only where nothing else goes on in it."""
    middleware = find(name)
    policy = POLICIES[max(middleware.abilities.versions)]
    listener = middleware.server_context(policy, listeners(middleware, good))
    device = middleware.client_context(policy, good.client())
    standing: list[TLSConnection] = []

    def connect() -> Meeting:
        meeting = Meeting(device.connection(good.host), listener.connection())
        meeting.settle()
        failure = meeting.client.error or meeting.server.error
        if failure is not None or not meeting.server.connection.established:
            raise failure or TLSError("the handshake was not finished")
        return meeting

    def keep(side: Callable[[Meeting], Side]) -> int:
        """How much each takes."""
        for _ in range(_FIRST):
            standing.append(side(connect()).connection)  # noqa: PERF401 - one by one: the other side goes at once
        gc.collect()
        before, number, until = _resident(), 0, time.monotonic() + seconds / 2
        while number < FEWEST or (number < MOST and time.monotonic() < until):
            standing.append(side(connect()).connection)
            number += 1
        gc.collect()
        return max(_resident() - before, 0) // number

    server = keep(lambda meeting: meeting.server)
    return Memory(keep(lambda meeting: meeting.client), server)


def _resident() -> int:
    """Bytes that this process has in RAM (Linux)."""
    status = Path("/proc/self/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
