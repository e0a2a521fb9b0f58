"""Real processes on a real home."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from sealmq.cli.fleet_crew import work_off
from sealmq.devices.fleet_adding import STAGING, Added, fleets_turn
from sealmq.devices.fleet_plan import Wanted
from sealmq.errors import HomeError
from sealmq.home import Home
from sealmq.pki.profiles import ServerNames

WANTED = [Wanted(line, f"d{line}", "device", None) for line in range(2, 42)]


@pytest.fixture
def home(tmp_path: Path):
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=time.time()) as made:
        yield made


def batches(size: int) -> list[list[Wanted]]:
    return [WANTED[start : start + size] for start in range(0, len(WANTED), size)]


def there(home: Home) -> set[str]:
    return {device.name for device in home.registry.devices()} - {"operator"}


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_device_is_added_once_and_told_of(home: Home, jobs: int) -> None:
    told = []
    with fleets_turn(home.devices_directory):
        work_off(home, batches(7), jobs=jobs, heard=told.extend)
    assert all(isinstance(each, Added) for each in told)
    assert sorted(each.name for each in told) == sorted(each.name for each in WANTED)
    assert there(home) == {each.name for each in WANTED}
    assert list((home.devices_directory / STAGING).iterdir()) == []
    assert multiprocessing.active_children() == []


def test_nothing_to_do_starts_nobody(home: Home) -> None:
    with fleets_turn(home.devices_directory):
        work_off(home, [], jobs=3, heard=lambda answers: pytest.fail("of what?"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_added_until_ctrl_c_is_told(home: Home, jobs: int) -> None:
    told = []

    def heard(answers):
        told.extend(answers)
        if len(told) == len(answers):
            raise KeyboardInterrupt

    with fleets_turn(home.devices_directory), pytest.raises(KeyboardInterrupt):
        work_off(home, batches(5), jobs=jobs, heard=heard)
    assert there(home) == {each.name for each in told}
    assert 0 < len(told) < len(WANTED)
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_stops_the_command_in_words(home: Home) -> None:
    told = []

    def heard(answers):
        told.extend(answers)
        if len(told) == len(answers):
            victim = multiprocessing.active_children()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGKILL)

    with fleets_turn(home.devices_directory), pytest.raises(HomeError, match="was killed"):
        work_off(home, batches(2), jobs=2, heard=heard)
    assert {each.name for each in told} <= there(home)
    assert multiprocessing.active_children() == []


def test_a_home_that_fails_in_a_process_is_told_in_its_words(home: Home) -> None:
    (home.path / "ca" / "device-ca.key").chmod(0o644)
    with fleets_turn(home.devices_directory), pytest.raises(Exception, match="can be read or changed by others"):
        work_off(home, batches(5), jobs=2, heard=lambda answers: pytest.fail("how?"))
    assert there(home) == set()
