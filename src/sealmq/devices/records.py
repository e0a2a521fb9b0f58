"""The nouns of the registry. Times are Unix seconds, serials and hashes lower-case hex."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sealmq.errors import EnrollmentError
from sealmq.pki.profiles import DEVICE

PSK: Final = "psk"
"""The `profile` of a pre-shared key. It has a serial, dates and a state like a certificate, and is one nowhere else:
no authority signed it (its key identifier is ""), and `spki_sha256` and `fingerprint` are the SHA-256 of the key, which
has 256 random bits and cannot be found by it."""


class State(StrEnum):
    """Where a certificate or PSK is in its life."""

    PENDING = "pending"  # its serial is recorded; whether it was signed is not known yet
    VALID = "valid"
    SUPERSEDED = "superseded"  # a newer one is in use; a device's opens nothing any more
    REVOKED = "revoked"
    ABANDONED = "abandoned"  # its making failed; if it exists at all, nobody was given it


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate, or PSK, as the registry knows it.

    device:  the device's name; the intended name while pending or abandoned; a CA's or broker's name otherwise.
    role:    the device's role, "" when it belongs to no device.
    profile: one of pki.profiles, by name; or PSK.
    uuid:    of the device that has the name now, "" when it belongs to no device.
    seen:    when its device first connected with it, None: not yet.
    token:   the batch (tokens.TokenRecord) by which it was enrolled, None: by nobody's token.
    max_record: bytes of the largest TLS record that its device gets, None: as the listener has it.
    """

    serial: str
    device: str
    role: str
    profile: str
    authority_key_id: str
    state: State
    not_before: float
    not_after: float
    spki_sha256: str
    fingerprint: str
    revoked_at: float | None
    reason: str | None
    uuid: str = ""
    seen: float | None = None
    token: int | None = None
    max_record: int | None = None

    def is_of(self, name: str) -> bool:
        """Is it a certificate of the device of this name, in any spelling of upper and lower case?"""
        return self.profile == DEVICE.name and self.device.lower() == name.lower()


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One device with its current certificate or PSK.

    state: "active" or "revoked". Whether its certificate has expired is for the reader to say, who has a clock.
    held:  it is revoked, and may be released again (certificateHold).
    profile: of what it has, a device's certificate or PSK: never both.
    """

    name: str
    role: str
    uuid: str
    state: str
    serial: str
    not_after: float
    created: float
    held: bool = False
    profile: str = DEVICE.name

    @property
    def has_psk(self) -> bool:
        """Does it prove itself by a PSK?"""
        return self.profile == PSK

    def check_not_held(self) -> None:
        """Raise EnrollmentError when it is on hold: its name is not free, because the hold may be lifted again."""
        if self.held:
            raise EnrollmentError(
                f"the device '{self.name}' is on hold",
                why="its certificate may be released again",
                remedy=f"sealmq device release {self.name}, or to give it up: sealmq device revoke {self.name}",
            )


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened: kind is "added", "renewed", "revoked", "released" (a hold was lifted), "retired"
    (the device is gone for good: what it left goes, too), "server" (a new broker certificate), "authority" (the CAs
    have changed) or "clone" (two links of one certificate, from two places); or "password", "bound" or "removed": the
    account `device` has another password, counts with other devices, or is gone, so that who came in by it may have to
    be cut.
    """

    id: int
    kind: str
    serial: str
    device: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """A serial number that is about to be signed, with all that the certificate will say, and by which token."""

    serial: str
    subject: str
    profile: str
    authority_key_id: str
    not_before: float
    not_after: float
    spki_sha256: str
    token: int | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A device's certificate that was signed and handed over, and what is recorded with it.

    der:    the certificate itself.
    token:  the batch by which it was enrolled.
    renews: it is another one for a device that there is; else the device comes into being with it.
    root:   key identifier of the root that the device was given with it; "" leaves what is known.
    """

    serial: str
    fingerprint: str
    role: str
    uuid: str
    der: bytes = b""
    token: int | None = None
    renews: bool = False
    root: str = ""
