"""Several files of one folder change together: all of them, or none, whoever is killed in between.

A key and its certificate, or all the keys of a home, are several files, and a file system renames one at a time.

    1. the new files are written into .changing, each on the disk
    2. .changing becomes .changed: this one rename is the change
    3. the files are moved to their places, what is to go is removed, .changed goes last

Killed before 2, nothing has happened; killed behind it, `finish` does the rest, and whoever opens the folder next
calls it. The caller holds a lock that keeps others from doing the same.

OSError is left to the caller, who knows what was being tried.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from sealmq.pki import vault

_CHANGING = ".changing"
_CHANGED = ".changed"
_REMOVED = ".removed"  # in .changed: the names of what is to go


def replace_together(directory: Path, files: Mapping[str, bytes], *, remove: Iterable[str] = ()) -> None:
    """Put `files` (name within the folder -> content) into their places, and remove others, as one change.

    Every name that ends in .key is written for its owner alone. A name may have a folder in it, which is made.
    """
    staging = directory / _CHANGING
    shutil.rmtree(staging, ignore_errors=True)  # of one that was killed before anything had happened
    vault.make_private_directory(staging)
    try:
        for name, content in files.items():
            place = staging / name
            if place.parent != staging and not place.parent.exists():
                vault.make_private_directory(place.parent)
            write = vault.write_private if name.endswith(".key") else vault.write_public
            write(place, content)
        vault.write_public(staging / _REMOVED, json.dumps(sorted(remove)).encode())
        vault.sync_directory(staging)
        staging.rename(directory / _CHANGED)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    vault.sync_directory(directory)
    finish(directory)


def is_unfinished(directory: Path) -> bool:
    """Was somebody killed between the change and its end?"""
    return (directory / _CHANGED).is_dir()


def finish(directory: Path) -> None:
    """Do what is left of a change that was made. Can be killed, and called again; does nothing where nothing waits."""
    changed = directory / _CHANGED
    if not changed.is_dir():
        return
    removed = changed / _REMOVED
    if removed.exists():  # else everything is in its place, and only the folder was left
        folders = {directory}
        for staged in sorted(changed.rglob("*")):
            place = directory / staged.relative_to(changed)
            if staged.is_dir() and not place.exists():
                vault.make_private_directory(place)
            if staged.is_dir() or staged == removed:
                continue
            staged.rename(place)
            folders.add(place.parent)
        for name in json.loads(removed.read_bytes()):
            (directory / name).unlink(missing_ok=True)
            folders.add((directory / name).parent)
        for folder in folders:
            vault.sync_directory(folder)
        removed.unlink()
        vault.sync_directory(changed)
    shutil.rmtree(changed)
    vault.sync_directory(directory)
