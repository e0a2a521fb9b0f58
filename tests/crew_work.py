"""What processes of the load do in tests: in a module of its own, as they are started afresh and must find it."""

from __future__ import annotations

import os
import resource
from multiprocessing.connection import Connection
from typing import Any

from sealmq.errors import ConfigError
from sealmq.kit.bench.crew import Go, Progress, Ready


def count_up(pipe: Connection, shared: Any, most: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    pipe.send(Ready(int(soft == hard)))
    assert isinstance(pipe.recv(), Go)
    for number in range(most):
        shared.value = number + 1
    pipe.send(Progress(most))
    pipe.send(Ready(os.getpid()))
    pipe.recv()


def asked_wrongly(pipe: Connection) -> None:
    raise ConfigError("it cannot be", why="of that", remedy="do this")


def broken(pipe: Connection) -> None:
    raise ConnectionResetError(104, "Connection reset by peer")


def silent(pipe: Connection) -> None:
    os._exit(0)


def patient(pipe: Connection) -> None:
    pipe.recv()
