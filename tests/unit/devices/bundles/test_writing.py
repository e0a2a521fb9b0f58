from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

import bundle_credentials
from failing_disk import FailingDisk
from sealmq.devices.bundles.bundle import Bundle, make_bundle
from sealmq.devices.bundles.target import File
from sealmq.devices.bundles.targets import find_target
from sealmq.devices.bundles.writing import clear_half_written, read_bundle, write_bundle, write_bundles
from sealmq.errors import BundleError

NOW = bundle_credentials.NOW


@pytest.fixture
def bundle() -> Bundle:
    return make_bundle(find_target("pem"), bundle_credentials.credentials())


def contents(files: list[File] | tuple[File, ...]) -> dict[str, bytes]:
    return {file.name: file.content for file in files}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_its_owners_and_so_are_its_keys(bundle: Bundle, tmp_path: Path) -> None:
    place = tmp_path / "made" / "here"
    write_bundle(bundle, place, now=NOW)
    assert contents(read_bundle(place)) == contents(bundle.files)
    assert (mode(place), mode(place / "device.key"), mode(place / "root.pem")) == (0o700, 0o600, 0o644)
    assert [path.name for path in place.parent.iterdir()] == ["here"]


def test_a_zip_is_its_owners_and_gives_keys_their_mode(bundle: Bundle, tmp_path: Path) -> None:
    place = tmp_path / "sensor-1.zip"
    write_bundle(bundle, place, now=NOW)
    assert mode(place) == 0o600
    assert contents(read_bundle(place)) == contents(bundle.files)
    with zipfile.ZipFile(place) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert (modes["device.key"], modes["root.pem"]) == (0o600, 0o644)


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_what_is_there_is_kept_unless_forced(bundle: Bundle, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    write_bundle(bundle, place, now=NOW)
    before = contents(read_bundle(place))
    other = make_bundle(find_target("pem"), bundle_credentials.another())
    with pytest.raises(BundleError, match="is there already"):
        write_bundle(other, place, now=NOW)
    assert contents(read_bundle(place)) == before
    write_bundle(other, place, now=NOW, force=True)
    assert contents(read_bundle(place)) == contents(other.files)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_force_replaces_bundles_and_nothing_else(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "file").write_text("precious")
    for name in ("precious", "folder.zip", "file"):
        with pytest.raises(BundleError, match="is not a bundle, and is not replaced"):
            write_bundle(bundle, tmp_path / name, now=NOW, force=True)


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_a_full_disk_leaves_one_or_the_other_whole(
    bundle: Bundle, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / name
    write_bundle(bundle, place, now=NOW)
    other = make_bundle(find_target("pem"), bundle_credentials.another())
    for step in range(1, 1000):
        with monkeypatch.context() as patch:
            disk = FailingDisk(step, for_good=False).install(patch)
            with disk:
                try:
                    write_bundle(other, place, now=NOW, force=True)
                except BundleError as error:
                    assert "cannot be written" in error.what  # noqa: PT017 - the last round does not fail
        if not disk.struck:
            break
        assert contents(read_bundle(place)) in (contents(bundle.files), contents(other.files))
        assert [path for path in tmp_path.iterdir() if path.suffix == ".new"] == []
    assert step > 2
    assert contents(read_bundle(place)) == contents(other.files)


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_a_bundle_that_was_changed_is_not_read(bundle: Bundle, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    write_bundle(bundle, place, now=NOW)
    if place.is_dir():
        (place / "root.pem").write_bytes(b"another\n")
    else:
        with zipfile.ZipFile(place, "a") as archive:
            archive.writestr("more", "more")
    with pytest.raises(BundleError):
        read_bundle(place)
    with pytest.raises(BundleError, match="cannot be read"):
        read_bundle(tmp_path / "nowhere.zip")


def test_many_are_written_together_and_all_are_their_owners(bundle: Bundle, tmp_path: Path) -> None:
    nested = make_bundle(find_target("esp-idf"), bundle_credentials.credentials())
    places = {tmp_path / "a": bundle, tmp_path / "b": nested}
    write_bundles([(each, place) for place, each in places.items()], tmp_path)
    for place, each in places.items():
        assert contents(read_bundle(place)) == contents(each.files)
        for path in place.rglob("*"):
            private = path.is_dir() or any(f.private for f in each.files if place / f.name == path)
            assert mode(path) == ((0o700 if path.is_dir() else 0o600) if private else 0o644)
    assert any("/" in file.name for file in nested.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_of_many_one_that_is_there_already_stops_all(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleError, match="is there already"):
        write_bundles([(bundle, tmp_path / "a"), (bundle, tmp_path / "b")], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_many_fail_at_every_step(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    for n in range(1, 1000):
        out = tmp_path / str(n)
        out.mkdir()
        with monkeypatch.context() as patch, FailingDisk(n, for_good=for_good).install(patch) as disk:
            raised = False
            try:
                write_bundles([(bundle, out / "a"), (bundle, out / "b")], out)
            except BundleError:
                assert disk.struck
                raised = True
        clear_half_written(out)
        there = sorted(path.name for path in out.iterdir())
        for name in there:
            read_bundle(out / name)  # whole, or not there
        if raised and not for_good:
            assert there == []
        if not raised:
            assert there == ["a", "b"]
        if not disk.struck:
            break
    assert n > 20
