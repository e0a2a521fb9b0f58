"""How devices come by hand: add. How they go: revocation.py.

Adding a device is issuing (issuing.py) with files that are handed over: they are written into a hidden folder beside
their place, which is renamed into its place before the registry says that the device exists.

What fails is undone. What is killed leaves a pending serial, which opens nothing, and perhaps a folder that the
registry does not vouch for: the same command, typed again, gives up the one, replaces the other and goes on.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sealmq.bundle import KEY_FILE, device_files
from sealmq.devices.folders import Folders, failures_in_words
from sealmq.devices.issuing import Issued, Issuer, Order
from sealmq.devices.lock import locked_directory
from sealmq.devices.records import CertificateRecord, DeviceRecord, State
from sealmq.devices.registry import Registry
from sealmq.devices.revocation import Revocations
from sealmq.devices.trail import Trail
from sealmq.errors import EnrollmentError, HomeError
from sealmq.pki import vault
from sealmq.pki.authority import Authority, certificates_of
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.peer import printable, subject_key_id
from sealmq.pki.requests import read_csr

ROLES = ("device", "operator")
"""What access rules are written for."""

DAYS = range(1, 3651)
"""How long a device's certificate may last."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device that was added.

    directory: where its files are.
    not_after: until when its certificate holds, Unix seconds.
    shortened: whether that is earlier than was asked for, because the Device CA ends.
    has_key:   whether its private key was made here; False with a certificate request.
    """

    name: str
    role: str
    uuid: str
    serial: str
    directory: Path
    not_after: float
    shortened: bool
    has_key: bool


def check_name(name: str) -> None:
    """Raise EnrollmentError unless `name` can be a device's or an account's: it becomes a topic level, and a device's
    also a folder and a common name."""
    if not _NAME.fullmatch(name):
        raise EnrollmentError(
            f"'{printable(name)}' cannot be a name",
            why="a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit",
            remedy="choose another name, like sensor-1",
        )


def check_wishes(role: str, days: int | None) -> None:
    """Raise EnrollmentError unless a device may have this role, and its certificate this life (None: the usual)."""
    if role not in ROLES:
        raise EnrollmentError(f"'{printable(role)}' is not a role", remedy=f"use one of: {', '.join(ROLES)}")
    if days is not None and days not in DAYS:
        raise EnrollmentError(
            f"a certificate cannot last {days} days", why=f"{DAYS[0]} to {DAYS[-1]} are possible", remedy="--days 365"
        )


class Enrollment(Folders):
    """Adds and revokes devices.

    registry:  where they are recorded.
    authority: the Device CA.
    root:      the root certificate as PEM, which every device must trust.
    directory: the folder that gets one folder for each device.
    trail:     is told of what happens.
    signer:    the CA with a key identifier, for lists of what others than `authority` have issued; None: there is none.
    """

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        *,
        root: bytes,
        directory: Path,
        trail: Trail,
        signer: Callable[[str], Authority] | None = None,
    ) -> None:
        super().__init__(registry, directory)
        self._authority = authority
        self._root = root
        self._trail = trail
        self._issuer = Issuer(registry, authority, trail)
        self._revocations = Revocations(registry, signer or self._signer, trail, actor=operator())

    def add_device(
        self, name: str, *, now: float, role: str = "device", csr: bytes | None = None, days: int | None = None
    ) -> Enrolled:
        """Add a device: a certificate, its files in `directory`/`name`, a line in the registry.

        now:  Unix seconds.
        role: one of ROLES.
        csr:  a certificate request (PKCS#10); then no private key is made, and the device keeps its own.
        days: the certificate's life, 365 when None; cut where the Device CA ends.

        Raises EnrollmentError when it cannot be done as asked, HomeError when the home or the disk is at fault,
        TrustError when the Device CA does not hold. Then nothing has changed.
        """
        check_name(name)
        check_wishes(role, days)
        request = read_csr(csr) if csr is not None else None
        if request is not None and request.common_name not in (None, name):
            raise EnrollmentError(
                f"the certificate request is for '{printable(request.common_name or '')}', not for '{name}'",
                remedy="make it with: openssl req -new -key device.key -subj / -out device.csr",
            )
        key = PrivateKey.generate() if request is None else None
        public_key = key.public if key is not None else request.public_key  # type: ignore[union-attr]
        order = Order(
            name=name,
            public_key=public_key,
            role=role,
            days=days,
            root=subject_key_id(certificates_of(self._root)[0]),
            actor=operator(),
        )
        with failures_in_words(name), locked_directory(self._directory):
            self.check_free(name)
            self.check_key(name, public_key)
            self.clear_leftovers(name)
            with self.undone_on_failure(name):
                (issued,) = self._issuer.issue([order], now=now, hand_over=lambda made: self._write_files(made[0], key))
                if not isinstance(issued, Issued):
                    raise issued
            self.drop_former(name)
        return self._enrolled(issued, has_key=key is not None)

    def revoke_device(self, name: str, reason: str = "unspecified", *, now: float) -> list[str]:
        """Revoke a device for good, as `Revocations.revoke_device`, in the name of who is at the keyboard."""
        return self._revocations.revoke_device(name, reason, now=now).serials

    def find(self, name: str) -> DeviceRecord:
        """The device of this name. Raises EnrollmentError with near matches when there is none."""
        return self._revocations.find(name)

    def _signer(self, key_id: str) -> Authority:
        if key_id != self._authority.key_id:
            raise HomeError(f"there is no authority with the key identifier {key_id}")
        return self._authority

    def check_key(self, name: str, public_key: PublicKey) -> None:
        """Raise EnrollmentError when this key is another device's, or was revoked as compromised."""
        record = barring(self._registry.certificates_with_key(public_key.spki_sha256), name)
        if record is None:
            return
        if record.is_of(name):
            raise EnrollmentError("this key was revoked as compromised", remedy="make a new key on the device")
        raise EnrollmentError(
            f"this key belongs to '{record.device}' already",
            why="one key is one device, or one stolen key would open two doors",
            remedy="make a new key on the device, and a new request from it",
        )

    def _write_files(self, issued: Issued, key: PrivateKey | None) -> None:
        name, certificate = issued.order.name, issued.certificate
        new = self.beside(name, "new")
        vault.make_private_directory(new)
        secret = key.pem() if key is not None else None
        files = device_files(self._root, certificate.pem, self._authority.certificate.pem, secret)
        for file, data in files.items():
            (vault.write_private if file == KEY_FILE else vault.write_public)(new / file, data)
        self.put_in_place(new, name)
        vault.sync_directory(self._directory)

    def _enrolled(self, issued: Issued, *, has_key: bool) -> Enrolled:
        order, certificate = issued.order, issued.certificate
        return Enrolled(
            name=order.name,
            role=order.role,
            uuid=str(order.uuid),
            serial=certificate.serial,
            directory=self._directory / order.name,
            not_after=certificate.validity.not_after,
            shortened=issued.shortened,
            has_key=has_key,
        )


def barring(known: Iterable[CertificateRecord], name: str) -> CertificateRecord | None:
    """What keeps a key from being certified for this device, None when nothing does: a certificate that somebody else
    has for it, or one that was revoked as compromised.

    known: what was recorded for the key.
    """
    given = (each for each in known if each.state not in (State.PENDING, State.ABANDONED))  # nobody has those
    return next((each for each in given if not each.is_of(name) or each.reason == "keyCompromise"), None)


def operator() -> str:
    """Who is at the keyboard, for the audit trail: the account that runs this process."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user may have no name
        return f"cli:{os.getuid()}"
