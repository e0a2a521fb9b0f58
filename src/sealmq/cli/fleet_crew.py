"""The processes that add a fleet and make its bundles: each goes the whole way for a batch, and says what became of it.

They are started afresh (spawn), not forked: an open database and a key in a token must not be shared by a fork. A
process whose pipe is closed, because its command ended or was killed, brings its batch to its end and leaves.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from sealmq.cli.fleet_bundles import FleetBundling, WantedBundle
from sealmq.devices.fleet_adding import FleetAdding, staging_folder
from sealmq.devices.fleet_plan import Wanted
from sealmq.devices.trail import Trail
from sealmq.errors import Error, HomeError
from sealmq.home import Home
from sealmq.pki.passphrase import Source, asked_by, who_is_asked

READY = "ready"
LEAVING = 15.0
"""Seconds in which a process ends that was told to; a batch takes a tenth of one."""

_spawn = multiprocessing.get_context("spawn")

Batch = Sequence[Wanted] | Sequence[WantedBundle]
Heard = Callable[[Sequence[Any]], None]
"""Is told what became of a batch: Added and NotAdded, or Bundled and NotBundled."""


def work_off(home: Home, batches: Sequence[Batch], *, jobs: int, heard: Heard) -> None:
    """Add the devices, or make the bundles, by at most `jobs` processes; `heard` is told of what is on the disk.

    Raises an Error or OSError when it cannot go on, KeyboardInterrupt; `heard` has been told of all that was done.
    """
    jobs = min(jobs, len(batches))
    if jobs > 1:
        _work_in_parallel(home, batches, jobs, heard)
    elif batches:
        with staging_folder(home.devices_directory, str(os.getpid())) as staging:
            hand = _Hand(home, staging)
            for each in batches:
                heard(hand.work(each))


class _Hand:
    """What one process works with."""

    def __init__(self, home: Home, staging: Path) -> None:
        self._staging = staging
        self._adding = FleetAdding(
            home.registry,
            home.authorities.device,
            home.enrollment(),
            root=home.authorities.roots_pem,
            directory=home.devices_directory,
            trail=Trail(home.audit_trail),
        )
        self._bundling = FleetBundling(home)

    def work(self, batch: Batch) -> Sequence[Any]:
        if isinstance(batch[0], WantedBundle):
            return self._bundling.make(cast(Sequence[WantedBundle], batch), now=time.time())
        return self._adding.add(cast(Sequence[Wanted], batch), self._staging, now=time.time())


def _work_in_parallel(home: Home, batches: Sequence[Batch], jobs: int, heard: Heard) -> None:
    # It was given or typed once, and each process opens the CA's key for itself. It goes through a pipe of our own.
    passphrase = who_is_asked()() if home.authorities.keeping != "plain" else None
    path = home.path
    left = iter(batches)
    with _crew(path, jobs, passphrase) as owing:  # those of whom something is still to be heard
        try:
            while owing:
                for pipe in wait(owing):
                    assert isinstance(pipe, Connection)
                    owing.remove(pipe)
                    words = _hear(pipe)
                    if words != READY:
                        heard(words)
                    if (given := next(left, None)) is not None:
                        with suppress(OSError):  # if it was killed, `_hear` will find out
                            pipe.send(given)
                        owing.append(pipe)
        except BaseException:
            # What the others are at comes to its end, so what is told of is all there is.
            for pipe in owing:
                with suppress(Error, OSError):
                    if pipe.poll(LEAVING) and (words := _hear(pipe)) != READY:
                        heard(words)
            raise


def _hear(pipe: Connection) -> Any:
    try:
        words = pipe.recv()
    except (EOFError, ConnectionResetError) as error:
        raise HomeError(
            "a process that adds devices was killed",
            why="perhaps there is too little memory",
            remedy="the same command goes on where this one stopped; with --jobs 1 it needs the least memory",
        ) from error
    if isinstance(words, Error | OSError):
        raise words
    return words


@contextmanager
def _crew(path: Path, jobs: int, passphrase: bytes | None) -> Iterator[list[Connection]]:
    """So many processes, by the pipes to them."""
    processes: list[BaseProcess] = []
    pipes: list[Connection] = []
    try:
        for _ in range(jobs):
            ours, theirs = _spawn.Pipe()
            pipes.append(ours)
            process = _spawn.Process(target=_work, args=(theirs, path, passphrase), daemon=True)
            process.start()
            processes.append(process)
            theirs.close()
        yield list(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for each in processes:
            each.join(LEAVING)
            if each.is_alive():
                each.kill()
                each.join()
            each.close()


def _work(pipe: Connection, path: Path, passphrase: bytes | None) -> None:
    """What a process of the crew does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's; it closes our pipe
    try:
        with (
            asked_by(Source(lambda: passphrase)),
            Home.open(path) as home,
            staging_folder(home.devices_directory, str(os.getpid())) as staging,
        ):
            hand = _Hand(home, staging)
            # Said once our folder is locked: from here on the next command waits for us, should ours be killed.
            pipe.send(READY)
            while True:
                pipe.send(hand.work(pipe.recv()))
    except EOFError:
        pass  # it is done, or nobody listens any more
    except (Error, OSError) as error:
        with suppress(OSError):
            pipe.send(error)
