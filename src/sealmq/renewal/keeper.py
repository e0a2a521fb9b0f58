"""Renews one bundle: asks, checks, tries the new certificate out, and only then lets it take the old one's place.

    due? -> a new key, in memory -> `ask` -> check -> fill a slot -> `prove`: connect with it -> switch -> drop the old

Rule 1: whatever happens on the way, the bundle works: the old certificate stays valid until the broker has seen the
        new one. Only between that moment and the switch, which follows it at once, does the old one count no more; a
        slot that waits is therefore tried before anything is asked for again.
Rule 2: the same key and request are used until there is an answer: an answer that was lost is the same when it is asked
        for again, and costs no second certificate.
Rule 3: several programs may keep one bundle: each step is done under the lock on its folder, and looks first what is
        there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.bundle import certificate_file, device_files
from sealmq.devices.lock import locked_directory
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.credentials import check_renewed, create_request, pem_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import PeerCertificate, day, identify_certificate
from sealmq.renewal.schedule import due_at, pause_after
from sealmq.renewal.slots import Slots

log = logging.getLogger("sealmq.renewal")

TRIES_OF_A_SLOT = 5
"""Tries to connect with a new certificate, after which another one is asked for."""


class Courier(Protocol):
    """The ways to the broker. Each call waits; Error says that it may be tried again."""

    def ask(self, credentials: Path, csr: bytes, *, late: bool) -> Certified | Declined:
        """Ask for another certificate, with those in this folder. late: they have expired."""

    def prove(self, credentials: Path) -> None:
        """Connect with the credentials in this folder. TrustError: they are refused."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one look has come to.

    serial:    of the certificate that is in use now; not_after: its end, Unix seconds.
    renewed:   it is a new one.
    due_at:    when the next one is due.
    """

    serial: str
    not_after: float
    renewed: bool
    due_at: float


class Keeper:
    """Keeps one bundle fresh. For one thread.

    bundle: its folder. courier: asks and connects.
    """

    def __init__(self, bundle: Path, courier: Courier) -> None:
        self.bundle = bundle
        self._slots = Slots(bundle)
        self._courier = courier
        self._key: PrivateKey | None = None
        self._csr = b""
        self._failures = 0
        self._tries: dict[str, int] = {}

    def look(self, now: float, *, at_once: bool = False) -> Kept:
        """Renew when it is time, or at once. `now` in Unix seconds.

        Raises EnrollmentError when the broker says no, TrustError when what it gave is not usable, HomeError when the
        bundle cannot be read or written, Error when it could not be reached. The bundle works as before.
        """
        try:
            with locked_directory(self.bundle):
                kept = self._look(now, at_once)
        except OSError as error:
            raise HomeError(
                f"the bundle {self.bundle} cannot be renewed",
                why=error.strerror or str(error),
                remedy="look who owns the folder, and whether its disk is full",
            ) from error
        self._failures = 0
        return kept

    def wait(self, now: float, dice: float) -> float:
        """Seconds until the next look, after one that failed; it may be hours. dice: 0 to 1."""
        self._failures += 1
        try:
            left = self._own().not_after - now
        except (Error, OSError):
            left = 0.0
        return pause_after(self._failures, left, dice)

    def _look(self, now: float, at_once: bool) -> Kept:
        self._slots.tidy()
        for slot in self._slots.waiting():
            if self._try_out(slot):
                return self._kept(renewed=True)
        own = self._own()
        if not at_once and now < _due(own):
            return self._kept(renewed=False)
        answer = self._ask(own, now)
        assert self._key is not None
        old = self._certificate(self._slots.current)
        check_renewed(answer.certificate, answer.chain, answer.roots, key=self._key.public, old=old, now=now)
        slot = self._slots.fill(answer.serial, _files(answer, self._key))
        self._key = None
        self._put_in_use(slot)
        return self._kept(renewed=True)

    def _ask(self, own: PeerCertificate, now: float) -> Certified:
        if self._key is None:
            self._key = PrivateKey.generate()
            self._csr = create_request(self._key)
        late = now > own.not_after
        answer = self._courier.ask(self._slots.current, self._csr, late=late)
        if isinstance(answer, Declined):
            if answer.retry_after is None:
                self._key = None
            raise EnrollmentError(
                f"the certificate of '{own.common_name}' was not renewed: {answer.message}",
                why=f"the broker says {answer.code}",
                remedy=f"its log says why; sealmq device show {own.common_name}",
            )
        return answer

    def _try_out(self, slot: Path) -> bool:
        """A renewal that was interrupted: go on with it. False: it leads nowhere, and is forgotten."""
        try:
            self._put_in_use(slot)
        except TrustError as error:
            log.warning("the certificate %s is not used: %s", slot.name, error.what)
            return False
        except Error:
            tries = self._tries[slot.name] = self._tries.get(slot.name, 0) + 1
            if tries < TRIES_OF_A_SLOT:
                raise
            self._slots.drop(slot)
            return False
        return True

    def _put_in_use(self, slot: Path) -> None:
        """Connect with it once, which tells the broker that we have it; then switch, and forget the old one."""
        try:
            self._courier.prove(slot)
        except TrustError:
            self._slots.drop(slot)
            raise
        old = self._slots.current
        self._slots.switch(slot)
        self._slots.drop(old)

    def _kept(self, *, renewed: bool) -> Kept:
        own = self._own()
        if renewed:
            log.info("%s has a new certificate, serial %s, until %s", own.common_name, own.serial, day(own.not_after))
        return Kept(own.serial, own.not_after, renewed, _due(own))

    def _own(self) -> PeerCertificate:
        return identify_certificate(self._certificate(self._slots.current))

    def _certificate(self, folder: Path) -> bytes:
        return certificates_of(certificate_file(folder).read_bytes())[0]


def _due(own: PeerCertificate) -> float:
    return due_at(own.not_before, own.not_after, own.serial)


def _files(answer: Certified, key: PrivateKey) -> dict[str, bytes]:
    return device_files(pem_of(*answer.roots), pem_of(answer.certificate), pem_of(*answer.chain), key.pem())
