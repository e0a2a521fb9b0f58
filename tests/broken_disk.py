"""A disk that breaks below SQLite, for a program that runs with `broken_disk.c` in front of its C library.

    python tests/broken_disk.py FOLDER "full, once" kill

walks through failing_scenario.py with every step of the disk failing in turn, each in a process of its own. The
program that it is run in must be started with `environment`; anomaly/test_broken_disk.py does, and has whole brokers
beside it.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import sqlite3
import struct
import sys
import traceback
from itertools import count
from pathlib import Path
from typing import NamedTuple

from failing_scenario import Scenario
from running import program, run
from sealmq.store.sqlite import open_messages

WRITE, SYNC, TRUNCATE = 1, 2, 4
_FIELDS = ("armed", "n", "for_good", "error", "kinds", "halves", "steps", "failed")
DATABASE = "messages.db"
LEFT = (DATABASE, f"{DATABASE}-wal")


class How(NamedTuple):
    """How steps fail. halves: a write has written its first half, and said so."""

    error: int
    kinds: int
    for_good: bool
    halves: bool = False


HOWS = {
    "full, once": How(errno.ENOSPC, WRITE | TRUNCATE, False),
    "full, for good": How(errno.ENOSPC, WRITE | TRUNCATE, True),
    "full in the middle of a write, once": How(errno.ENOSPC, WRITE, False, True),
    "full in the middle of a write, for good": How(errno.ENOSPC, WRITE, True, True),
    "sync fails, once": How(errno.EIO, SYNC, False),
    "sync fails, for good": How(errno.EIO, SYNC, True),
    "broken, once": How(errno.EIO, WRITE | SYNC | TRUNCATE, False),
    "broken, for good": How(errno.EIO, WRITE | SYNC | TRUNCATE, True),
}
LEAVES = ("kill", "power")
"""What is found afterwards: all that was written (the process was killed), or only what was synced (no power)."""


def library(folder: Path) -> Path:
    """Build what goes in front of the C library. Left out, and counted, where no compiler is."""
    built = folder / "broken_disk.so"
    source = Path(__file__).with_name("broken_disk.c")
    run([program("gcc", "gcc libc6-dev"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", built, source, "-ldl"])
    return built


class BrokenDisk:
    """The page that the test shares with the program whose disk breaks; everything in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.synced = folder / "synced"
        self.page_file = folder / "control"
        if not self.page_file.exists():
            self.page_file.write_bytes(bytes(mmap.PAGESIZE))
            self.synced.mkdir()
        with self.page_file.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def environment(self, library: Path) -> dict[str, str]:
        """For the program."""
        return {
            **os.environ,
            "LD_PRELOAD": str(library),
            "SEALMQ_DISK": str(self.page_file),
            "SEALMQ_SYNCED": str(self.synced),
        }

    def __getitem__(self, field: str) -> int:
        return int(struct.unpack_from("q", self._page, 8 * _FIELDS.index(field))[0])

    def __setitem__(self, field: str, value: int) -> None:
        struct.pack_into("q", self._page, 8 * _FIELDS.index(field), value)

    def arm(self, n: int, how: How) -> None:
        """From now on steps are counted, and the n-th fails."""
        for field, value in zip(_FIELDS[1:], (n, how.for_good, how.error, how.kinds, how.halves, 0, 0), strict=True):
            self[field] = value
        self["armed"] = 1

    def disarm(self) -> None:
        """The disk is whole again."""
        self["armed"] = 0

    @property
    def struck(self) -> bool:
        return self["failed"] > 0

    def leave(self, place: Path, leaves: str) -> None:
        """Put what is left of the database in `place` (where it was, or beside it)."""
        if leaves == "power":
            for name in (*LEFT, f"{DATABASE}-shm"):
                (place / name).unlink(missing_ok=True)
            for name in LEFT:
                if (self.synced / name).exists():
                    shutil.copyfile(self.synced / name, place / name)

    def clear(self) -> None:
        """For the next program."""
        for name in LEFT:
            (self.synced / name).unlink(missing_ok=True)


class DiskOfScenario:
    """A FailingDisk (failing_scenario.py) in this process."""

    def __init__(self, disk: BrokenDisk, n: int, how: How, leaves: str, *, repairs: bool) -> None:
        self.disk = disk
        self.n = n
        self.how = how
        self.leaves = leaves
        self.repairs = repairs
        self.place = disk.folder / "home"

    @property
    def struck(self) -> bool:
        return self.disk.struck

    @property
    def broken(self) -> bool:
        return bool(self.how.for_good and self.disk.struck and self.disk["armed"])

    @broken.setter
    def broken(self, value: bool) -> None:
        if self.struck:
            self.disk["armed"] = value

    def connect(self) -> sqlite3.Connection:
        connection = open_messages(self.place / DATABASE)
        # So small that checkpoints, and the log begun anew, are met in a scenario of a few messages.
        connection.execute("PRAGMA wal_autocheckpoint = 12")
        self.disk.arm(self.n, self.how)
        return connection

    def after_crash(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        self.disk.disarm()
        left = self.disk.folder / "left"
        left.mkdir()
        for name in LEFT:
            shutil.copyfile(self.place / name, left / name)
        self.disk.leave(left, self.leaves)
        return open_messages(left / DATABASE)


def one(disk: BrokenDisk, n: int, name: str, leaves: str, *, repairs: bool) -> tuple[bool, int, int]:
    """The scenario with step n failing, in a child that never returns: (met the failure, refused, silent)."""
    for folder in ("home", "left"):
        shutil.rmtree(disk.folder / folder, ignore_errors=True)
    (disk.folder / "home").mkdir()
    disk.clear()
    disk.disarm()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            scenario = Scenario(DiskOfScenario(disk, n, HOWS[name], leaves, repairs=repairs))
            scenario.run()
            os.write(writing, struct.pack("qqq", disk.struck, len(scenario.refused), scenario.silences))
            os._exit(0)
        except BaseException:
            print(f"step {n}, {name}, {leaves}:", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(1)
    struck, refused, silent = struct.unpack("qqq", said)
    return bool(struck), refused, silent


def main() -> None:
    folder, name, leaves = sys.argv[1:]
    disk = BrokenDisk(Path(folder))
    for repairs in (True, False) if HOWS[name].for_good else (True,):
        refused = silent = 0
        for n in count(1):
            struck, more_refused, more_silent = one(disk, n, name, leaves, repairs=repairs)
            refused += more_refused
            silent += more_silent
            if not struck:
                break
        print(
            f"{name}, then {leaves}{'' if repairs else ', not repaired'}: {n - 1} steps failed;"
            f" {refused} messages refused by 0x97, {silent} not acknowledged; lost 0, twice at QoS 2 0"
        )


if __name__ == "__main__":
    main()
