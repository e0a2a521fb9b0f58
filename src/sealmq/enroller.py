"""Answers `broker.enrolling.Enroller`: what is asked over MQTT becomes an application, its outcome an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.broker.clones import Alarm
from sealmq.broker.enrolling import Answer, Asking
from sealmq.devices.outcomes import (
    RETRY_AFTER,
    Application,
    ByCertificate,
    ByClaim,
    Granted,
    Operation,
    Outcome,
    Refusal,
    Waiting,
)
from sealmq.devices.trail import CLONE, Entry
from sealmq.errors import Error
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import identify_certificate, subject_key_id

log = logging.getLogger("sealmq.enrollment")


class Registrar(Protocol):
    """Decides applications, in its own time."""

    def ask(self, application: Application, answer: Callable[[Outcome], None]) -> None:
        """Call `answer` once, now or later, on the loop."""


class MQTTEnroller:
    """Takes requests to the registrar.

    registrar:           decides.
    roots, device_cas:   the PEM files that the answers carry beside the certificate: what to trust, and above it.
    ask_for_end_of_turn: an answer was given outside a look at the connections: it has to be flushed.
    """

    def __init__(
        self, registrar: Registrar, roots: Path, device_cas: Path, ask_for_end_of_turn: Callable[[], None]
    ) -> None:
        self._registrar = registrar
        self._files = (roots, device_cas)
        self._ask_for_end_of_turn = ask_for_end_of_turn
        self._read = (b"", b"")
        self._roots: tuple[bytes, ...] = ()
        self._issuing: dict[str, bytes] = {}

    def ask(self, asking: Asking, answer: Answer) -> None:
        """See Enroller."""
        enrolls = asking.operation == "enroll"
        application = Application(
            csr=asking.csr,
            operation=Operation.ENROLL if enrolls else Operation.RENEW,
            applicant=ByClaim(asking.serial) if enrolls else ByCertificate(asking.serial),
            via="mqtt",
            address=asking.address,
            name=asking.name,
        )
        self._registrar.ask(application, partial(self._decided, answer))

    def _decided(self, answer: Answer, outcome: Outcome) -> None:
        answer(self._in_words(outcome))
        self._ask_for_end_of_turn()

    def _look_at_published(self) -> None:
        """Read at each answer (20 microseconds), so that a new root is in the first one after it came; what was read is
        parsed when it differs."""
        read = roots, device_cas = self._files[0].read_bytes(), self._files[1].read_bytes()
        if read != self._read:
            self._roots = tuple(certificates_of(roots))
            self._issuing = {subject_key_id(der): der for der in certificates_of(device_cas)}
            self._read = read

    def _in_words(self, outcome: Outcome) -> Certified | Declined:
        if isinstance(outcome, Granted):
            return self._certified(outcome)
        if isinstance(outcome, Waiting):
            return Declined(
                "waiting", "somebody has to approve it: ask again with the same request", outcome.retry_after
            )
        # `why` is for the log alone: who guesses must not learn how near he was.
        return Declined(outcome.kind, outcome.words, RETRY_AFTER if outcome.kind is Refusal.BUSY else None)

    def _certified(self, granted: Granted) -> Certified | Declined:
        try:
            self._look_at_published()
        except (OSError, Error) as error:
            log.error("%s has a certificate and cannot be told: the CA's files cannot be read: %s", granted.name, error)
            return Declined("busy", "try again later", RETRY_AFTER)
        said = identify_certificate(granted.der)
        issuing = self._issuing.get(said.authority_key_id)
        return Certified(
            name=granted.name,
            serial=granted.serial,
            certificate=granted.der,
            chain=(issuing,) if issuing is not None else (),
            roots=self._roots,
            not_before=said.not_before,
            not_after=granted.not_after,
            shortened=granted.shortened,
        )


def clone_entry(name: str, alarm: Alarm) -> Entry:
    """An alarm of the broker (broker/clones.py) as a line of the audit trail."""
    facts = {"device": name, "serial": alarm.serial, "places": " ".join(alarm.places), "how": alarm.how}
    return Entry(CLONE, "sealmq", facts)
