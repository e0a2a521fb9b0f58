"""What the registration authority is asked, and what it answers (registration.py)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sealmq.devices.labels import NO_LABEL, Label
from sealmq.pki.profiles import DEVICE

RETRY_AFTER = 30
"""Seconds after which a device whose request waits for approval should ask again."""


class Operation(StrEnum):
    """What is asked for."""

    ENROLL = "enroll"
    RENEW = "renew"


class Refusal(StrEnum):
    """Why not, in the kinds that a protocol has answers for."""

    MALFORMED = "malformed"  # the request cannot be read, or may not be certified
    UNAUTHENTICATED = "unauthenticated"  # the token, claim or certificate counts for nothing
    FORBIDDEN = "forbidden"  # it counts, and not for this
    BUSY = "busy"  # later, perhaps


@dataclass(frozen=True, slots=True)
class ByToken:
    """The applicant gave a token's secret."""

    secret: str

    def __repr__(self) -> str:
        return "ByToken(...)"


@dataclass(frozen=True, slots=True)
class ByClaim:
    """The applicant proved a claim certificate, in a handshake that checked it."""

    serial: str


@dataclass(frozen=True, slots=True)
class ByCertificate:
    """The applicant proved a device's certificate, in a handshake that checked all but, perhaps, its end."""

    serial: str


@dataclass(frozen=True, slots=True)
class Application:
    """A request for a certificate.

    csr:     PKCS#10, PEM or DER.
    name:    the name that it says beside the request, "" when it says none: then the request's common name counts.
    via:     "est" or "mqtt"; address: where it came from, for the log.
    label:   narrows what the token or claim allows.
    tls_unique: what names the connection, b"" when nothing does (RFC 7030 section 3.5); None: nobody asks.
    """

    csr: bytes
    operation: Operation
    applicant: ByToken | ByClaim | ByCertificate
    via: str
    address: str
    name: str = ""
    label: Label = NO_LABEL
    tls_unique: bytes | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The certificate. shortened: it ends with the CA, earlier than was asked for."""

    name: str
    serial: str
    der: bytes
    not_after: float
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody has to approve it: to be asked again after so many seconds."""

    name: str
    retry_after: int = RETRY_AFTER


@dataclass(frozen=True, slots=True)
class Refused:
    """No. words: for the device; why: for the log alone."""

    kind: Refusal
    words: str
    why: str


Outcome = Granted | Waiting | Refused


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """What the configuration says ([enrollment]).

    approval:     somebody has to approve each new device.
    days:         life of a certificate.
    late_renewal: days after its end for which a certificate still renews; 0: none.
    """

    approval: bool = False
    days: int = DEVICE.days
    late_renewal: int = 30
