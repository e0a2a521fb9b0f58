from __future__ import annotations

import errno
import os

import pytest

from sealmq.bundle import psk_line
from sealmq.devices.folders import Folders, failures_in_words
from sealmq.devices.records import PSK, Reservation, State
from sealmq.errors import EnrollmentError, HomeError


@pytest.fixture
def folders(fleet):
    return Folders(fleet.registry, fleet.directory)


def make(folder, content="new"):
    folder.mkdir()
    (folder / "file").write_text(content)


def test_what_was_there_is_put_aside_and_comes_back(fleet, folders):
    make(fleet.directory / "a", "old")
    new = folders.beside("a", "new")
    make(new)
    folders.put_in_place(new, "a")
    assert (fleet.directory / "a" / "file").read_text() == "new"
    folders.take_back(new, "a", had_folder=True)
    assert (fleet.directory / "a" / "file").read_text() == "old"
    assert [path.name for path in fleet.directory.iterdir()] == ["a"]


def test_what_a_killed_command_left_is_cleared(fleet, folders):
    for profile in ("device", PSK):
        fleet.registry.reserve(Reservation(profile, "a", profile, "", 0, 1, profile), now=1)
    make(folders.beside("a", "old"), "old")
    make(folders.beside("a", "new"))
    folders.clear_leftovers("a")
    assert (fleet.directory / "a" / "file").read_text() == "old"
    assert [path.name for path in fleet.directory.iterdir()] == ["a"]
    assert {fleet.registry.lookup(profile).state for profile in ("device", PSK)} == {State.ABANDONED}


@pytest.mark.parametrize("content", [b"", b"sensor-1:00\n", psk_line("sensor-1", bytes(32))])
def test_a_folder_that_is_not_ours_is_left_alone(fleet, folders, content):
    (fleet.directory / "sensor-1").mkdir()
    (fleet.directory / "sensor-1" / "psk.txt").touch(0o600)
    (fleet.directory / "sensor-1" / "psk.txt").write_bytes(content)
    with pytest.raises(EnrollmentError, match="the registry knows no device 'sensor-1'"):
        folders.check_free("sensor-1")


def test_the_disk_is_told_in_words_with_the_command():
    with pytest.raises(HomeError) as caught, failures_in_words("sensor-1", "--psk"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/x")
    assert caught.value.what == "'sensor-1' was not added: No space left on device"
    assert caught.value.why == "at /home/x"
    assert caught.value.remedy.endswith("sealmq device add sensor-1 --psk")
