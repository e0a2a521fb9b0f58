"""At the gate: who is it? What a link asks about certificates and passwords, and what is told who is not let in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol, TypeAlias

from sealmq.errors import TrustError
from sealmq.identity import Identity, Terms
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import ConnAck, Connect, Packet
from sealmq.mqtt.properties import Properties

_WORDS = {
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: "user name or password is wrong, or was wrong too often: try again later",
    ReasonCode.SERVER_BUSY: "too many are logging in at this moment: try again later",
}


@dataclass(frozen=True, slots=True)
class Denial:
    """No. `why` is for the log alone: a client must not learn whether name, password or patience was at fault."""

    reason_code: ReasonCode
    why: str

    def packet(self) -> ConnAck:
        """The CONNACK that says so [MQTT-3.1.4-2]."""
        words = _WORDS.get(self.reason_code, self.reason_code.words)
        return ConnAck(False, self.reason_code, Properties(reason_string=words))


def vouched(verdict: Identity | Denial, device: Identity | None) -> Identity | Denial:
    """The gatekeeper's verdict, once it is known whose certificate came along (None: nobody's). The password was right
    by then, so the client may learn why it is not let in."""
    if isinstance(verdict, Denial) or not verdict.devices:
        return verdict
    if device is None:
        why = f"account {verdict.name!r} counts only together with the certificate of a device {verdict.devices!r}"
    elif not fnmatchcase(device.name, verdict.devices):
        why = f"account {verdict.name!r} is for devices {verdict.devices!r}, not for {device.name!r}"
    else:
        return verdict
    return Denial(ReasonCode.NOT_AUTHORIZED, why)


Answer: TypeAlias = Callable[[Identity | Denial], None]


class Directory(Protocol):
    """Whose certificate, or PSK, is it? Answered by the registry."""

    def identify(self, der: bytes, now: float) -> Identity:
        """The identity that a certificate proves. Raises TrustError: unknown, revoked, not for us."""

    def identify_psk(self, identity: str, now: float) -> Identity:
        """The identity of who has proved the PSK that goes with a name. Raises as `identify`."""

    def describe(self, der: bytes) -> str:
        """A certificate in words for the log; never raises."""


def proved(directory: Directory, terms: Terms, certificate: bytes, psk_identity: str, now: float) -> Identity:
    """Who it is, by what a finished handshake has proved (TLSConnection) and the listener asks for.

    Raises TrustError when it is nobody, HomeError when the registry cannot be read: both mean no.
    """
    if terms.asks_psk:
        return directory.identify_psk(psk_identity, now)
    if not certificate:
        raise TrustError("no client certificate came")
    return directory.identify(certificate, now)


class Gatekeeper(Protocol):
    """Is this the account's password? Answered by gatekeeper.py."""

    def ask(self, name: str | None, password: bytes | None, peer: str, answer: Answer) -> None:
        """Look at CONNECT's user name and password, and call `answer` once, now or later; never wait.

        peer: the client's "address:port".
        """

    def forget(self, answer: Answer) -> None:
        """Whoever asked is gone: `answer` is not to be called any more."""


class ClosedGate:
    """A Gatekeeper that knows nobody: what a house without accounts has."""

    def ask(self, name: str | None, password: bytes | None, peer: str, answer: Answer) -> None:
        """See Gatekeeper."""
        answer(Denial(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "no account is known here"))

    def forget(self, answer: Answer) -> None:
        """See Gatekeeper."""


@dataclass(slots=True)
class Asked:
    """A CONNECT whose password is being looked at, and what came behind it: packets not read yet, then bytes."""

    packet: Connect
    rest: Iterator[Packet] = field(default_factory=lambda: iter(()))
    parked: list[bytes] = field(default_factory=list)

    def park(self, data: bytes) -> int:
        """Keep what must wait for the answer; returns how many bytes wait."""
        self.parked.append(data)
        return sum(map(len, self.parked))
