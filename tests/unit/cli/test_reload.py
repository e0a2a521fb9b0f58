"""`sealmq reload`: finds the broker, waits for its answer. With a real broker in tests/interop/test_accounts.py."""

from __future__ import annotations

import importlib
import os
import signal
from pathlib import Path
from types import FrameType

import pytest

from sealmq import cli
from sealmq.presence import Presence

module = importlib.import_module("sealmq.cli.reload")  # its name in the room is the command
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALMQ_HOME", str(tmp_path))
    (tmp_path / "sealmq.toml").write_text("")
    return tmp_path


@pytest.fixture
def presence(home: Path):  # type: ignore[no-untyped-def]
    claimed = Presence.claim(home)
    before = signal.getsignal(signal.SIGHUP)
    yield claimed
    signal.signal(signal.SIGHUP, before)
    claimed.release()


def answer_with(presence: Presence, refused: str | None) -> None:
    """What this process, as the broker, does on SIGHUP."""

    def handler(number: int, frame: FrameType | None) -> None:
        if refused is not None:
            presence.reloaded(refused)

    signal.signal(signal.SIGHUP, handler)


def test_a_broker_that_goes_on_with_the_new_file(presence: Presence, capsys: Shown) -> None:
    answer_with(presence, "")
    assert cli.run(["reload"]) == 0
    assert "goes on with what" in capsys.readouterr().out


def test_an_answer_about_the_file_of_before_is_not_taken_for_ours(presence: Presence, capsys: Shown) -> None:
    presence.reloading()  # somebody else has asked, and the broker has read what was there then
    answers = iter(("", "there is no key 'limitz'"))

    def handler(number: int, frame: FrameType | None) -> None:
        presence.reloaded(next(answers))
        presence.reloading()
        presence.reloaded(next(answers))

    signal.signal(signal.SIGHUP, handler)
    assert cli.run(["reload"]) == 2
    assert "there is no key 'limitz'" in capsys.readouterr().err


def test_an_older_broker_is_understood_too(home: Path, presence: Presence, capsys: Shown) -> None:
    presence._write = lambda: os.pwrite(  # type: ignore[method-assign]
        presence._descriptor, b'{"pid": %d, "reloads": %d, "refused": ""}' % (os.getpid(), presence._said.reloads), 0
    )
    presence._write()
    os.ftruncate(presence._descriptor, len(b'{"pid": %d, "reloads": 0, "refused": ""}' % os.getpid()))
    answer_with(presence, "")
    assert cli.run(["reload"]) == 0


def test_a_broker_that_refuses_is_quoted(presence: Presence, capsys: Shown) -> None:
    answer_with(presence, "port 8883 is taken")
    assert cli.run(["reload"]) == 2
    told = capsys.readouterr().err
    assert "the broker goes on as before" in told
    assert "port 8883 is taken" in told
    assert "next: mend it; then: sealmq reload" in told


def test_what_the_broker_says_is_to_be_done_is_told(presence: Presence, capsys: Shown) -> None:
    answer_with(presence, "there is none; next: take another")
    assert cli.run(["reload"]) == 2
    assert "why:  there is none\n  next: take another; then: sealmq reload" in capsys.readouterr().err


def test_a_broken_file_is_told_before_the_broker_hears_of_it(home: Path, presence: Presence, capsys: Shown) -> None:
    answer_with(presence, "")
    (home / "sealmq.toml").write_text("lisen = 1")
    assert cli.run(["reload"]) == 2
    assert "did you mean 'listen'?" in capsys.readouterr().err
    assert presence._said.reloads == 0


def test_a_file_that_others_can_change_comes_with_the_command_that_mends_it(
    home: Path, presence: Presence, capsys: Shown
) -> None:
    answer_with(presence, "")
    (home / "sealmq.toml").chmod(0o666)
    assert cli.run(["reload"]) == 2
    assert f"next: chmod go-w {home / 'sealmq.toml'}; sealmq reload" in capsys.readouterr().err
    assert presence._said.reloads == 0


def test_a_broker_that_does_not_answer(presence: Presence, monkeypatch: pytest.MonkeyPatch, capsys: Shown) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    answer_with(presence, None)
    assert cli.run(["reload"]) == 1
    assert "did not answer" in capsys.readouterr().err


def test_where_no_broker_runs(home: Path, capsys: Shown) -> None:
    assert cli.run(["reload"]) == 1
    assert "no broker runs on the home" in capsys.readouterr().err
