from __future__ import annotations

import stat
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.pki import together, vault

BEFORE = {"a.key": b"old a", "a.pem": b"old certificate", "b.key": b"old b"}
NEW = {"a.key": b"new a", "a.pem": b"new certificate", "kept/c.key": b"new c"}
AFTER = NEW.copy()  # and b.key is gone


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "ca"
    fill(path)
    return path


def fill(path):
    vault.make_private_directory(path)
    for name, content in BEFORE.items():
        vault.write_private(path / name, content)


def content(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_files_come_and_go_together(folder):
    together.replace_together(folder, NEW, remove=["b.key"])
    assert content(folder) == AFTER
    assert not together.is_unfinished(folder)
    assert stat.S_IMODE((folder / "kept").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "kept" / "c.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "a.pem").stat().st_mode) & 0o077
    together.finish(folder)
    assert content(folder) == AFTER


@pytest.mark.parametrize("for_good", [False, True])
def test_whoever_is_killed_leaves_all_or_nothing(tmp_path, for_good):
    outcomes = set()
    for n in count(1):
        folder = tmp_path / f"ca-{n}"
        fill(folder)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            try:
                with disk:
                    together.replace_together(folder, NEW, remove=["b.key"])
            except OSError:
                pass
        if together.is_unfinished(folder):
            outcomes.add("unfinished")
            together.finish(folder)
            assert content(folder) == AFTER
        else:
            now = {name: value for name, value in content(folder).items() if not name.startswith(".changing")}
            assert now in (BEFORE, AFTER)
            outcomes.add("nothing" if now == BEFORE else "done")
        assert not together.is_unfinished(folder)
        together.replace_together(folder, NEW, remove=["b.key"])  # the next one is not in the way of what was left
        assert content(folder) == AFTER
        if not disk.struck:
            break
    assert outcomes == {"unfinished", "nothing", "done"}
    assert n > 20


def test_finishing_can_be_killed_too(tmp_path):
    for n in count(1):
        folder = tmp_path / f"ca-{n}"
        fill(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(together, "finish", lambda directory: None)
            together.replace_together(folder, NEW, remove=["b.key"])
        assert together.is_unfinished(folder)
        assert content(folder).items() >= BEFORE.items()
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=True).install(patch)
            try:
                with disk:
                    together.finish(folder)
            except OSError:
                pass
        together.finish(folder)
        assert content(folder) == AFTER
        if not disk.struck:
            break
    assert n > 8
