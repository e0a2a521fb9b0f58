"""One broker for each home, and how another process finds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from running import WAIT
from sealmq import presence as module
from sealmq.errors import HomeError
from sealmq.presence import FILE_NAME, Presence, Said, maybe_running, no_broker, tell_to_look, tell_to_reload

HOLDER = """
import pathlib, signal, sys
from sealmq.presence import Presence
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who runs the tests by nohup leaves it ignored to all of them
presence = Presence.claim(pathlib.Path(sys.argv[1]))
print("here", flush=True)
sys.stdin.read()
"""


def holder(home: Path) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "here\n"
    return started


def test_who_claims_is_found_and_who_releases_is_not(tmp_path: Path) -> None:
    assert maybe_running(tmp_path) is None
    presence = Presence.claim(tmp_path)
    assert maybe_running(tmp_path) == Said(os.getpid())
    presence.reloaded("a long reason why " * 20)
    assert maybe_running(tmp_path) == Said(os.getpid(), 1, "a long reason why " * 20, 1)
    presence.reloaded()
    assert maybe_running(tmp_path) == Said(os.getpid(), 2, begun=2)
    presence.reloading()
    assert maybe_running(tmp_path) == Said(os.getpid(), 2, begun=3)
    presence.release()
    assert maybe_running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_there_is_one(tmp_path: Path) -> None:
    presence = Presence.claim(tmp_path)
    with pytest.raises(HomeError, match="a broker runs on the home") as caught:
        Presence.claim(tmp_path)
    assert str(os.getpid()) in caught.value.why
    presence.release()
    Presence.claim(tmp_path).release()


def test_the_commands_that_it_proposes_hold_a_home_with_a_space_in_it(tmp_path: Path) -> None:
    home = tmp_path / "two words"
    home.mkdir()
    with pytest.raises(HomeError) as caught:
        tell_to_reload(home)
    assert caught.value.remedy == f"sealmq up --home '{home}'"
    presence = Presence.claim(home)
    with pytest.raises(HomeError) as caught:
        Presence.claim(home)
    assert caught.value.remedy.endswith(f"sealmq up --home '{home}-2'")
    presence.release()


def test_what_a_killed_broker_left_misleads_nobody(tmp_path: Path) -> None:
    with holder(tmp_path) as killed:
        assert maybe_running(tmp_path) == Said(killed.pid)
        killed.kill()
    assert (tmp_path / FILE_NAME).exists()
    assert maybe_running(tmp_path) is None
    with pytest.raises(HomeError, match="no broker runs"):
        tell_to_reload(tmp_path)
    presence = Presence.claim(tmp_path)
    assert maybe_running(tmp_path) == Said(os.getpid())
    presence.release()


def test_the_signal_goes_to_the_holder(tmp_path: Path) -> None:
    with holder(tmp_path) as broker:
        said = tell_to_reload(tmp_path)
        assert said.pid == broker.pid
        assert broker.wait(WAIT) == -signal.SIGHUP  # it has no handler


def test_whoever_is_told_to_look_and_does_not_know_how_is_not_harmed(tmp_path: Path) -> None:
    tell_to_look(tmp_path)  # nobody is there
    with holder(tmp_path) as older:
        tell_to_look(tmp_path)
        assert older.stdin is not None
        older.stdin.close()
        assert older.wait(WAIT) == 0


def test_the_holder_is_told_to_look(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, frame: heard.append(number))
    try:
        with Presence.claim(tmp_path):
            tell_to_look(tmp_path)
            assert heard == [signal.SIGURG]
        tell_to_look(tmp_path)
        assert heard == [signal.SIGURG]
    finally:
        signal.signal(signal.SIGURG, before)


def test_a_file_that_says_nothing_is_no_broker(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("nonsense")
    assert maybe_running(tmp_path) is None
    presence = Presence.claim(tmp_path)
    os.ftruncate(presence._descriptor, 0)
    assert maybe_running(tmp_path) is None, "locked, but it has not said anything yet"
    presence.release()


def test_nobody_is_a_broker_while_somebody_needs_that_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRIES", 2)
    (tmp_path / FILE_NAME).write_text('{"pid": 1, "reloads": 0, "refused": ""}')  # a killed broker's
    with no_broker(tmp_path):
        assert maybe_running(tmp_path) is None
        with pytest.raises(HomeError, match="comes and goes"):
            Presence.claim(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with Presence.claim(tmp_path), pytest.raises(HomeError, match="a broker runs"), no_broker(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_its_holder_has_just_removed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = module.fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            (tmp_path / FILE_NAME).unlink()
        real(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with Presence.claim(tmp_path):
        assert (tmp_path / FILE_NAME).exists()
    assert len(calls) == 2


def test_a_home_in_which_nothing_can_be_written_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="cannot be written") as caught:
        Presence.claim(tmp_path / "missing")
    assert caught.value.remedy
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")  # nor does it write where somebody else points
    with pytest.raises(HomeError, match="cannot be written"):
        Presence.claim(tmp_path)
