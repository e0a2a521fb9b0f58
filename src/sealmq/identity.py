"""Who is at the other end: a name that somebody proved, and what a listener asks for as a proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Auth = Literal["certificate", "password", "certificate-and-password", "psk"]

AUTHS: Final[tuple[Auth, ...]] = ("certificate", "password", "certificate-and-password", "psk")
"""How somebody may prove who it is: by a certificate in TLS, by CONNECT's user name and password, by both, or by a
pre-shared key in TLS."""

Credential = Literal["certificate", "PSK"]
"""What TLS proved a name by."""

ROLES: Final = ("device", "operator", "account")
"""What access rules are written for. Who shows a claim has none of them: no rule is about him."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A name that was proved, and what the registry knows of it.

    name:      the device's name in the registry (also the certificate's common name), or the account's; of a claim
               "claim:NUMBER", which can be nobody's else.
    role:      one of ROLES; "claim" of a claim.
    serial:    the serial number of the certificate or PSK, lower-case hex, "" where neither was involved.
    not_after: when the proof ends, Unix seconds; a link must not outlive it.
    kind:      what the name is a name of. The registry gives no name to a device and to an account. A claim may ask
               for a device's certificate, and nothing else (broker/access.py).
    bearer:    which of those who have had the name: a device's UUID, the moment an account was made; "" where nobody
               knows. A name that was given up may be given again, and its new bearer is somebody else.
    devices:   of an account, a pattern (fnmatch.fnmatchcase) for the devices together with whose certificate alone it
               counts; "": it counts by itself, and with any.
    credential: what the serial is the number of.
    max_record: bytes of the largest TLS record that it takes. The usual value is the standard's (RFC 8446 section 5.1).
    """

    name: str
    role: str
    serial: str = ""
    not_after: float = float("inf")
    kind: Literal["device", "account", "claim"] = "device"
    bearer: str = ""
    devices: str = ""
    credential: Credential = "certificate"
    max_record: int = 16_384


@dataclass(frozen=True, slots=True)
class Terms:
    """What a listener asks of those who come by it.

    auth:      the proof. "enrollment": HTTPS, where each request says what it stands on; a certificate may be shown.
    plaintext: True when there is no TLS, and anybody in between can read and change what is said.
    """

    auth: Auth | Literal["enrollment"] = "certificate"
    plaintext: bool = False

    @property
    def asks_certificate(self) -> bool:
        """Must the handshake show a client certificate?"""
        return self.auth in ("certificate", "certificate-and-password")

    @property
    def asks_psk(self) -> bool:
        """Must the handshake prove a pre-shared key?"""
        return self.auth == "psk"

    @property
    def asks_in_handshake(self) -> bool:
        """Is it known behind the handshake who it is, or else nobody?"""
        return self.asks_certificate or self.asks_psk

    @property
    def asks_password(self) -> bool:
        """Must CONNECT carry user name and password?"""
        return self.auth in ("password", "certificate-and-password")

    def admits(self, other: Terms) -> bool:
        """Would who came by `other` be let in here as the same identity, on a wire that is no worse?"""
        if other.plaintext and not self.plaintext:
            return False
        return other.auth == self.auth or (other.auth == "certificate-and-password" and self.auth == "certificate")


BY_CERTIFICATE: Final = Terms()
"""The usual ones: TLS with a client certificate."""

FOR_ENROLLMENT: Final = Terms("enrollment")
"""Those of a listener for EST: whoever comes by it is no client of the broker, and never becomes one."""
