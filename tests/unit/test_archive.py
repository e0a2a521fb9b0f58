"""A backup is whole or not there; a restore is done or has not begun; nothing in an archive is believed."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from failing_disk import FailingDisk
from sealmq import archive as archive_module
from sealmq.archive import (
    check_files,
    finish_restore,
    is_waiting,
    prepare_restore,
    read_backup,
    write_backup,
)
from sealmq.broker.retained import RetainedMessage
from sealmq.bundle import read_psk
from sealmq.devices.accounting import verify
from sealmq.devices.lock import locked_directory
from sealmq.devices.psks import PSKs
from sealmq.devices.trail import Entry, Trail
from sealmq.errors import HomeError
from sealmq.home import Home
from sealmq.mqtt.packets import Publish
from sealmq.pki import sealing, vault
from sealmq.pki.keeping import seal_keys
from sealmq.pki.profiles import ServerNames
from sealmq.pki.token import Place
from sealmq.renewal.slots import FILES, Slots
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
        private = path.is_dir() or path.suffix in (".key", ".db", ".jsonl") or path.name == "broker.pem"
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


def test_the_trail_of_a_backup_fits_its_registry_whoever_issues_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = archive_module.copy_database

    def slow(source: Path, target: Path, **options: Any) -> None:
        copy(source, target, **options)
        if source.name == "sealmq.db":
            with Home.open(home) as opened:
                Trail(opened.audit_trail).append([Entry("issue", "x", {"serial": "01"})], now=NOW)

    monkeypatch.setattr(archive_module, "copy_database", slow)
    write_backup(home, tmp_path / "b", now=NOW)
    prepare_restore(tmp_path / "b", tmp_path / "new")
    finish_restore(tmp_path / "new")
    lines = (home / "audit.jsonl").read_bytes().splitlines(keepends=True)
    assert (tmp_path / "new" / "audit.jsonl").read_bytes() == b"".join(lines[:-1])
    with Home.open(tmp_path / "new") as opened:
        verdict = verify(Trail(opened.audit_trail), opened.registry)
        assert verdict.holds, verdict
        assert verdict.issued == 7


def test_a_home_with_a_damaged_trail_makes_no_backup(home: Path, tmp_path: Path) -> None:
    with (home / "audit.jsonl").open("ab") as file:
        file.write(b"not of ours\n")
    with pytest.raises(HomeError, match="no whole home"):
        write_backup(home, tmp_path / "b", now=NOW)


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

    with pytest.raises(HomeError, match="newer SealMQ") as caught:
        read_backup(repacked(backup, tmp_path / "wrong", newer, honest=False), tmp_path / "into")
    assert "format is 2" in caught.value.why
    assert "update SealMQ" in caught.value.remedy


def test_a_backup_with_databases_of_a_newer_format_is_refused(backup: Path, tmp_path: Path) -> None:
    def newer(files: dict[str, bytes]) -> None:
        database = files["messages.db"]
        files["messages.db"] = database[:60] + b"\0\0\0\x63" + database[64:]

    with pytest.raises(HomeError, match="no whole home") as caught:
        read_backup(repacked(backup, tmp_path / "wrong", newer, honest=True), tmp_path / "into")
    assert "newer SealMQ" in caught.value.why
    assert "update SealMQ" in caught.value.remedy


@pytest.mark.parametrize(
    "manifest",
    [
        b"[" * 100_000,
        b'{"format": 1, "made": NaN, "files": {}}',
        b'{"format": 1, "made": Infinity, "files": {}}',
        b'{"format": 1, "made": -1e300, "files": {}}',
        b'{"format": 1, "made": 1' + b"0" * 400 + b', "files": {}}',
        b'{"format": 1, "made": 1' + b"0" * 5_000 + b', "files": {}}',
        b'{"format": Infinity, "made": 1, "files": {}}',
        b'{"format": 1, "made": 1, "files": null}',
        b'{"format": 1, "made": 1, "files": [["a", "b"]]}',
        b'{"format": 1, "files": {}}',
        b"\xff",
    ],
)
def test_a_manifest_made_to_break_its_reader(backup: Path, tmp_path: Path, manifest: bytes) -> None:
    wrong = repacked(backup, tmp_path / "wrong", lambda files: files.update({"manifest.json": manifest}), honest=False)
    with pytest.raises(HomeError, match="damaged"):
        read_backup(wrong, tmp_path / "into")


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"S"])
def test_what_is_no_plain_file_is_not_made(backup: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(backup) as archive, tarfile.open(tmp_path / "wrong", "w:gz") as wrong:
        for member in archive:
            content = archive.extractfile(member)
            if member.name == "ca/root.key":
                member.type, member.linkname, member.size, content = kind, "/etc/passwd", 0, None
            wrong.addfile(member, content)
    with pytest.raises(HomeError):
        read_backup(tmp_path / "wrong", tmp_path / "into")


def test_bytes_flipped_anywhere_in_an_archive_break_nothing(backup: Path, tmp_path: Path) -> None:
    """With the checksums of its headers made right again, so that it is read further."""
    raw = gzip.decompress(backup.read_bytes())
    headers = [at for at in range(0, len(raw), 512) if raw[at + 257 : at + 262] == b"ustar"]
    dice = random.Random(7)
    before = contents(tmp_path)
    refused = 0
    for number in range(100):
        data = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            data[dice.choice(headers) + dice.randrange(512)] = dice.randrange(256)
        for at in headers:
            data[at + 148 : at + 156] = b"%06o\0 " % (sum(data[at : at + 512]) - sum(data[at + 148 : at + 156]) + 256)
        (tmp_path / "wrong").write_bytes(gzip.compress(data, 1))
        try:
            read_backup(tmp_path / "wrong", tmp_path / f"into-{number}")
        except HomeError:
            refused += 1
        shutil.rmtree(tmp_path / f"into-{number}")
        (tmp_path / "wrong").unlink()
    assert contents(tmp_path) == before
    assert refused > 10


def test_a_key_under_another_name_stays_its_owners(home: Path, tmp_path: Path) -> None:
    (home / "ca" / "root.key.2025").write_bytes(b"an old key")
    write_backup(home, tmp_path / "b", now=NOW)
    read_backup(tmp_path / "b", tmp_path / "into")
    for path in (tmp_path / "into").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        is_public = path.suffix in (".pem", ".toml") and path.name != "broker.pem"
        assert mode == (0o700 if path.is_dir() else 0o644 if is_public else 0o600), path


def test_what_a_killed_backup_left_goes_and_what_another_is_making_stays(home: Path, tmp_path: Path) -> None:
    left, others, elsewhere = (tmp_path / f".b.0000000{n}.part" for n in range(3))
    for folder in (left, others):
        folder.mkdir()
        (folder / "root.key").write_bytes(b"secret")
    elsewhere.symlink_to(home)
    with locked_directory(others):
        write_backup(home, tmp_path / "b", now=NOW)
    assert not left.exists()
    assert (others / "root.key").exists()
    assert elsewhere.is_symlink()
    whole(home)


def test_a_backup_overwrites_nothing_that_came_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive_module.read_backup

    def slow(file: Path, into: Path) -> archive_module.Backup:
        (tmp_path / "b").write_bytes(b"precious")
        return real(file, into)

    monkeypatch.setattr(archive_module, "read_backup", slow)
    for cannot_link in (False, True):
        if cannot_link:
            (tmp_path / "b").unlink()
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here")))
        with pytest.raises(HomeError, match="there already"):
            write_backup(home, tmp_path / "b", now=NOW)
        assert (tmp_path / "b").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    monkeypatch.undo()
    (tmp_path / "c").symlink_to(tmp_path / "nowhere")
    with pytest.raises(HomeError, match="there already"):
        write_backup(home, tmp_path / "c", now=NOW)


def test_a_backup_where_files_have_one_name_only(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    write_backup(home, tmp_path / "b", now=NOW)
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600


def test_a_bundle_that_was_renewed_comes_back_as_ordinary_files(home: Path, tmp_path: Path) -> None:
    bundle = home / "devices" / "operator"
    files = {name: (bundle / name).read_bytes() for name in FILES if (bundle / name).exists()}
    slots = Slots(bundle)
    slots.switch(slots.fill("0a", files))
    (bundle / "elsewhere.pem").symlink_to(tmp_path / "elsewhere.pem")
    (tmp_path / "elsewhere.pem").write_text("somebody else's")
    write_backup(home, tmp_path / "backup.tar.gz", now=NOW)
    prepare_restore(tmp_path / "backup.tar.gz", tmp_path / "restored")
    finish_restore(tmp_path / "restored")
    restored = tmp_path / "restored" / "devices" / "operator"
    assert {path.name: path.read_bytes() for path in restored.iterdir()} == files
    assert not any(path.is_symlink() for path in restored.iterdir())


def test_sealed_keys_keys_elsewhere_and_retired_ones_go_there_and_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "COST", 2)
    with Home.open(home) as opened:
        opened.authorities.replace(opened.authorities.files_to_retire("device-ca"))
        seal_keys(opened.authorities, b"the passphrase")
        (key_id,) = opened.authorities.retired_key_ids()
    place = Place("/usr/lib/module.so", "plant", id=b"1")
    vault.write_private(home / "ca" / "server-ca.key", f"{place}\n".encode())
    (home / "ca" / "root.key").unlink()
    write_backup(home, tmp_path / "b", now=NOW)
    prepare_restore(tmp_path / "b", tmp_path / "new")
    finish_restore(tmp_path / "new")
    whole(tmp_path / "new")
    assert contents(tmp_path / "new") == contents(home)
    assert f"ca/retired/{key_id}.key" in contents(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new" / "ca" / "retired" / f"{key_id}.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"pkcs11:token=plant?module-path=/usr/lib/module.so\n",
    ],
)
@pytest.mark.parametrize("key", ["device-ca.key", "claim-ca.key"])
def test_a_key_file_that_leads_nowhere_makes_no_backup(home: Path, tmp_path: Path, key: str, content: bytes) -> None:
    vault.write_private(home / "ca" / key, content)
    with pytest.raises(HomeError, match="no whole home"):
        write_backup(home, tmp_path / "b", now=NOW)
    assert not (tmp_path / "b").exists()


def test_a_change_of_the_keys_that_was_killed_is_finished_before_a_backup(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Home.open(home) as opened, monkeypatch.context() as patch:
        new = opened.authorities.device_anchors_pem * 2
        patch.setattr("sealmq.pki.together.finish", lambda directory: None)
        opened.authorities.replace({"device-ca.pem": new})
    write_backup(home, tmp_path / "b", now=NOW)
    read_backup(tmp_path / "b", tmp_path / "read")
    assert (tmp_path / "read" / "ca" / "device-ca.pem").read_bytes() == new


def restored(home: Path, tmp_path: Path) -> Path:
    write_backup(home, tmp_path / "b.tar.gz", now=NOW)
    prepare_restore(tmp_path / "b.tar.gz", tmp_path / "new")
    finish_restore(tmp_path / "new")
    return tmp_path / "new"


def test_psks_come_back_and_are_their_owners_alone(home: Path, tmp_path: Path) -> None:
    with Home.open(home) as opened:
        added = opened.psk_enrollment().add_device("small-1", now=NOW)
    with Home.open(restored(home, tmp_path)) as opened:
        file = opened.device_directory("small-1") / "psk.txt"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert PSKs(opened.registry).key(added.serial) == read_psk(file).key == read_psk(added.file).key


def test_a_home_from_before_there_were_psks_comes_back_and_takes_them(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "sealmq.db", isolation_level=None)) as database:
        database.execute("ALTER TABLE devices DROP COLUMN max_record")
        database.execute("DROP TABLE psks")
        database.execute("PRAGMA user_version = 5")
    with Home.open(restored(home, tmp_path)) as opened:
        added = opened.psk_enrollment().add_device("small-1", now=NOW)
        assert PSKs(opened.registry).key(added.serial) == read_psk(added.file).key
