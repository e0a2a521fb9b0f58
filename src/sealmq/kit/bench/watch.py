"""The broker's process, seen from outside: processor time, the wait for a processor, memory (Linux, /proc)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sealmq.errors import ConfigError

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Moment:
    """What had been used up at a moment.

    cpu:     seconds of a processor.
    waited:  seconds for which it could have run and others did.
    written: bytes that it had the system write to a disk; None where only its owner may know.
    """

    at: float
    cpu: float
    waited: float
    written: int | None = None


class Watch:
    """An eye on a process; without one (pid None) nothing is seen."""

    def __init__(self, pid: int | None) -> None:
        """Raises ConfigError when there is no such process."""
        self.pid = pid
        self.peak = 0
        self._peak_name = "VmRSS"
        self._folder = Path(f"/proc/{pid}")
        if pid is not None and not (self._folder / "stat").exists():
            raise ConfigError(f"there is no process {pid}", remedy="--pid takes the number of the broker's process")

    def moment(self) -> Moment | None:
        """What it has used until now; None when nobody is watched, or it has ended."""
        if self.pid is None:
            return None
        try:
            fields = (self._folder / "stat").read_text().rsplit(")", 1)[1].split()
            ran, waited = map(int, (self._folder / "schedstat").read_text().split()[:2])
        except OSError:
            return None
        ticks = (int(fields[11]) + int(fields[12])) / _TICKS
        # One thread's time is known to the nanosecond, that of all only to the tick: the larger is the better one.
        return Moment(time.monotonic(), max(ticks, ran / 1e9), waited / 1e9, self._written())

    def _written(self) -> int | None:
        try:
            lines = (self._folder / "io").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)

    def memory(self) -> int:
        """Bytes that it has in RAM now; 0 when nothing is known."""
        return self._status("VmRSS")

    def forget_peak(self) -> None:
        """Let the peak begin anew. Only its owner may have the kernel forget; else what `look` sees counts."""
        self.peak = self.memory()
        try:
            (self._folder / "clear_refs").write_text("5")
            self._peak_name = "VmHWM"
        except OSError:
            self._peak_name = "VmRSS"

    def look(self) -> None:
        """Note the memory, if it is more than before."""
        self.peak = max(self.peak, self._status(self._peak_name))

    def _status(self, name: str) -> int:
        if self.pid is None:
            return 0
        try:
            lines = (self._folder / "status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
