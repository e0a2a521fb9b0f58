"""One at a time: two commands that change the same folder wait for each other, also across processes.

The lock is on the folder itself (flock), so there is no lock file to be left behind: it ends with its process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sealmq.errors import HomeError

_SECONDS = 10.0  # far longer than any change takes
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.005  # a look costs 10 us, and those who add a fleet wait for each other


@contextmanager
def locked_directory(path: Path) -> Iterator[None]:
    """Hold the lock on a folder. Raises HomeError after 10 seconds, OSError when there is no such folder."""
    descriptor = _lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int:
    pause, waited = _SHORTEST_PAUSE, 0.0
    while waited < _SECONDS:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed or replaced the folder: then this lock protects nothing.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        time.sleep(pause)
        waited += pause
        pause = min(2 * pause, _LONGEST_PAUSE)
    raise HomeError(
        f"{path} is in use", why="another sealmq command has been changing it for 10 seconds", remedy="try again"
    )
