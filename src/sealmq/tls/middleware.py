"""What every TLS library looks like from above: one context per listener, one connection per link, four verbs.

Rule 1: bytes in, bytes out. A middleware knows no socket, no clock and no event loop.
Rule 2: flush before closing. When the handshake is refused, `receive_data` raises, and the alert still waits in
        `data_to_send()`; the device needs it to know why.
Rule 3: `established` on the client's side is not `accepted`. Under TLS 1.3 a client is done before the server has
        looked at its certificate (RFC 8446 section 4.4): say "connected" after CONNACK.
Rule 4: none verifies less than OpenSSL does: chain, name, purpose, dates, possession of the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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
    """

    established: bool
    closed: bool
    proof: HandshakeProof | None
    refused_certificate: bytes

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
