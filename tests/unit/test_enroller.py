"""From a request over MQTT to an application, and back: nothing is lost on the way, and nothing said too much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.broker.clones import Alarm
from sealmq.broker.enrolling import Asking
from sealmq.devices.outcomes import (
    Application,
    ByCertificate,
    ByClaim,
    Granted,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Waiting,
)
from sealmq.devices.trail import CLONE
from sealmq.enroller import MQTTEnroller, clone_entry
from sealmq.pki.authority import create_issuing, create_root, issue_device, new_serial
from sealmq.pki.keys import PrivateKey

NOW = 1_800_000_000.0


class Registrar:
    def __init__(self) -> None:
        self.asked: list[tuple[Application, Callable[[Outcome], None]]] = []

    def ask(self, application: Application, answer: Callable[[Outcome], None]) -> None:
        self.asked.append((application, answer))


class Desk:
    """An enroller, whom it asks, and what came back."""

    def __init__(self, folder: Path) -> None:
        self.registrar = Registrar()
        self.roots, self.device_cas = folder / "root.pem", folder / "device-ca.pem"
        self.turns = 0
        self.answers: list[Certified | Declined] = []
        self.enroller = MQTTEnroller(self.registrar, self.roots, self.device_cas, self.turn)

    def turn(self) -> None:
        self.turns += 1

    def outcome(self, outcome: Outcome, operation: str = "renew") -> Certified | Declined:
        asking = Asking(operation, b"csr", "sensor-1", "0a", "192.0.2.7:1")  # type: ignore[arg-type]
        self.enroller.ask(asking, self.answers.append)
        self.registrar.asked.pop()[1](outcome)
        return self.answers.pop()


@pytest.mark.parametrize(
    ("operation", "is_about", "applicant"),
    [("renew", Operation.RENEW, ByCertificate("0a")), ("enroll", Operation.ENROLL, ByClaim("0a"))],
)
def test_a_request_becomes_an_application(
    tmp_path: Path, operation: str, is_about: Operation, applicant: object
) -> None:
    desk = Desk(tmp_path)
    asking = Asking(operation, b"csr", "sensor-1", "0a", "192.0.2.7:1")  # type: ignore[arg-type]
    desk.enroller.ask(asking, desk.answers.append)
    ((application, _),) = desk.registrar.asked
    assert application == Application(b"csr", is_about, applicant, "mqtt", "192.0.2.7:1", "sensor-1")  # type: ignore[arg-type]
    assert not desk.answers
    assert desk.turns == 0


def test_a_certificate_comes_with_its_own_ca_and_all_roots(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    old_root, root = (create_root(name, "NL", serial=new_serial(), now=NOW) for name in ("Old", "New"))
    old_ca, ca = (create_issuing(root, "Device", serial=new_serial(), now=NOW, number=n) for n in (1, 2))
    desk.roots.write_bytes(root.certificate.pem + old_root.certificate.pem)
    desk.device_cas.write_bytes(ca.certificate.pem + old_ca.certificate.pem)
    for issuing in (old_ca, ca):
        leaf = issue_device(
            issuing, "sensor-1", uuid4(), PrivateKey.generate().public, serial=new_serial(), now=NOW, days=3
        )
        answer = desk.outcome(Granted("sensor-1", leaf.serial, leaf.der, leaf.validity.not_after, shortened=True))
        assert answer == Certified(
            "sensor-1",
            leaf.serial,
            leaf.der,
            (issuing.certificate.der,),
            (root.certificate.der, old_root.certificate.der),
            leaf.validity.not_before,
            leaf.validity.not_after,
            shortened=True,
        )
    assert desk.turns == 2


def test_who_has_to_wait_or_is_refused_hears_the_short_words_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    waits = desk.outcome(Waiting("sensor-1", 45))
    assert isinstance(waits, Declined)
    assert (waits.code, waits.retry_after) == ("waiting", 45)
    refused = desk.outcome(Refused(Refusal.FORBIDDEN, "not for this name", "token 3 is for another"))
    assert refused == Declined("forbidden", "not for this name")
    busy = desk.outcome(Refused(Refusal.BUSY, "try again later", "the disk is full"))
    assert busy == Declined("busy", "try again later", 30)


def test_when_the_files_of_the_ca_cannot_be_read_the_device_asks_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    for spoil in (lambda: None, lambda: desk.roots.write_bytes(b"no PEM")):
        caplog.clear()
        spoil()
        assert desk.outcome(Granted("sensor-1", "0a", b"", 0.0)) == Declined("busy", "try again later", 30)
        assert "cannot be read" in caplog.text


def test_an_alarm_becomes_a_line_of_the_trail() -> None:
    entry = clone_entry("sensor-1", Alarm("0a", ("192.0.2.7", "198.51.100.9"), "in turns"))
    assert (entry.action, entry.actor) == (CLONE, "sealmq")
    facts = {"device": "sensor-1", "serial": "0a", "places": "192.0.2.7 198.51.100.9", "how": "in turns"}
    assert entry.facts == facts
