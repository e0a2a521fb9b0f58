"""A backup is whole or not there; a restore is done or has not begun; nothing in an archive is believed."""

from __future__ import annotations

import io
import json
import shutil
import stat
import tarfile
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from failing_disk import FailingDisk
from sealmq.archive import (
    check_files,
    finish_restore,
    is_waiting,
    prepare_restore,
    read_backup,
    write_backup,
)
from sealmq.broker.retained import RetainedMessage
from sealmq.errors import HomeError
from sealmq.home import Home
from sealmq.mqtt.packets import Publish
from sealmq.pki.profiles import ServerNames
from sealmq.store.sqlite import SQLiteStore

NOW = 1_800_000_000.0


def retained(path: Path) -> list[bytes]:
    store = SQLiteStore.open(path, lambda number: None, lambda why: None)
    kept = store.load(NOW)
    store.close()
    return [message.publish.payload for message in kept.retained]


def retain(path: Path, payload: bytes) -> None:
    store = SQLiteStore.open(path, lambda number: None, lambda why: None)
    store.load(NOW)
    store.retained(RetainedMessage(Publish("a", payload, 0, True), float("inf")))
    assert store.close() == ""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "home"
    with Home.create(path, organization="E", country="NL", names=ServerNames(("localhost",)), now=NOW) as home:
        home.enrollment().add_device("sensor-1", role="device", now=NOW)
    (path / "sealmq.toml").write_text('listen = ["127.0.0.1:8883"]\n')
    retain(path / "messages.db", b"kept")
    return path


@pytest.fixture
def home(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def backup(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "b.tar.gz"
    write_backup(original, file, now=NOW)
    return file


def contents(home: Path) -> dict[str, bytes]:
    """Everything of a home that a restore brings back, but the databases, whose bytes may differ."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and ".db" not in path.name and not path.relative_to(home).parts[0].startswith(".")
    }


def whole(home: Path) -> None:
    """It opens, knows its devices and messages, and nothing of the way is left."""
    check_files(home)
    with Home.open(home) as opened:
        assert opened.registry.device("sensor-1") is not None
    assert retained(home / "messages.db") == [b"kept"]
    assert not is_waiting(home)


def test_there_and_back(home: Path, backup: Path, tmp_path: Path) -> None:
    assert prepare_restore(backup, tmp_path / "new").made == NOW
    assert is_waiting(tmp_path / "new")
    finish_restore(tmp_path / "new")
    whole(tmp_path / "new")
    assert contents(tmp_path / "new") == contents(home)
    for path in (tmp_path / "new").rglob("*"):
        private = path.is_dir() or path.suffix in (".key", ".db") or path.name == "broker.pem"
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == (0 if private else 0o044), path


def test_a_backup_is_its_owners_alone_and_alone_in_its_folder(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == ["b.tar.gz"]


def test_a_backup_overwrites_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(HomeError, match="there already"):
        write_backup(home, tmp_path / "precious", now=NOW)
    assert (tmp_path / "precious").read_text() == "x"


def test_a_backup_of_a_home_that_never_ran_has_no_messages(home: Path, tmp_path: Path) -> None:
    (home / "messages.db").unlink()
    assert "messages.db" not in write_backup(home, tmp_path / "b", now=NOW).files


def test_a_home_that_is_damaged_makes_no_backup(home: Path, tmp_path: Path) -> None:
    key = home / "ca" / "device-ca.key"
    key.write_bytes((home / "ca" / "server-ca.key").read_bytes())
    with pytest.raises(HomeError, match="no whole home") as caught:
        write_backup(home, tmp_path / "b", now=NOW)
    assert "do not belong together" in caught.value.why
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_writing_a_backup_fails_at_every_step(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    before = contents(home)
    for n in count(1, 3):
        file = tmp_path / f"{n}" / "b"
        file.parent.mkdir()
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with disk:
                try:
                    write_backup(home, file, now=NOW)
                except HomeError:
                    assert disk.struck
        assert contents(home) == before
        if file.exists():
            read_backup(file, tmp_path / f"{n}" / "read")
        if not disk.struck:
            break
    assert n > 20


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_a_restore_fails_at_every_step(
    home: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    """Afterwards there is the old home or the new one, and never a mixture."""
    retain(home / "messages.db", b"newer")
    for n in count(1, 2):
        place = tmp_path / f"{n}"
        shutil.copytree(home, place)
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with disk:
                try:
                    prepare_restore(backup, place)
                    finish_restore(place)
                except HomeError:
                    assert disk.struck
        begun = is_waiting(place)
        assert Home.is_home(place)
        with Home.open(place) as opened:  # whoever opens it next finishes what was begun
            assert opened.registry.device("sensor-1") is not None
        is_new = retained(place / "messages.db") == [b"kept"]
        assert is_new or not begun
        assert is_new or retained(place / "messages.db") == [b"newer"]
        check_files(place)
        shutil.rmtree(place)
        if not disk.struck:
            assert is_new
            break
    assert n > 40


def test_what_a_restore_replaces_is_kept(home: Path, backup: Path) -> None:
    for payload in (b"first", b"second"):
        retain(home / "messages.db", payload)
        (home / "sealmq.db-wal").write_bytes(b"a log of the old database")
        prepare_restore(backup, home)
        finish_restore(home)
        assert not (home / "sealmq.db-wal").exists()
        whole(home)
    assert retained(home / ".replaced" / "messages.db") == [b"second"]
    assert retained(home / ".replaced-1" / "messages.db") == [b"first"]


def test_nothing_waits_to_be_finished(home: Path) -> None:
    before = contents(home)
    finish_restore(home)
    assert contents(home) == before


def test_two_restores_at_once(home: Path, backup: Path) -> None:
    prepare_restore(backup, home)
    with pytest.raises(HomeError, match="already"):
        prepare_restore(backup, home)
    finish_restore(home)


# --- archives that are not what they seem


def repacked(backup: Path, target: Path, change: Callable[[dict[str, bytes]], None], *, honest: bool) -> Path:
    """An archive with other files; `honest`: its manifest says so."""
    with tarfile.open(backup) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    change(files)
    if honest:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {name: sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}
        files["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(target, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target


CHANGES: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a file outside": lambda files: files.update({"../outside": b"x"}),
    "a file at the root": lambda files: files.update({"/tmp/outside": b"x"}),
    "a file of another name": lambda files: files.update({"ca/../sealmq.toml": b"x"}),
    "no registry": lambda files: files.pop("sealmq.db") and None,
    "a registry that is none": lambda files: files.update({"sealmq.db": b"x" * 4096}),
    "the registry as messages": lambda files: files.update({"messages.db": files["sealmq.db"]}),
    "another's key": lambda files: files.update({"ca/server-ca.key": files["ca/device-ca.key"]}),
    "no CA": lambda files: files.pop("ca/device-ca.pem") and None,
    "a key that is none": lambda files: files.update({"broker/broker.pem": b"x"}),
    "a configuration that is none": lambda files: files.update({"sealmq.toml": b"[what]"}),
    "a manifest that is none": lambda files: files.update({"manifest.json": b"[]"}),
}


@pytest.mark.parametrize(
    ("change", "honest"),
    [
        pytest.param(change, honest, id=f"{name}, {'made up' if honest else 'changed'}")
        for name, change in CHANGES.items()
        for honest in ((False,) if "manifest" in name else (False, True))
    ],
)
def test_an_archive_that_is_no_backup_changes_nothing(
    home: Path, backup: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], honest: bool
) -> None:
    wrong = repacked(backup, tmp_path / "wrong", change, honest=honest)
    before = contents(home)
    with pytest.raises(HomeError, match=r"damaged|no whole home"):
        prepare_restore(wrong, home)
    assert contents(home) == before
    assert not any(path.name.startswith(".") for path in home.iterdir())
    assert not (tmp_path / "outside").exists()


def test_a_link_in_an_archive_is_not_followed(backup: Path, tmp_path: Path) -> None:
    with tarfile.open(backup) as archive, tarfile.open(tmp_path / "wrong", "w:gz") as wrong:
        for member in archive:
            content = archive.extractfile(member)
            if member.name == "ca/root.pem":
                member.type, member.linkname, member.size, content = tarfile.SYMTYPE, "/etc/passwd", 0, None
            wrong.addfile(member, content)
    with pytest.raises(HomeError):
        read_backup(tmp_path / "wrong", tmp_path / "into")


def test_a_backup_cut_short_or_spoiled_is_damaged(backup: Path, tmp_path: Path) -> None:
    data = backup.read_bytes()
    wrongs = [data[: len(data) // 2], b"", b"x" * 100, data[:5_000] + b"\xff" * 50 + data[5_050:]]
    for number, wrong in enumerate(wrongs):
        (tmp_path / "wrong").write_bytes(wrong)
        with pytest.raises(HomeError, match="damaged"):
            read_backup(tmp_path / "wrong", tmp_path / f"into-{number}")


def test_a_backup_of_a_newer_format_is_refused(backup: Path, tmp_path: Path) -> None:
    def newer(files: dict[str, bytes]) -> None:
        files["manifest.json"] = files["manifest.json"].replace(b'"format": 1', b'"format": 2')

    with pytest.raises(HomeError) as caught:
        read_backup(repacked(backup, tmp_path / "wrong", newer, honest=False), tmp_path / "into")
    assert "format is 2" in caught.value.why
