"""A disk and a database whose n-th step fails: with one failure (the disk was full for a moment), or with every step
from there on (as after a kill: nothing that the program still wants to do happens).
"""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest

from written_by_hand import Forgotten

_CALLS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir", "chmod", "symlink")


class FailingDisk:
    """Counts steps, and fails the n-th, or all from the n-th on."""

    def __init__(self, n: int, *, for_good: bool) -> None:
        self.n = n
        self.for_good = for_good
        self.steps = 0
        self.armed = False

    @property
    def struck(self) -> bool:
        return self.steps >= self.n

    def step(self, error: Exception) -> None:
        if not self.armed:
            return
        self.steps += 1
        if self.steps == self.n or (self.for_good and self.steps > self.n):
            raise error

    def install(self, patch: pytest.MonkeyPatch) -> FailingDisk:
        disk = self
        for name in _CALLS:
            patch.setattr(os, name, _failing(getattr(os, name), disk))

        class Connection(Forgotten):
            def execute(self, *args):
                disk.step(sqlite3.OperationalError("database or disk is full"))
                return super().execute(*args)

            def executemany(self, *args):
                disk.step(sqlite3.OperationalError("database or disk is full"))
                return super().executemany(*args)

        connect = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda *args, **kw: connect(*args, factory=Connection, **kw))
        return self

    def __enter__(self) -> FailingDisk:
        self.armed = True
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.armed = False


def _failing(real, disk):
    def call(*args, **kw):
        disk.step(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return real(*args, **kw)

    return call
