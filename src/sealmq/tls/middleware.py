"""What every TLS library looks like from above: one context per listener, one connection per link, four verbs.

    Middleware.server_context(policy, ServerMaterial) -> TLSContext -> connection()      -> TLSConnection
    Middleware.client_context(policy, ClientMaterial) -> ClientContext -> connection(name) -> ClientConnection

Rule 1: bytes in, bytes out. A middleware knows no socket, no clock and no event loop.
Rule 2: flush before closing. When the handshake is refused, `receive_data` raises, and the alert still waits in
        `data_to_send()`; the device needs it to know why.
Rule 3: `established` on the client's side is not `accepted`. Under TLS 1.3 a client is done before the server has
        looked at its certificate (RFC 8446 section 4.4): say "connected" after CONNACK.
Rule 4: none verifies less than OpenSSL does: chain, name or address, purpose, dates, possession of the key. What a
        library cannot check it does not connect to: a ConfigError says so before anything is sent (demands.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from sealmq.tls.policy import TLSPolicy

Version = Literal["TLSv1.2", "TLSv1.3"]

TLS12: Version = "TLSv1.2"
TLS13: Version = "TLSv1.3"
BOTH: frozenset[Version] = frozenset({TLS12, TLS13})

PSKLookup = Callable[[str], bytes | None]
"""The key that goes with an identity, None when there is none. Asked in the middle of a handshake, by a stranger: it
answers from memory, and never raises."""


@dataclass(frozen=True, slots=True)
class PSK:
    """A key that a device and the broker both have, and the name that goes with it (RFC 4279, RFC 8446 section 2.2).

    identity: sent in the clear. key: 16 to 64 bytes, kept out of every text that is made of this.
    """

    identity: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerMaterial:
    """What a listener proves itself with, and whom it believes.

    chain, key:          PEM files: the broker's certificate with the Server CA's behind it, and its private key,
                         without passphrase. None on a listener for PSK.
    client_anchors:      PEM of the Device CA's certificate, or of several: each is the end of a chain.
    crl:                 DER of what each of these CAs has revoked, one list behind the other; None: revocation is
                         somebody else's.
    client_certificates: False asks for none.
    psk:                 not None: PSK, and nothing else, is how clients prove themselves here, and how we do.
    """

    chain: Path | None = None
    key: Path | None = None
    client_anchors: bytes = b""
    crl: bytes | None = None
    client_certificates: bool = True
    psk: PSKLookup | None = None


@dataclass(frozen=True, slots=True)
class ClientMaterial:
    """What a device proves itself with, and whom it believes.

    root:       PEM file: the authorities that are trusted; None with a PSK, where the key itself proves the broker.
    chain, key: PEM files of what we show the broker; None to show nothing.
    psk:        in place of all that.
    """

    root: Path | None = None
    chain: Path | None = None
    key: Path | None = None
    psk: PSK | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a middleware can do here, as it was asked (never as a table remembers it), and what people should know.

    title:          the library and its version: "Mbed TLS 3.6.6".
    licence:        SPDX expression of the library.
    versions:       of TLS.
    hybrid_groups:  key exchange that a quantum computer does not open later, in the spelling of RFC 8446's registry.
    psk_client, psk_server, resumes_client, resumes_server: TLS versions with which that is possible.
    addresses:      an IP address can be dialled: it is compared with those in the certificate.
    revocation:     a revoked device is refused in the handshake, and hears why.
    names_group:    `HandshakeProof.group` tells the key exchange group.
    keeps_keys_log: the secrets of a connection can be had, for a capture to be opened (kit/).
    cannot:         sentences about the rest that it cannot do, each with what to do about it.
    """

    title: str
    licence: str
    versions: frozenset[Version] = BOTH
    hybrid_groups: tuple[str, ...] = ()
    psk_client: frozenset[Version] = frozenset()
    psk_server: frozenset[Version] = frozenset()
    resumes_client: frozenset[Version] = frozenset()
    resumes_server: frozenset[Version] = frozenset()
    addresses: bool = True
    revocation: bool = True
    names_group: bool = True
    keeps_keys_log: bool = False
    cannot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandshakeProof:
    """What a finished handshake has proved.

    version: "TLSv1.2" or "TLSv1.3".
    cipher:  the cipher suite, in the middleware's spelling ("TLS_AES_256_GCM_SHA384").
    group:   the key exchange group ("x25519"), "" where the middleware cannot tell.
    resumed: True when a ticket or session stood in for certificate and signature. Dates and revocation were then not
             looked at again: the caller does (registry, `Identity.not_after`).
    """

    version: str
    cipher: str
    group: str
    resumed: bool


class TLSConnection(Protocol):
    """One side of one TLS connection, in memory.

    established:         the handshake is complete on our side.
    closed:              the peer has said close_notify: nothing more will come, and nothing was cut off.
    proof:               what the handshake proved; None until `established`.
    refused_certificate: DER of the peer's own certificate when the handshake was refused because of it, else b"".
                         It proves nothing: anybody can show anybody's certificate. For the log only.
    psk_identity:        the name that the peer has proved by a PSK, once `established`; "" when it was none.
    max_record:          most bytes of plaintext in a record that we send. Who is known by now to have a smaller buffer
                         gets smaller ones: it may be lowered at any time.
    """

    established: bool
    closed: bool
    max_record: int
    proof: HandshakeProof | None
    refused_certificate: bytes

    @property
    def psk_identity(self) -> str:
        """See above."""

    @property
    def peer_certificate(self) -> bytes:
        """The peer's own certificate, DER, once `established`; b"" when it showed none.

        The peer holds its private key, and a trusted authority signed it. In a resumed handshake it is the one of the
        first handshake.
        """

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        """Take what came from the network; return the plaintext of every whole record that is there, joined.

        After `closed` the rest is dropped.
        Raises TLSError when the handshake or a record fails, and again at each later call. Flush, then close.
        """

    def send(self, plaintext: bytes) -> None:
        """Queue plaintext. It is encrypted by `data_to_send()`, once the handshake is complete.

        Nothing is ever refused here; what is queued after `close()` or after a failure is dropped.
        """

    def has_data(self) -> bool:
        """Is there anything for `data_to_send`?"""

    def data_to_send(self) -> bytes:
        """Encrypt what was queued; return everything that the network must carry now. Never raises."""

    def close(self) -> None:
        """Queue close_notify (RFC 8446 section 6.1) behind what was sent. Receiving goes on."""

    def keep_session(self) -> None:
        """TCP is gone: what the handshake proved may be resumed all the same. What was queued is dropped.

        Without it, whoever was cut off has to prove everything anew; so has whoever failed, with it or without.
        """


class TLSContext(Protocol):
    """Everything the connections of one listener share: certificate, anchors, policy."""

    def connection(self) -> TLSConnection:
        """A fresh connection for a peer that has just arrived."""


class ClientConnection(TLSConnection, Protocol):
    """A device's side. Its ClientHello waits in `data_to_send()`."""

    @property
    def session(self) -> object | None:
        """For this context to resume with, once data has come (under TLS 1.3 the ticket follows the handshake); None
        when there is none. It holds secrets."""


class ClientContext(Protocol):
    """Everything that the connections of one device share."""

    def connection(self, server_hostname: str, *, session: object | None = None) -> ClientConnection:
        """A new connection.

        server_hostname: DNS name or address that the broker's certificate must carry. Ignored with a PSK.
        session:         to resume, from an earlier connection of the same context.
        Raises ConfigError when this middleware could not verify that name.
        """


class Middleware(Protocol):
    """A TLS library. What is asked of it and it cannot do is refused in words, before anything is sent."""

    @property
    def name(self) -> str:
        """As configurations write it: "openssl"."""

    @property
    def abilities(self) -> Abilities:
        """What it can do, found out by asking the library that is loaded."""

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> TLSContext:
        """A listener's context. Raises TrustError when a file cannot be used, ConfigError for what it cannot do."""

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> ClientContext:
        """A device's context. Raises as `server_context`."""
