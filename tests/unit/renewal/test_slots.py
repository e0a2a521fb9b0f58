"""The two slots of a bundle: what a reader finds, whenever the program that changes them is stopped."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from failing_disk import FailingDisk
from sealmq.bundle import CHAIN_FILE, KEY_FILE, LEAF_FILE, ROOT_FILE, current_of
from sealmq.renewal.slots import FILES, Slots


def files(mark: str) -> dict[str, bytes]:
    return {name: f"{mark} {name}".encode() for name in FILES}


@pytest.fixture(params=["as today", "without device.pem"])
def bundle(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir(mode=0o700)
    for name, data in files("old").items():
        if name != LEAF_FILE or request.param == "as today":
            (folder / name).write_bytes(data)
    (folder / KEY_FILE).chmod(0o600)
    (folder / "README.txt").write_text("mine")
    return folder


def mark_of(folder: Path) -> str:
    """Whose files a reader finds; they must all be of one renewal."""
    marks = {(folder / name).read_bytes().split()[0] for name in FILES if (folder / name).exists()}
    assert len(marks) == 1, f"a reader finds files of {marks}"
    assert (folder / KEY_FILE).stat().st_mode & 0o077 == 0
    return marks.pop().decode()


def test_an_ordinary_folder_is_its_own_slot(bundle: Path) -> None:
    slots = Slots(bundle)
    slots.tidy()
    assert slots.current == current_of(bundle) == bundle
    assert slots.waiting() == []
    slots.drop(bundle)
    assert mark_of(bundle) == "old"


def test_a_slot_waits_until_it_is_switched_to_and_the_old_one_can_go(bundle: Path) -> None:
    slots = Slots(bundle)
    new = slots.fill("0a", files("new"))
    assert slots.waiting() == [new]
    assert mark_of(bundle) == "old"
    assert stat.S_IMODE((new / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(new.parent.stat().st_mode) == 0o700
    old = slots.current
    slots.switch(new)
    assert mark_of(bundle) == "new"
    assert all((bundle / name).is_symlink() for name in FILES)
    assert slots.waiting() == []
    slots.drop(old)
    slots.tidy()
    newer = slots.fill("0b", files("newer"))
    slots.switch(newer)
    slots.drop(new)
    assert mark_of(bundle) == "newer"
    assert [each.name for each in sorted((bundle / ".slots").iterdir())] == ["0b", "current"]
    assert (bundle / "README.txt").read_text() == "mine"


def test_the_current_slot_is_not_dropped(bundle: Path) -> None:
    slots = Slots(bundle)
    slots.switch(slots.fill("0a", files("new")))
    slots.drop(slots.current)
    assert mark_of(bundle) == "new"


def test_a_slot_that_is_filled_again_is_the_newer(bundle: Path) -> None:
    slots = Slots(bundle)
    slots.fill("0a", files("half"))
    slots.fill("0a", {**files("new"), ROOT_FILE: b"new root", CHAIN_FILE: b"new chain"})
    slots.switch(bundle / ".slots" / "0a")
    assert mark_of(bundle) == "new"


@pytest.mark.parametrize("for_good", [False, True], ids=["one step fails", "nothing works from there on"])
def test_at_whatever_step_it_is_stopped_a_reader_finds_a_pair_and_the_next_one_goes_on(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    for rename_before in (False, True):
        n = 0
        while True:
            n += 1
            copy = tmp_path / f"{rename_before}-{n}"
            shutil.copytree(bundle, copy)
            slots = Slots(copy)
            if rename_before:
                slots.switch(slots.fill("00", files("old")))
                slots.drop(copy / ".slots" / "first")
            with monkeypatch.context() as patch:
                disk = FailingDisk(n, for_good=for_good).install(patch)
                try:
                    with disk:
                        old = slots.current
                        new = slots.fill("0a", files("new"))
                        slots.switch(new)
                        slots.drop(old)
                except OSError:
                    assert disk.struck
                finished = not disk.struck
            assert mark_of(copy) in ("old", "new")
            slots = Slots(copy)
            slots.tidy()
            assert mark_of(copy) in ("old", "new")
            slots.switch(slots.fill("0b", files("newest")))
            for waiting in slots.waiting():
                slots.drop(waiting)
            slots.tidy()
            assert mark_of(copy) == "newest"
            left = {path.name for path in (copy / ".slots").iterdir()}
            assert left == {"0b", "current"}
            if finished:
                break
        assert n > 20
