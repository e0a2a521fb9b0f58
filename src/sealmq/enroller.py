"""Answers `broker.enrolling.Enroller`: what is asked over MQTT becomes an application, its outcome an answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sealmq.broker.certificate_requests import Certified, Declined
from sealmq.broker.enrolling import Answer, Asking
from sealmq.devices.registration import (
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
from sealmq.pki.authority import certificates_of
from sealmq.pki.peer import identify_certificate, subject_key_id


class Registrar(Protocol):
    """Decides applications, in its own time."""

    def ask(self, application: Application, answer: Callable[[Outcome], None]) -> None:
        """Call `answer` once, now or later, on the loop."""


class MQTTEnroller:
    """Takes requests to the registrar.

    registrar:           decides.
    ask_for_end_of_turn: an answer was given outside a look at the connections: it has to be flushed.
    """

    def __init__(self, registrar: Registrar, ask_for_end_of_turn: Callable[[], None]) -> None:
        self._registrar = registrar
        self._ask_for_end_of_turn = ask_for_end_of_turn
        self._roots: tuple[bytes, ...] = ()
        self._issuing: dict[str, bytes] = {}

    def trust(self, roots: bytes, device_cas: bytes) -> None:
        """What the answers carry from now on (PEM): the roots, and above a certificate the Device CA that signed it.

        Raises TrustError when there is nothing to be read.
        """
        self._roots = tuple(certificates_of(roots))
        self._issuing = {subject_key_id(der): der for der in certificates_of(device_cas)}

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

    def _in_words(self, outcome: Outcome) -> Certified | Declined:
        if isinstance(outcome, Granted):
            return self._certified(outcome)
        if isinstance(outcome, Waiting):
            return Declined("waiting", "somebody has to approve it: ask again with the same request", outcome.retry_after)
        # `why` is for the log alone: who guesses must not learn how near he was.
        return Declined(outcome.kind, outcome.words, RETRY_AFTER if outcome.kind is Refusal.BUSY else None)

    def _certified(self, granted: Granted) -> Certified:
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
