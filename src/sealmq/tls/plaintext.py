"""No TLS: what a listener with `plaintext = true` puts where a TLS connection would be.

Never used unless sealmq.toml asks for it, and then on loopback only, or with the consent of whoever wrote it. It has
the verbs of a TLSConnection and proves nothing: `proof` stays None.
"""

from __future__ import annotations

from sealmq.errors import TLSError
from sealmq.tls.middleware import HandshakeProof
from sealmq.tls.policy import RECORD_LIMIT

_HANDSHAKE_RECORD = b"\x16\x03"  # RFC 8446 section 5.1: a record of type handshake, major version 3


class PlaintextConnection:
    """A TLSConnection that passes on what it gets."""

    __slots__ = ("_pieces", "_started", "closed", "established", "max_record", "proof", "refused_certificate")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._started = False
        self.established = True
        self.closed = False
        self.max_record = RECORD_LIMIT  # there are no records
        self.proof: HandshakeProof | None = None
        self.refused_certificate = b""

    @property
    def psk_identity(self) -> str:
        """See TLSConnection. Nobody can prove one here."""
        return ""

    @property
    def peer_certificate(self) -> bytes:
        """See TLSConnection. Nobody can show one here."""
        return b""

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        """See TLSConnection. Raises TLSError when the peer begins with a TLS handshake."""
        data = bytes(ciphertext)  # the transport's buffer is everybody's
        if not self._started and data:
            self._started = True
            if data.startswith(_HANDSHAKE_RECORD):
                raise TLSError(
                    "the device speaks TLS to a listener without it",
                    remedy="use the port of a listener with TLS, or turn TLS off in the device",
                )
        return data

    def send(self, plaintext: bytes) -> None:
        """See TLSConnection."""
        self._pieces.append(plaintext)

    def has_data(self) -> bool:
        """See TLSConnection."""
        return bool(self._pieces)

    def data_to_send(self) -> bytes:
        """See TLSConnection."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def close(self) -> None:
        """See TLSConnection. There is no goodbye but TCP's."""

    def keep_session(self) -> None:
        """See TLSConnection. There is no session."""


class PlaintextContext:
    """A TLSContext for a listener without TLS."""

    def connection(self) -> PlaintextConnection:
        """A fresh connection for a peer that has just arrived."""
        return PlaintextConnection()
