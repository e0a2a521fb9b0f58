"""Two places for credentials in one bundle, and one rename that leads from the old ones to the new.

    BUNDLE/device.key        -> .slots/current/device.key        as every file that a renewal changes
    BUNDLE/.slots/current    -> SERIAL
    BUNDLE/.slots/SERIAL/       root.pem, device.pem, device-chain.pem, device.key

Rule 1: whoever opens BUNDLE/device.key and BUNDLE/device.pem finds a pair that matches, whenever this program or the
        machine was stopped. `switch` is one rename.
Rule 2: a bundle is an ordinary folder until its first renewal; then its files become links, one by one, each to a copy
        of itself.
Rule 3: a slot is there whole or not at all: it is filled beside its place, synced, and renamed into it.

OSError (disk full, no permission) is left to the caller. Whoever changes something holds the lock on the bundle.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sealmq.bundle import CHAIN_FILE, CURRENT, KEY_FILE, LEAF_FILE, ROOT_FILE, SLOTS_FOLDER, current_of
from sealmq.pki import vault

FILES: Final = (ROOT_FILE, LEAF_FILE, CHAIN_FILE, KEY_FILE)
"""What a renewal changes, all together."""

_FIRST = "first"
_PART = ".part"


class Slots:
    """The slots of one bundle. Making this object looks at nothing."""

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self._folder = bundle / SLOTS_FOLDER

    @property
    def current(self) -> Path:
        """The folder whose files are in use. They all come from one renewal, as long as it is asked for once."""
        return current_of(self.bundle)

    def waiting(self) -> list[Path]:
        """Slots that were filled, and never became the current one."""
        if not self._folder.is_dir():
            return []
        current = self.current
        slots = [each for each in sorted(self._folder.iterdir()) if each.is_dir() and not each.is_symlink()]
        return [each for each in slots if each != current and each.suffix != _PART and each.name != _FIRST]

    def tidy(self) -> None:
        """Remove what a killed `fill`, `switch` or `drop` left."""
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.suffix == _PART or (path.name == _FIRST and path != self.current):
                _remove(path)
        for name in FILES:
            (self.bundle / f".{name}{_PART}").unlink(missing_ok=True)

    def fill(self, serial: str, files: Mapping[str, bytes]) -> Path:
        """Make a slot with these files, on the disk when this returns."""
        if not self._folder.is_dir():
            vault.make_private_directory(self._folder)
            vault.sync_directory(self.bundle)
        slot = self._folder / serial
        part = self._folder / f"{secrets.token_hex(4)}{_PART}"
        vault.make_private_directory(part)
        for name, data in files.items():
            (vault.write_private if name == KEY_FILE else vault.write_public)(part / name, data)
        vault.sync_directory(part)
        if slot.exists():
            _remove(slot)
        part.rename(slot)
        vault.sync_directory(self._folder)
        return slot

    def switch(self, slot: Path) -> None:
        """Let the bundle's files be those of this slot from now on (rule 1)."""
        current = self._folder / CURRENT
        if not current.is_symlink():
            self._begin(current)
        for name in FILES:
            if (self.bundle / name).exists():
                self._link(name)
        _point(current, slot.name)
        vault.sync_directory(self._folder)
        for name in FILES:  # one that an older bundle has not
            if (slot / name).exists():
                self._link(name)
        vault.sync_directory(self.bundle)

    def drop(self, slot: Path) -> None:
        """Remove a slot with its key. The bundle itself, as an ordinary folder, is none."""
        if slot.parent == self._folder and slot != self.current:
            gone = slot.with_name(f"{slot.name}{_PART}")
            slot.rename(gone)  # half a slot must not pass for one that waits
            _remove(gone)

    def _begin(self, current: Path) -> None:
        """The first time (rule 2): what is in use gets a slot of its own."""
        files = {name: (self.bundle / name).read_bytes() for name in FILES if (self.bundle / name).exists()}
        self.fill(_FIRST, files)
        _point(current, _FIRST)
        vault.sync_directory(self._folder)

    def _link(self, name: str) -> None:
        file, target = self.bundle / name, Path(SLOTS_FOLDER) / CURRENT / name
        if not file.is_symlink():
            part = self.bundle / f".{name}{_PART}"
            part.unlink(missing_ok=True)
            part.symlink_to(target)
            part.rename(file)


def _point(link: Path, target: str) -> None:
    part = link.with_name(f"{link.name}{_PART}")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.rename(link)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
