"""What a fleet's table means for this registry: which devices are to be made, and which need nothing.

The table may be given again, longer or after a run that was killed: a device that is there is left as it is. One that
was revoked stays revoked, for a table must not bring a stolen device back.

Rule: everything is checked before anything is made; every mistake is told with its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sealmq.devices.enrollment import Enrollment
from sealmq.devices.fleet import Mistake, Row
from sealmq.devices.lock import locked_directory
from sealmq.devices.records import DeviceRecord
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError
from sealmq.pki.keys import PublicKey
from sealmq.pki.peer import printable
from sealmq.pki.profiles import DEVICE
from sealmq.pki.requests import REQUEST_LENGTH, CertificateRequest, read_csr

_CLEARED_AT_ONCE = 1000  # names under one lock: a tenth of a second in which nobody else adds a device


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device that is to be made.

    public_key: that of its certificate request, None: its key is to be made here.
    """

    line: int
    name: str
    role: str
    days: int | None
    public_key: PublicKey | None = None


@dataclass(slots=True)
class Plan:
    """What is to be done for a table.

    wanted:  to be made.
    present: there already, as the table wants them.
    revoked: there once; they stay revoked.
    """

    wanted: list[Wanted] = field(default_factory=list)
    present: list[Row] = field(default_factory=list)
    revoked: list[Row] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


class Planner:
    """Compares tables with a registry.

    directory: the folder of the devices' folders.
    base:      what a table's paths begin from: the folder that it lies in.
    role:      of who has none in the table; days: the same, None: the profile's.
    """

    def __init__(
        self,
        registry: Registry,
        enrollment: Enrollment,
        *,
        directory: Path,
        base: Path,
        role: str = "device",
        days: int | None = None,
    ) -> None:
        self._registry = registry
        self._enrollment = enrollment
        self._directory = directory
        self._base = base
        self._role = role
        self._days = days

    def plan(self, rows: Sequence[Row]) -> Plan:
        """What these rows mean. Changes nothing. Raises HomeError when the registry cannot be asked."""
        plan = Plan()
        lines_of_keys: dict[str, int] = {}
        for row in rows:
            try:
                self._place(row, plan, lines_of_keys)
            except EnrollmentError as error:
                why = f": {error.why}" if error.why else ""
                plan.mistakes.append(Mistake(row.line, f"{error.what}{why}"))
        return plan

    def clear_leftovers(self, rows: Sequence[Row]) -> None:
        """Put away what a killed command left of these devices. Raises HomeError or OSError."""
        for start in range(0, len(rows), _CLEARED_AT_ONCE):
            with locked_directory(self._directory), self._registry.transaction():
                for row in rows[start : start + _CLEARED_AT_ONCE]:
                    self._registry.abandon(DEVICE.name, row.name)
                    self._enrollment.clear_folders(row.name)

    def _place(self, row: Row, plan: Plan, lines_of_keys: dict[str, int]) -> None:
        request = self._request(row) if row.csr else None
        if request is not None:
            first = lines_of_keys.setdefault(request.spki_sha256, row.line)
            if first != row.line:
                raise EnrollmentError(f"'{row.name}' has the key of line {first}", why="one key is one device")
        device = self._registry.device(row.name)
        if device is None:
            self._enrollment.check_free(row.name)
            if request is not None:
                self._enrollment.check_key(row.name, request.public_key)
            plan.wanted.append(self._wanted(row, request))
            return
        self._check_same(row, device, request)
        (plan.present if device.state == "active" else plan.revoked).append(row)

    def _wanted(self, row: Row, request: CertificateRequest | None) -> Wanted:
        return Wanted(
            line=row.line,
            name=row.name,
            role=row.role or self._role,
            days=row.days or self._days,
            public_key=request.public_key if request is not None else None,
        )

    def _check_same(self, row: Row, device: DeviceRecord, request: CertificateRequest | None) -> None:
        """A device of the name is there: is it the one that the table means?"""
        if device.has_psk and device.state == "active":
            raise EnrollmentError(f"'{device.name}' has a PSK", why="a table is about certificates")
        if device.name != row.name:
            raise EnrollmentError(
                f"there is a device '{device.name}' already", why="upper and lower case make no difference"
            )
        if row.role not in (None, device.role):
            raise EnrollmentError(f"'{row.name}' is there already, with the role {device.role}")
        if request is not None and device.state == "active":
            known = self._registry.certificates_with_key(request.spki_sha256)
            if not any(record.device == device.name for record in known):
                raise EnrollmentError(f"'{row.name}' is there already, with another key")

    def _request(self, row: Row) -> CertificateRequest:
        try:
            with (self._base / row.csr).open("rb") as file:
                data = file.read(REQUEST_LENGTH + 1)
        except OSError as error:
            raise EnrollmentError(
                f"the certificate request {printable(row.csr)} cannot be read", why=error.strerror or str(error)
            ) from error
        request = read_csr(data)
        if request.common_name not in (None, row.name):
            named = printable(request.common_name or "")
            raise EnrollmentError(f"the certificate request is for '{named}', not for '{row.name}'")
        return request
