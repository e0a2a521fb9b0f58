"""kill -9 while a home is made, and while one is restored: the next start goes on, with the old or the new, never half.

SEALMQ_KILLS=200 pytest -s tests/anomaly/test_kill_at_home.py
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from interop_homes import add_device, make_home
from running import SEALMQ, Broker, Program, running, sealmq
from sealmq.archive import is_waiting
from sealmq.home import Home

KILLS = max(8, int(os.environ.get("SEALMQ_KILLS", "50")) // 5)
DICE = random.Random(int(os.environ.get("SEALMQ_KILL_SEED", "20260401")))


pytestmark = pytest.mark.timeout(120 + 40 * KILLS)


def serves(broker: Broker, device: str) -> None:
    broker.tls(device).close()


def test_the_very_first_start_is_killed(tmp_path: Path, record_property) -> None:
    began = time.monotonic()
    Broker(tmp_path / "measure").kill()
    takes = time.monotonic() - began
    made = unmade = 0
    for number in range(KILLS):
        home = tmp_path / f"home-{number // 2}"  # some are killed twice before they are made
        started = Program([*SEALMQ, "up", "--home", home, "--listen", "127.0.0.1:0"])
        time.sleep(DICE.uniform(takes * 0.2, takes * 1.1))
        started.kill()
        if Home.is_home(home):
            made += 1
        else:
            unmade += 1
        if number % 2:
            broker = Broker(home)
            try:
                serves(broker, "operator")
                assert not list(home.glob(".creating*"))
            finally:
                assert broker.end() == 0
    record_property(
        "said",
        f"first starts killed: {KILLS}, {unmade} before there was a home, {made} behind it; homes that could not"
        " be used afterwards 0",
    )


def test_a_restore_is_killed_under_a_broker_that_runs(tmp_path: Path, record_property) -> None:
    home = make_home(tmp_path / "home", "", ("old",))
    backup = tmp_path / "backup"
    assert sealmq("backup", backup, "--home", home).returncode == 0
    add_device(home, "new")
    old = new = 0
    for number in range(KILLS):
        broker = Broker(home)
        command = [*SEALMQ, "restore", backup, "--home", home, "--force"]
        try:
            with running(command) as restore:
                time.sleep(DICE.uniform(0.2, 1.2))
                for victim in ((restore, broker), (broker, restore), (broker,))[number % 3]:
                    victim.kill()
                if number % 3 == 2:
                    restore.ended()  # it swaps by itself when nobody runs any more
        finally:
            broker.kill()
        broker = Broker(home)
        try:
            serves(broker, "old")
            assert not is_waiting(home)
            with Home.open(home) as opened:
                names = {device.name for device in opened.registry.devices()}
        finally:
            assert broker.end() == 0
        folders = {path.name for path in (home / "devices").iterdir() if path.is_dir()}
        assert folders == names
        assert names in ({"operator", "old"}, {"operator", "old", "new"})
        if "new" in names:
            old += 1
        else:
            new += 1
            add_device(home, "new")
    record_property("said", f"restores killed: {KILLS}; {old} had not begun, {new} were finished, 0 stayed half")


@pytest.mark.parametrize("what", ["ca", "devices", "broker", "sealmq.db"])
def test_a_home_of_which_a_piece_was_lost_is_refused_in_words(tmp_path: Path, what: str) -> None:
    home = make_home(tmp_path / "home", "", ())
    (home / what).rename(tmp_path / "lost")
    before = sorted(path.name for path in home.iterdir())
    done = sealmq("up", "--home", home, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "next:" in done.stderr
    assert set(before) <= {path.name for path in home.iterdir()}
