"""An eye on a process: this one, which we know."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sealmq.errors import ConfigError
from sealmq.kit.bench.watch import Watch


def test_work_is_seen() -> None:
    watch = Watch(os.getpid())
    before = watch.moment()
    began = time.process_time()
    while time.process_time() < began + 0.1:
        pass
    after = watch.moment()
    assert before is not None
    assert after is not None
    assert after.cpu - before.cpu > 0.05
    assert after.waited >= before.waited
    assert after.at > before.at


def test_a_peak_is_remembered_until_it_is_forgotten() -> None:
    watch = Watch(os.getpid())
    watch.forget_peak()
    before = watch.peak
    held = bytearray(b"x" * 64_000_000)
    watch.look()
    assert watch.peak > before + 50_000_000
    del held
    watch.look()
    assert watch.peak > before + 50_000_000
    watch.forget_peak()
    assert watch.peak < before + 50_000_000


def test_without_a_process_nothing_is_seen() -> None:
    watch = Watch(None)
    watch.forget_peak()
    watch.look()
    assert (watch.moment(), watch.memory(), watch.peak) == (None, 0, 0)


def test_a_process_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="there is no process"):
        Watch(2**22 + 1)  # beyond the largest number that Linux gives out


def test_what_is_written_to_a_disk_is_seen(tmp_path: Path) -> None:
    watch = Watch(os.getpid())
    before = watch.moment()
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        os.fsync(file.fileno())
    after = watch.moment()
    assert before is not None
    assert after is not None
    assert before.written is not None
    assert after.written is not None
    assert after.written - before.written in (0, *range(1_000_000, 3_000_000))  # 0: a file system in memory
