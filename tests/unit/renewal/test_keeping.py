"""The thread: it looks at once, rests until something is due, tells a trouble once, and ends when it is asked to."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sealmq.errors import Error, TrustError
from sealmq.renewal.keeper import Kept
from sealmq.renewal.keeping import LONGEST_REST, Keeping

WAIT = 20.0
NOW = 1_800_000_000.0


class ScriptedKeeper:
    """Does at each look what the test says, and waits for the test before the next."""

    bundle = Path("bundle")

    def __init__(self, *script: Kept | Exception) -> None:
        self.script = list(script)
        self.looks = 0
        self.failures = 0
        self.looked = threading.Semaphore(0)

    def look(self, now: float, *, at_once: bool = False) -> Kept:
        assert now == NOW
        self.looks += 1
        does = self.script.pop(0)
        self.looked.release()
        if isinstance(does, Exception):
            raise does
        return does

    def wait(self, now: float, dice: float) -> float:
        assert dice == 0.5
        self.failures += 1
        return 1_000.0


def kept(due: float) -> Kept:
    return Kept("0a", NOW + 100, False, NOW + due)


def keeping(keeper: ScriptedKeeper) -> Keeping:
    return Keeping(keeper, lambda: NOW, lambda: 0.5)  # type: ignore[arg-type]


def test_it_looks_at_once_and_whenever_it_is_woken_and_ends() -> None:
    keeper = ScriptedKeeper(kept(50), kept(50))
    with keeping(keeper) as one:
        assert keeper.looked.acquire(timeout=WAIT)
        one.wake()
        assert keeper.looked.acquire(timeout=WAIT)
        assert not keeper.looked.acquire(blocking=False)
    assert keeper.looks == 2
    assert not one._thread.is_alive()


def test_it_rests_until_the_next_is_due_and_a_day_at_most() -> None:
    for due, rest in ((50.0, 50.0), (-5.0, 1.0), (1e9, LONGEST_REST)):
        keeper = ScriptedKeeper(*[kept(due)] * 100)  # after a second it looks again
        with keeping(keeper) as one:
            assert keeper.looked.acquire(timeout=WAIT)
        assert one._look() == rest


def test_a_trouble_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Error("no network", why="unplugged", remedy="plug it in")
    keeper = ScriptedKeeper(
        kept(50), trouble, trouble, TrustError("refused"), ValueError("a mistake"), kept(50), trouble
    )
    with keeping(keeper) as one:
        assert keeper.looked.acquire(timeout=WAIT)
    assert [one._look() for _ in range(6)] == [1_000.0] * 4 + [50.0, 1_000.0]
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "no network (unplugged); next: plug it in",
        "refused",
        "an error of our own while renewing bundle",
        "no network (unplugged); next: plug it in",
    ]
    assert keeper.failures == 5
