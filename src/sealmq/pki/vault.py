"""Keys at rest: the one place that writes them.

Rule 1: a file is there whole or not at all: written beside its place, synced to the disk, renamed into it.
Rule 2: a key is 0600 from its first byte on; it is never made readable and closed afterwards.
Rule 3: a key that others can read is refused, as ssh does: it is not known who has a copy.

Who writes thousands of files makes folders of them (`write_folder`) and waits for the disk once (`Volume.sync`).

OSError (disk full, no permission) is left to the caller, who knows what was being tried.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shlex
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from sealmq.errors import TrustError

_PRIVATE = 0o600
_PUBLIC = 0o644
_KEY_FILE_LENGTH = 64 * 1024


def write_private(path: Path, data: bytes) -> None:
    """Write a key: atomic, 0600, on the disk when this returns. Raises OSError, and then leaves what was there."""
    _write(path, data, _PRIVATE)


def write_public(path: Path, data: bytes) -> None:
    """Write a certificate or another file that anybody may read: atomic, 0644. Raises OSError."""
    _write(path, data, _PUBLIC)


def write_new_private(path: Path, data: bytes) -> None:
    """Write a key to a file that must not be there yet: 0600, on the disk when this returns.

    Raises OSError, FileExistsError among them, and then leaves nothing of its own.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)
    try:
        try:
            _write_synced(descriptor, data)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_private(path: Path) -> bytes:
    """Read a key. Raises TrustError when it is missing, or when anybody but its owner can read or write it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise TrustError(f"the key {path} cannot be read", why=error.strerror or "") from error
    with os.fdopen(descriptor, "rb") as file:
        # The open file is asked, not the path: nobody can change what it names in between.
        _check_mode(path, os.fstat(file.fileno()).st_mode)
        return file.read(_KEY_FILE_LENGTH)


def check_private(path: Path) -> None:
    """Raise TrustError when the key at `path` is missing or can be read by others; its contents are not touched."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise TrustError(f"the key {path} cannot be read", why=error.strerror or "") from error
    _check_mode(path, mode)


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter. Raises OSError, also when it exists."""
    path.mkdir(mode=0o700)


def check_unchanged(path: Path) -> None:
    """Raise TrustError when anybody but the owner can change what is at `path`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o022:
        raise TrustError(
            f"{path} can be changed by others (mode {mode:04o})",
            why="whoever changes it decides who is trusted",
            remedy=f"chmod go-w {shlex.quote(str(path))}",
        )


def write_folder(path: Path, files: Iterable[tuple[str, bytes, bool]]) -> None:
    """Make a folder that only its owner can enter, with files in it: name (folders with "/"), contents, and whether it
    is private (0600).

    Not atomic and not on the disk: for a hidden place, from which it is renamed after `Volume.sync`. Raises OSError.
    """
    path.mkdir(mode=0o700)
    made = {path}
    for name, data, is_private in files:
        for folder in reversed((path / name).parents):
            if folder.is_relative_to(path) and folder not in made:
                folder.mkdir(mode=0o700)
                made.add(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path / name, flags, _PRIVATE if is_private else _PUBLIC)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)


class Volume:
    """The file system that a folder lies on, for who writes many files and waits for the disk once.

    One syncfs for 256 devices' files costs 0.04 ms a device, fsync of each file 1.3 ms, and by eight threads at once
    0.4 ms. It tells of each write that failed since this was made, so it must be made before them.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync(self) -> None:
        """What was written is on the disk when this returns. Raises OSError when some of it is not."""
        if _syncfs is None:
            os.sync()
        elif _syncfs(self._descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _find_syncfs() -> Callable[[int], int] | None:
    """Linux's, which Python does not offer; None where there is none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return found


_syncfs = _find_syncfs()


def sync_directory(path: Path) -> None:
    """Put the names in a directory on the disk: without it, a rename may be forgotten by a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(directory: Path) -> None:
    """Remove what a killed `write_private` or `write_public` left in `directory`. The caller holds the lock."""
    for path in directory.glob(".*.part"):
        path.unlink(missing_ok=True)


def _check_mode(path: Path, mode: int) -> None:
    if stat.S_IMODE(mode) & 0o077:
        raise TrustError(
            f"the key {path} can be read or changed by others (mode {stat.S_IMODE(mode):04o})",
            why="a private key must be its owner's alone",
            remedy=f"chmod 600 {shlex.quote(str(path))}",
        )


def _write(path: Path, data: bytes, mode: int) -> None:
    part = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags, mode)
    try:
        try:
            _write_synced(descriptor, data)
        finally:
            os.close(descriptor)
        part.rename(path)
    except BaseException:
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass  # the first error says more; remove_leftovers finds the file
        raise
    sync_directory(path.parent)


def _write_synced(descriptor: int, data: bytes) -> None:
    _write_all(descriptor, data)
    os.fsync(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
