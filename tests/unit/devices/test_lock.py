from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from running import WAIT
from sealmq.devices import lock
from sealmq.devices.lock import locked_directory
from sealmq.errors import HomeError

HOLD = """
import sys
from pathlib import Path
from sealmq.devices.lock import locked_directory
with locked_directory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_waits_and_then_gives_up(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_SECONDS", 0.1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HomeError, match="in use"), locked_directory(tmp_path):
            pass
        holder.kill()
    with locked_directory(tmp_path):  # it ended with its process
        pass


def test_a_folder_that_was_replaced_meanwhile_is_locked_anew(tmp_path):
    folder, other = tmp_path / "folder", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    got = threading.Event()

    def wait():
        with locked_directory(folder):
            got.set()

    with locked_directory(folder):
        waiting = threading.Thread(target=wait)
        waiting.start()
        other.rename(folder)  # in one step: whoever looks in between two finds none
    assert got.wait(WAIT)
    waiting.join()


def test_no_folder_no_lock(tmp_path):
    with pytest.raises(FileNotFoundError), locked_directory(tmp_path / "none"):
        pass
