"""A device with its bundle, and a registration authority that it can ask without a network."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.bundle import files_of
from sealmq.devices.directory import Directory
from sealmq.devices.enrollment import Enrollment
from sealmq.devices.outcomes import Application, ByCertificate, EnrollmentPolicy, Granted, Operation, Waiting
from sealmq.devices.registration import RegistrationAuthority
from sealmq.devices.registry import Registry
from sealmq.devices.trail import Trail
from sealmq.errors import Error, TrustError
from sealmq.pki.authority import Authority, certificates_of, create_issuing, create_root, new_serial
from sealmq.pki.peer import identify_certificate

NOW = time.time() - 600
"""OpenSSL looks at the machine's clock: what is made now has to hold now."""


class Office:
    """Everything behind the network: the registry, who decides, and who is let in. Is a keeper's Courier.

    log:  what was asked. fails: errors to raise in place of the next answers, by what is asked; loses: answers that are
          given and do not arrive.
    """

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.root = create_root("Example", "NL", serial=new_serial(), now=NOW)
        self.roots: tuple[bytes, ...] = (self.root.certificate.der,)
        self.device_ca = create_issuing(self.root, "Device", serial=new_serial(), now=NOW)
        self.registry = Registry.open(folder / "sealmq.db")
        self.trail = Trail(folder / "audit.jsonl")
        self.directory = Directory(self.registry, first_seen=self._saw)
        devices = folder / "devices"
        devices.mkdir()
        enrollment = Enrollment(
            self.registry, self.device_ca, root=self.root.certificate.pem, directory=devices, trail=self.trail
        )
        self.enrollment = enrollment
        self.bundle = folder / "bundle"
        shutil.copytree(enrollment.add_device("sensor-1", now=NOW).directory, self.bundle)
        self._saw(self.serial)
        self.log: list[str] = []
        self.requests: list[bytes] = []
        self.fails: dict[str, list[Error]] = {"ask": [], "prove": []}
        self.loses = 0

    def _saw(self, serial: str) -> None:
        self.registry.mark_seen(serial, now=self.now)

    @property
    def serial(self) -> str:
        """Of the certificate that a reader of the bundle finds."""
        return identify_certificate(self.leaf(self.bundle)).serial

    @staticmethod
    def leaf(folder: Path) -> bytes:
        return certificates_of(files_of(folder)[1].read_bytes())[0]

    def issue_with(self, root: Authority, device_ca: Authority) -> None:
        """From now on another CA signs, below another root; both roots are given out."""
        self.roots = (root.certificate.der, *self.roots)
        self.device_ca = device_ca

    def ask(self, credentials: Path, csr: bytes, *, late: bool) -> Certified | Declined:
        self.log.append("ask late" if late else "ask")
        self.requests.append(csr)
        if self.fails["ask"]:
            raise self.fails["ask"].pop(0)
        serial = identify_certificate(self.leaf(credentials)).serial
        authority = RegistrationAuthority(self.registry, self.device_ca, self.trail, EnrollmentPolicy())
        application = Application(csr, Operation.RENEW, ByCertificate(serial), "mqtt", "192.0.2.7:1")
        (outcome,) = authority.decide([application], self.now)
        if self.loses:
            self.loses -= 1
            raise Error("the connection was lost")
        if isinstance(outcome, Granted):
            about = identify_certificate(outcome.der)
            chain = (self.device_ca.certificate.der,)
            return Certified(
                *(outcome.name, outcome.serial, outcome.der, chain, self.roots, about.not_before, outcome.not_after)
            )
        assert not isinstance(outcome, Waiting)
        return Declined(outcome.kind, outcome.words)

    def prove(self, credentials: Path) -> None:
        self.log.append("prove")
        if self.fails["prove"]:
            raise self.fails["prove"].pop(0)
        self.directory.identify(self.leaf(credentials), self.now)

    def is_let_in(self) -> bool:
        """Would whoever reads the bundle now be let in?"""
        try:
            self.directory.identify(self.leaf(self.bundle), self.now)
        except TrustError:
            return False
        return True


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.registry.close()
