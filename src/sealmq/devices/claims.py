"""Claims: certificates for a production line, by which devices ask for their own and do nothing else.

A claim is made like a device's certificate: its serial is recorded, it is signed by the Claim CA, its files are handed
over, its line is in the trail, and only then it counts. What it may enrol stands in `tokens`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from uuid import uuid4

from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE
from sealmq.devices.confirming import confirm
from sealmq.devices.enrollment import check_name, operator
from sealmq.devices.records import Reservation
from sealmq.devices.registry import Registry
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Entry, Fact, Trail
from sealmq.errors import EnrollmentError, HomeError
from sealmq.pki import vault
from sealmq.pki.authority import Authority, Certificate, issue_claim, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import CLAIM, Validity, validity

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that was made. not_after: until when its certificate holds, and it enrols; Unix seconds."""

    number: int
    name: str
    serial: str
    directory: Path
    not_after: float


class Claims:
    """Makes claims.

    authority: the Claim CA.
    root:      the root certificate as PEM, which comes with each.
    """

    def __init__(self, registry: Registry, authority: Authority, *, root: bytes, trail: Trail) -> None:
        self._registry = registry
        self._authority = authority
        self._root = root
        self._trail = trail

    def make(
        self,
        name: str,
        directory: Path,
        *,
        now: float,
        ttl: float,
        prefix: str = "",
        quota: int = 1,
        role: str = "device",
        days: int | None = None,
        approval: bool = False,
        names: Iterable[str] = (),
    ) -> Claim:
        """Make a claim; its files go to `directory`, which must not exist. `now`, `ttl` in (Unix) seconds.

        name:   what the certificate is called, for people.
        prefix, quota, role, days, approval, names: see tokens.Tokens.make.
        Raises EnrollmentError when it cannot be as asked, HomeError when the disk is at fault. Then nothing is left.
        """
        check_name(name)
        if directory.exists():
            raise EnrollmentError(f"{directory} is there already", remedy="choose another folder with --out")
        key, serial = PrivateKey.generate(), new_serial()
        when = self._reserve(name, key, serial, now, ceil(ttl / _DAY))
        is_ours = False
        try:
            certificate = issue_claim(
                self._authority, name, uuid4(), key.public, serial=serial, now=now, days=ceil(ttl / _DAY)
            )
            vault.make_private_directory(directory)
            is_ours = True  # from here on: somebody may have made it since we looked
            self._write_files(directory, certificate, key)
            with self._registry.transaction():
                number, _ = Tokens(self._registry).make(
                    now=now,
                    ttl=ttl,
                    prefix=prefix,
                    quota=quota,
                    role=role,
                    days=days,
                    approval=approval,
                    names=names,
                    serial=serial,
                )
                facts: dict[str, Fact] = {"token": number, "serial": serial, "prefix": prefix, "quota": quota}
                self._trail.append([Entry("claim", operator(), facts | {"role": role})], now=now)
                confirm(self._registry, self._trail, serial, certificate.fingerprint, now=now, actor=operator())
        except BaseException as error:
            if is_ours:
                shutil.rmtree(directory, ignore_errors=True)
            self._registry.abandon_serials([serial])
            if isinstance(error, OSError):
                raise HomeError(
                    f"the claim '{name}' was not made: {error.strerror or error}",
                    why=f"at {error.filename}" if error.filename else "",
                    remedy="choose another folder with --out, or make room",
                ) from error
            raise
        return Claim(number, name, serial, directory, min(now + ttl, when.not_after))

    def _reserve(self, name: str, key: PrivateKey, serial: str, now: float, days: int) -> Validity:
        when = validity(CLAIM, now, issuer=self._authority.certificate.validity, days=days)
        self._registry.reserve(
            Reservation(
                serial=serial,
                subject=name,
                profile=CLAIM.name,
                authority_key_id=self._authority.key_id,
                not_before=when.not_before,
                not_after=when.not_after,
                spki_sha256=key.public.spki_sha256,
            ),
            now=now,
        )
        return when

    def _write_files(self, directory: Path, certificate: Certificate, key: PrivateKey) -> None:
        vault.write_public(directory / ROOT_FILE, self._root)
        vault.write_public(directory / CHAIN_FILE, certificate.pem + self._authority.certificate.pem)
        vault.write_private(directory / KEY_FILE, key.pem())
