"""How a device with a pre-shared key (PSK) comes: like one with a certificate (enrollment.py), and no CA is needed.

    1. its serial is recorded (pending)
    2. the key is made, and written into the device's folder, psk.txt
    3. in one transaction: the device, the key, and at its end the line of the audit trail

What fails before the end of 3 is undone; what is killed leaves a pending serial, which opens nothing, and perhaps a
folder with a key that nobody knows: the same command, typed again, replaces them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from sealmq.bundle import PSK_FILE, psk_line
from sealmq.devices.enrollment import check_name, check_wishes, operator
from sealmq.devices.folders import Folders, failures_in_words
from sealmq.devices.lock import locked_directory
from sealmq.devices.psks import PSKs
from sealmq.devices.records import PSK, Confirmation, DeviceRecord, Reservation
from sealmq.devices.registry import Registry
from sealmq.devices.trail import ISSUE, Entry, Fact, Trail
from sealmq.errors import EnrollmentError
from sealmq.pki import vault
from sealmq.pki.authority import new_serial
from sealmq.pki.keys import new_psk
from sealmq.pki.profiles import BACKDATE

DAYS: Final = 365
"""Life of a PSK when nobody says another: that of a device's certificate."""


@dataclass(frozen=True, slots=True)
class AddedWithPSK:
    """A device that was added. It does not hold the key: that is in `file`.

    file:      its psk.txt.
    not_after: until when the key counts, Unix seconds.
    """

    name: str
    role: str
    uuid: str
    serial: str
    file: Path
    not_after: float


class PSKEnrollment(Folders):
    """Adds devices with a PSK.

    directory: the folder that gets one folder for each device. trail: is told of what happens.
    """

    def __init__(self, registry: Registry, *, directory: Path, trail: Trail) -> None:
        super().__init__(registry, directory)
        self._trail = trail
        self._psks = PSKs(registry)

    def add_device(self, name: str, *, now: float, role: str = "device", days: int | None = None) -> AddedWithPSK:
        """Add a device with a new PSK of 256 random bits.

        now:  Unix seconds.
        days: how long the key counts, 365 when None.

        Raises EnrollmentError when it cannot be done as asked, HomeError when the home or the disk is at fault. Then
        nothing has changed.
        """
        check_name(name)
        _check_role(name, role)
        check_wishes(role, days)
        key, serial, uuid = new_psk(), new_serial(), str(uuid4())
        digest = sha256(key).hexdigest()
        reservation = Reservation(
            serial=serial,
            subject=name,
            profile=PSK,
            authority_key_id="",
            not_before=int(now) - BACKDATE,  # the broker's clock may be behind this process's
            not_after=int(now) + (days or DAYS) * 86_400 - 1,
            spki_sha256=digest,
        )
        confirmation = Confirmation(serial=serial, fingerprint=digest, role=role, uuid=uuid)
        with failures_in_words(name, "--psk"), locked_directory(self._directory), _told_how(self._registry, name):
            self.check_free(name)
            self.clear_leftovers(name)
            with self.undone_on_failure(name):
                self._registry.reserve(reservation, now=now)
                self._write_file(name, key)
                self._confirm(reservation, confirmation, key, now)
            self.drop_former(name)
        return AddedWithPSK(name, role, uuid, serial, self._directory / name / PSK_FILE, reservation.not_after)

    def _write_file(self, name: str, key: bytes) -> None:
        new = self.beside(name, "new")
        vault.make_private_directory(new)
        vault.write_private(new / PSK_FILE, psk_line(name, key))
        self.put_in_place(new, name)
        vault.sync_directory(self._directory)

    def _confirm(self, reservation: Reservation, confirmation: Confirmation, key: bytes, now: float) -> None:
        facts: dict[str, Fact] = {
            "device": reservation.subject,
            "role": confirmation.role,
            "profile": PSK,
            "serial": confirmation.serial,
            "fingerprint": confirmation.fingerprint,
            "not_after": reservation.not_after,
            "via": "cli",
        }
        with self._registry.transaction():
            (error,) = self._registry.confirm_devices([confirmation], now=now)
            if error is not None:
                raise error
            self._psks.keep(confirmation.serial, key)
            # Inside the transaction, and before its end: no key opens anything without its line.
            self._trail.append([Entry(ISSUE, operator(), facts)], now=now)


def _check_role(name: str, role: str) -> None:
    if role == "operator":
        raise EnrollmentError(
            f"'{name}' would be an operator with a PSK",
            why="its key would lie in the broker's database, and whoever reads that could do everything",
            remedy="an operator has a certificate: leave out --psk, or --role operator",
        )


@contextmanager
def _told_how(registry: Registry, name: str) -> Iterator[None]:
    """Say how a device gets a new key that has one."""
    try:
        yield
    except EnrollmentError as error:
        device: DeviceRecord | None = registry.device(name)
        if device is None or device.state != "active" or device.name != name:
            raise
        has = "a PSK" if device.has_psk else "a certificate"
        raise EnrollmentError(
            f"there is a device '{name}' already, with {has}",
            why="a device has one certificate or one PSK, and not both",
            remedy=f"to give it a new key: sealmq device revoke {name}, then again sealmq device add {name} --psk",
        ) from error
