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
from sealmq.devices.bundles.writing import read_bundle, write_bundle
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
