"""Adding devices by hundreds: as enrollment.py adds one, with the disk waited for once for all of a batch.

    1. their serials are recorded, their certificates signed, their files written into a hidden folder of our own
    2. all of that is on the disk (one syncfs)
    3. under the lock of the devices' folder: each is still free? Then its folder is renamed into its place
    4. the audit trail and the registry say so, and the lock is let go

Rule 1: a device is there, with its files, or it is not; what a kill leaves between 3 and 4 is a folder that the
        registry does not vouch for. The same command, typed again, replaces it (fleet_plan.py, `clear_leftovers`).
Rule 2: several of these may work side by side, and beside `device add` and a broker that enrols: who is first under
        the lock or in the registry has the name, and the others hear it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sealmq.bundle import KEY_FILE, device_files
from sealmq.devices.enrollment import Enrollment, operator
from sealmq.devices.fleet_plan import Wanted
from sealmq.devices.issuing import Issued, Issuer, Order
from sealmq.devices.lock import locked_directory
from sealmq.devices.registry import Registry
from sealmq.devices.trail import Trail
from sealmq.errors import EnrollmentError, Error
from sealmq.pki import vault
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import subject_key_id

STAGING = ".fleet"
"""In the devices' folder: what is being made, each process in a folder of its own. No name begins with a dot."""

BATCH = 256
"""Devices that wait for the disk together. With 64 it is waited for half of the time, and with 1,024 a kill costs more
work and the lock is held for a second."""


@dataclass(frozen=True, slots=True)
class Added:
    """A device that was made. shortened: its certificate ends with the Device CA, earlier than was asked for."""

    line: int
    name: str
    serial: str
    not_after: float
    shortened: bool


@dataclass(frozen=True, slots=True)
class NotAdded:
    """A device that was not made, and why: somebody else was faster."""

    line: int
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class _Made:
    """A device whose folder is on its way into its place. had_folder: there was one before."""

    uuid: str
    new: Path
    had_folder: bool


class FleetAdding:
    """Adds batches of devices. For one thread; `staging` is its own folder (see `staging_folder`).

    root: the root certificate as PEM, which every device must trust.
    """

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        enrollment: Enrollment,
        *,
        root: bytes,
        directory: Path,
        trail: Trail,
    ) -> None:
        self._registry = registry
        self._authority = authority
        self._enrollment = enrollment
        self._root = root
        self._root_key_id = subject_key_id(certificates_of(root)[0])
        self._directory = directory
        self._issuer = Issuer(registry, authority, trail)
        self._actor = operator()

    def add(self, batch: Sequence[Wanted], staging: Path, *, now: float) -> list[Added | NotAdded]:
        """Add these devices; one answer for each, in order. `now` in Unix seconds.

        Raises HomeError or OSError when the disk is at fault, TrustError when the Device CA does not hold; then none
        of the batch was added.
        """
        keys = [PrivateKey.generate() if each.public_key is None else None for each in batch]
        orders = [self._order(each, key) for each, key in zip(batch, keys, strict=True)]
        moved: dict[str, _Made] = {}
        with vault.Volume(self._directory) as volume, ExitStack() as lock:

            def hand_over(issued: Sequence[Issued]) -> None:
                for each, key in zip(issued, keys, strict=True):
                    self._write(staging / each.order.name, each, key)
                volume.sync()
                lock.enter_context(locked_directory(self._directory))
                self._move(batch, issued, staging, moved)
                vault.sync_directory(self._directory)

            try:
                answers = self._issuer.issue(orders, now=now, hand_over=hand_over)
            except BaseException:
                self._take_back(moved.items())
                raise
            self._take_back(
                (each.name, moved[each.name])
                for each, answer in zip(batch, answers, strict=True)
                if isinstance(answer, EnrollmentError) and each.name in moved
            )
            for name in moved:
                self._enrollment.drop_former(name)
            return [_told(each, answer) for each, answer in zip(batch, answers, strict=True)]

    def _order(self, wanted: Wanted, key: PrivateKey | None) -> Order:
        public_key = key.public if key is not None else wanted.public_key
        assert public_key is not None
        return Order(
            name=wanted.name,
            public_key=public_key,
            role=wanted.role,
            days=wanted.days,
            root=self._root_key_id,
            actor=self._actor,
        )

    def _write(self, folder: Path, issued: Issued, key: PrivateKey | None) -> None:
        leaf, issuing = issued.certificate.pem, self._authority.certificate.pem
        files = device_files(self._root, leaf, issuing, key.pem() if key is not None else None)
        vault.write_folder(folder, [(name, data, name == KEY_FILE) for name, data in files.items()])

    def _move(self, batch: Sequence[Wanted], issued: Sequence[Issued], staging: Path, moved: dict[str, _Made]) -> None:
        """Put the folders into their places. Under the lock, so that nobody takes a place meanwhile."""
        for wanted, each in zip(batch, issued, strict=True):
            name = wanted.name
            try:
                if self._registry.device(name) is not None:
                    raise EnrollmentError(f"there is a device '{name}' already")
                self._enrollment.check_free(name)
                if wanted.public_key is not None:
                    self._enrollment.check_key(name, wanted.public_key)
            except EnrollmentError:
                # Somebody was faster. What was given up cannot be confirmed, and so it is answered.
                self._registry.abandon_serials([each.certificate.serial])
                continue
            self._enrollment.clear_folders(name)
            had_folder = (self._directory / name).exists()
            moved[name] = _Made(str(each.order.uuid), staging / name, had_folder)
            self._enrollment.put_in_place(staging / name, name)

    def _take_back(self, made: Iterable[tuple[str, _Made]]) -> None:
        for name, each in made:
            # The first error says more; the same command clears up.
            with suppress(OSError, Error):
                device = self._registry.device(name)
                if device is None or device.uuid != each.uuid:  # else the last step did happen
                    self._enrollment.take_back(each.new, name, had_folder=each.had_folder)


@contextmanager
def staging_folder(directory: Path, name: str) -> Iterator[Path]:
    """A hidden folder of our own below the devices' `directory`, locked as long as it is in use. Raises OSError."""
    folder = directory / STAGING / name
    folder.mkdir(mode=0o700)
    with locked_directory(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fleets_turn(directory: Path) -> Iterator[None]:
    """One fleet at a time is added below `directory`. What a killed command left is removed, once nobody works at it.

    Raises HomeError when another fleet is being added, or a process of a killed one does not end; OSError.
    """
    staging = directory / STAGING
    staging.mkdir(mode=0o700, exist_ok=True)
    with locked_directory(staging):
        for left in staging.iterdir():
            with locked_directory(left):  # a process whose command was killed brings its batch to its end
                shutil.rmtree(left)
        yield


def _told(wanted: Wanted, answer: Issued | EnrollmentError) -> Added | NotAdded:
    if isinstance(answer, EnrollmentError):
        return NotAdded(wanted.line, wanted.name, "somebody else was adding it at the same time")
    certificate = answer.certificate
    return Added(wanted.line, wanted.name, certificate.serial, certificate.validity.not_after, answer.shortened)
