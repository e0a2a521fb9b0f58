"""What a handshake costs: processor time of each side, bytes, flights; full, resumed, and by a pre-shared key.

Rule 1: time is this thread's on a processor, of each side by itself, so that a busy machine and the other side do not
        count. The side is made within it: a client makes its key share before it says a word.
Rule 2: each handshake is that of the matrix: mutual, verified on both sides, to the end, tickets included. What a
        pre-shared key has proved is not resumed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.middleware.cases import POLICIES
from sealmq.kit.middleware.material import Good, listener_by
from sealmq.kit.middleware.meeting import Meeting
from sealmq.kit.middleware.spread import Spread
from sealmq.tls.middleware import (
    PSK,
    ClientConnection,
    ClientMaterial,
    HandshakeProof,
    Middleware,
    ServerMaterial,
    Version,
)

FEWEST: Final = 5
"""Handshakes of each kind at least, however slow."""


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Of one kind. client_cpu, server_cpu: seconds. up, down: bytes from the client and to it. flights: one-way trips.

    cipher, group: in the client's spelling, or the server's where only that tells it; "" where neither does.
    psk: both prove themselves by a pre-shared key, else by certificates.
    """

    client: str
    server: str
    version: Version
    resumed: bool
    client_cpu: Spread
    server_cpu: Spread
    up: Spread
    down: Spread
    flights: int
    cipher: str
    group: str
    psk: bool = False

    @property
    def kind(self) -> tuple[Version, bool, bool, str, str]:
        """Version, resumed, by a PSK, client, server."""
        return self.version, self.resumed, self.psk, self.client, self.server


@dataclass(slots=True)
class _Samples:
    client_cpu: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    flights: int = 0

    def add(self, meeting: Meeting) -> None:
        self.client_cpu.append(meeting.client.cpu)
        self.server_cpu.append(meeting.server.cpu)
        self.up.append(meeting.client.sent)
        self.down.append(meeting.server.sent)
        self.flights = meeting.flights


class HandshakeCourse:
    """Handshakes of one kind, to be run in several turns, so that each kind has its share of good and bad moments."""

    def __init__(
        self,
        client: Middleware,
        server: Middleware,
        version: Version,
        good: Good,
        *,
        resumed: bool = False,
        psk: bool = False,
    ) -> None:
        """Raises ConfigError or TrustError when one of the two cannot do as asked."""
        self._client, self._server, self._version = client, server, version
        self._resumed, self._psk = resumed, psk
        self.what = kind_of(client, server, version, resumed=resumed, psk=psk)
        self._host = good.host
        theirs, ours = listeners(server, good), good.client()
        if psk:
            shared = PSK("device", secrets.token_bytes(32))
            theirs, ours = listener_by(shared), ClientMaterial(psk=shared)
        self._listener = server.server_context(POLICIES[version], theirs)
        self._device = client.client_context(POLICIES[version], ours)
        self._session: object | None = None
        self._samples = _Samples()
        self._proofs: tuple[HandshakeProof, HandshakeProof] | None = None

    def run(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Handshakes for so long, one at least. Raises TLSError when one fails."""
        until = now() + seconds
        if self._resumed and self._session is None:
            self._one(keep=False)
        while True:
            self._one(keep=True)
            if now() >= until and len(self._samples.up) >= FEWEST:
                return

    @property
    def figures(self) -> Handshakes:
        """What was measured until now."""
        assert self._proofs is not None
        ours, theirs = self._proofs
        samples = self._samples
        return Handshakes(
            self._client.name,
            self._server.name,
            self._version,
            self._resumed,
            Spread.of(samples.client_cpu),
            Spread.of(samples.server_cpu),
            Spread.of(samples.up),
            Spread.of(samples.down),
            samples.flights,
            ours.cipher or theirs.cipher,
            ours.group or theirs.group,
            self._psk,
        )

    def _one(self, *, keep: bool) -> None:
        began = time.thread_time()
        client = self._device.connection(self._host, session=self._session)
        made = time.thread_time()
        server = self._listener.connection()
        meeting = Meeting(client, server)
        meeting.client.cpu, meeting.server.cpu = made - began, time.thread_time() - made
        meeting.settle()
        failure = meeting.client.error or meeting.server.error
        if failure is not None:
            raise failure
        if client.proof is None or server.proof is None:
            raise TLSError("the handshake was not finished", why="both sides have fallen silent")
        if keep:
            if client.proof.resumed is not self._resumed:
                raise TLSError("the session was not resumed", why="the ticket was not taken, or there was none")
            self._samples.add(meeting)
            self._proofs = client.proof, server.proof
        if self._resumed:
            self._session = session_of(client, meeting)


def kind_of(
    client: Middleware, server: Middleware, version: Version, *, resumed: bool = False, psk: bool = False
) -> str:
    """A kind of handshake in words."""
    how = f"{', by a PSK' if psk else ''}{', resumed' if resumed else ''}"
    return f"{client.name} -> {server.name}, {version.replace('TLSv', 'TLS ')}{how}"


def listeners(server: Middleware, good: Good) -> ServerMaterial:
    """The broker's material, with the list of what is revoked where the library looks at one."""
    proves = good.server()
    if server.abilities.revocation:
        return proves
    return ServerMaterial(chain=proves.chain, key=proves.key, client_anchors=proves.client_anchors)


def session_of(client: ClientConnection, meeting: Meeting) -> object | None:
    """What the next connection resumes with; afterwards this one is over."""
    meeting.server.connection.send(b"a")  # under TLS 1.3 the ticket follows the handshake
    meeting.settle()
    session = client.session
    meeting.part()
    return session
