from __future__ import annotations

import ctypes
import errno
import os
import stat
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.errors import TrustError
from sealmq.pki import vault


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True, params=[0o022, 0o000, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_modes(tmp_path, umask):
    vault.write_private(tmp_path / "key", b"secret")
    vault.write_public(tmp_path / "certificate", b"public")
    vault.make_private_directory(tmp_path / "directory")
    assert mode(tmp_path / "key") == 0o600
    assert mode(tmp_path / "certificate") == 0o644 & ~umask
    assert mode(tmp_path / "directory") == 0o700
    assert vault.read_private(tmp_path / "key") == b"secret"


def test_a_key_is_never_readable_not_even_for_a_moment(tmp_path, monkeypatch):
    seen = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(stat.S_IMODE(os.fstat(fd).st_mode)), fsync(fd)))
    vault.write_private(tmp_path / "key", b"secret")
    assert seen[0] == 0o600


@pytest.mark.parametrize("readable", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path, readable):
    path = tmp_path / "my key"
    vault.write_private(path, b"secret")
    path.chmod(readable)
    for check in (vault.read_private, vault.check_private):
        with pytest.raises(TrustError) as caught:
            check(path)
        assert caught.value.remedy == f"chmod 600 '{path}'"
        assert "secret" not in str(caught.value)


def test_a_missing_key_is_a_trust_error(tmp_path):
    for check in (vault.read_private, vault.check_private):
        with pytest.raises(TrustError):
            check(tmp_path / "none")


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"old")
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    vault.write_private(tmp_path / "key", b"secret")
    assert (tmp_path / "elsewhere").read_bytes() == b"old"
    assert not (tmp_path / "key").is_symlink()


@pytest.mark.parametrize("for_good", [False, True])
def test_a_failing_disk_leaves_the_old_or_the_new_file(tmp_path, monkeypatch, for_good):
    path = tmp_path / "key"
    for n in count(1):
        vault.write_private(path, b"old")
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            with disk:
                try:
                    vault.write_private(path, b"new")
                except OSError:
                    pass
        assert path.read_bytes() in (b"old", b"new")
        if not for_good:
            assert list(tmp_path.iterdir()) == [path]
        vault.remove_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == [path]
        if not disk.struck:
            break
    assert n > 5
    assert path.read_bytes() == b"new"


def test_writes_that_come_in_pieces_are_finished(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:3])))
    vault.write_public(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("writable", [0o620, 0o602, 0o666])
def test_what_others_can_change_is_refused_with_the_command_that_helps(tmp_path, writable):
    path = tmp_path / "root.pem"
    path.write_bytes(b"x")
    path.chmod(0o644)
    vault.check_unchanged(path)
    path.chmod(writable)
    with pytest.raises(TrustError, match="changed by others") as caught:
        vault.check_unchanged(path)
    assert caught.value.remedy == f"chmod go-w {path}"


def test_a_folder_of_files_is_its_owners_alone(tmp_path, umask):
    vault.write_folder(tmp_path / "a", [("device.key", b"secret", True), ("root.pem", b"public", False)])
    assert mode(tmp_path / "a") == 0o700
    assert (mode(tmp_path / "a" / "device.key"), mode(tmp_path / "a" / "root.pem")) == (0o600, 0o644 & ~umask)
    assert (tmp_path / "a" / "device.key").read_bytes() == b"secret"
    with pytest.raises(FileExistsError):
        vault.write_folder(tmp_path / "a", [])


def test_what_the_file_system_did_not_take_is_told(tmp_path, monkeypatch):
    with vault.Volume(tmp_path) as volume:
        volume.sync()
        monkeypatch.setattr(vault, "_syncfs", lambda descriptor: (ctypes.set_errno(errno.EIO), -1)[1])
        with pytest.raises(OSError, match="Input/output error"):
            volume.sync()


def test_where_syncfs_is_missing_everything_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(vault, "_syncfs", None)
    monkeypatch.setattr(vault.os, "sync", lambda: synced.append(1))
    with vault.Volume(tmp_path) as volume:
        volume.sync()
    assert synced == [1]


def test_a_new_file_takes_the_place_of_nothing(tmp_path):
    path = tmp_path / "key"
    vault.write_new_private(path, b"secret")
    assert (mode(path), path.read_bytes()) == (0o600, b"secret")
    with pytest.raises(FileExistsError):
        vault.write_new_private(path, b"other")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        vault.write_new_private(tmp_path / "link", b"other")
    assert path.read_bytes() == b"secret"


@pytest.mark.parametrize("for_good", [False, True])
def test_a_new_file_that_cannot_be_written_is_not_there(tmp_path, for_good):
    for n in count(1):
        path = tmp_path / f"key-{n}"
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            try:
                with disk:
                    vault.write_new_private(path, b"secret")
            except OSError:
                pass
        if path.exists() and not (for_good and disk.struck):
            assert path.read_bytes() == b"secret"
        if not disk.struck:
            break
    assert n > 4
