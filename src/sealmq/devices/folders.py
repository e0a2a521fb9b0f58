"""The folders of devices, HOME/devices/NAME: whose place is free, and how a new one comes into it whole or not at all.

Rule 1: what is written is written into a hidden folder beside its place, which is renamed into it.
Rule 2: a folder that we did not leave there ourselves is left alone: it may hold somebody's only copy of a key.
Rule 3: what fails is taken back. What is killed leaves hidden folders, which the next command of this name clears.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sealmq.bundle import CHAIN_FILE, PSK_FILE, read_psk
from sealmq.devices.records import PSK, CertificateRecord, State
from sealmq.devices.registry import Registry
from sealmq.errors import BundleError, EnrollmentError, HomeError, TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import DEVICE


class Folders:
    """The folders of the devices of one registry.

    directory: has one folder for each device.
    """

    def __init__(self, registry: Registry, directory: Path) -> None:
        self._registry = registry
        self._directory = directory

    def check_free(self, name: str) -> None:
        """Raise EnrollmentError unless a device of this name may be added, and its folder taken."""
        device = self._registry.device(name)
        if device is None:
            account = self._registry.account(name)
            if account is not None:
                raise EnrollmentError(
                    f"there is an account '{account[0]}'",
                    why="a device and an account may not have the same name",
                    remedy=f"choose another name, or first: sealmq account remove {account[0]}",
                )
            self._check_folder(name)
            return
        if device.state == "active":
            raise EnrollmentError(
                f"there is a device '{device.name}' already",
                why="" if device.name == name else "upper and lower case make no difference",
                remedy=f"choose another name, or first: sealmq device revoke {device.name}",
            )
        if device.name != name:
            raise EnrollmentError(
                f"there was a device '{device.name}', which is revoked", remedy=f"add it again as {device.name}"
            )
        device.check_not_held()
        self._check_folder(name)

    def _check_folder(self, name: str) -> None:
        """Rule 2."""
        folder = self._directory / name
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        records = self._records_of(folder)
        if not records or any(each.state in (State.VALID, State.SUPERSEDED) for each in records):
            raise EnrollmentError(
                f"{folder} is there, but the registry knows no device '{name}'", remedy="move that folder away"
            )

    def _records_of(self, folder: Path) -> list[CertificateRecord]:
        """What the registry knows of the certificate or PSK in a folder."""
        try:
            leaf = identify_certificate(certificates_of((folder / CHAIN_FILE).read_bytes())[0])
            record = self._registry.lookup(leaf.serial)
            return [record] if record is not None else []
        except (OSError, TrustError):
            pass
        try:
            key = read_psk(folder / PSK_FILE).key
        except (BundleError, TrustError):
            return []
        return self._registry.certificates_with_key(sha256(key).hexdigest())

    def clear_leftovers(self, name: str) -> None:
        """Put away what a killed command left. Under the lock nobody else can be at work on this name."""
        for profile in (DEVICE.name, PSK):
            self._registry.abandon(profile, name)
        self.clear_folders(name)

    def clear_folders(self, name: str) -> None:
        """Put away the hidden folders that a killed command left beside a device's. Under the lock."""
        _remove(self.beside(name, "new"))
        old, folder = self.beside(name, "old"), self._directory / name
        if old.exists() and not folder.exists():
            old.rename(folder)
        _remove(old)

    def put_in_place(self, new: Path, name: str) -> None:
        """Let the folder `new` be that of a device. What was there is put aside until `drop_former`. Under the lock."""
        folder = self._directory / name
        if folder.exists():
            folder.rename(self.beside(name, "old"))  # a revoked device's, or a killed command's
        new.rename(folder)

    def take_back(self, new: Path, name: str, *, had_folder: bool) -> None:
        """Undo `put_in_place`, as far as it came; nothing is left of `new`. Under the lock.

        had_folder: whether there was one in the device's place before.
        """
        old, folder = self.beside(name, "old"), self._directory / name
        if folder.exists() and (old.exists() or not had_folder):
            folder.rename(new)  # the folder in its place is the new one
        _remove(new)
        if old.exists():
            old.rename(folder)

    def drop_former(self, name: str) -> None:
        """Remove what `put_in_place` put aside. Under the lock."""
        try:
            _remove(self.beside(name, "old"))
        except OSError:
            pass  # the device is there; a revoked one's files are no reason to say that it is not

    @contextmanager
    def undone_on_failure(self, name: str) -> Iterator[None]:
        """Rule 3: what fails inside leaves the folder and the registry as they were. Under the lock."""
        new, had_folder = self.beside(name, "new"), (self._directory / name).exists()
        try:
            yield
        except BaseException:
            try:
                device = self._registry.device(name)
                if device is None or device.state == "revoked":  # else the last step did happen
                    self.take_back(new, name, had_folder=had_folder)
                    for profile in (DEVICE.name, PSK):
                        self._registry.abandon(profile, name)
            except (OSError, HomeError):
                pass  # the first error says more; the next add_device of this name clears up
            raise

    def beside(self, name: str, what: str) -> Path:
        """A hidden folder for this device: "new" or "old"."""
        # A name never begins with a dot, so these are nobody's names.
        return self._directory / f".{name}.{what}"


@contextmanager
def failures_in_words(name: str, *options: str) -> Iterator[None]:
    """What the disk refuses while a device is added is a HomeError that says so. options: of `sealmq device add`."""
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"'{name}' was not added: {error.strerror or error}",
            why=f"at {error.filename}" if error.filename else "",
            remedy=f"make room or repair it, then again: {' '.join(('sealmq device add', name, *options))}",
        ) from error


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
