"""WebSocket in TLS: two floors that together look like TLS alone, so that a link stands on either
[MQTT 3.1.1: MQTT-7.1.1-2].

    receive_data    ciphertext -> tls/ -> tcp/websocket.py -> the bytes of MQTT
    data_to_send    ... and back: one binary frame for what one flush has to say, encrypted

Certificates are asked for by TLS, before the first byte of HTTP is read: nothing is weaker here than without WebSocket.
"""

from __future__ import annotations

from collections.abc import Container

from sealmq.errors import WebSocketError
from sealmq.tcp.websocket import WebSocketConnection
from sealmq.tls.middleware import HandshakeProof, TLSConnection


class SecureWebSocket:
    """A TLSConnection that carries WebSocket.

    established:         both handshakes are complete.
    closed:              the peer has closed WebSocket or TLS: nothing more will come.
    proof:               what the TLS handshake proved; there before `established`.
    refused_certificate: the peer's certificate when one of the two handshakes was refused. For the log only.
    """

    __slots__ = ("_tls", "_websocket", "closed", "established", "proof", "refused_certificate")

    def __init__(self, tls: TLSConnection, origins: Container[str] = ()) -> None:
        """
        tls:     a fresh connection of the listener's context.
        origins: see WebSocketConnection.
        """
        self._tls = tls
        self._websocket = WebSocketConnection(origins)
        self.established = False
        self.closed = False
        self.proof: HandshakeProof | None = None
        self.refused_certificate = b""

    @property
    def max_record(self) -> int:
        """See TLSConnection."""
        return self._tls.max_record

    @max_record.setter
    def max_record(self, most: int) -> None:
        self._tls.max_record = most

    @property
    def psk_identity(self) -> str:
        """See TLSConnection."""
        return self._tls.psk_identity

    @property
    def peer_certificate(self) -> bytes:
        """See TLSConnection."""
        return self._tls.peer_certificate

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        """See TLSConnection. Raises WebSocketError too, when that handshake is refused or a frame is illegal."""
        try:
            plaintext = self._tls.receive_data(ciphertext)
        finally:
            self.proof = self._tls.proof
            self.refused_certificate = self._tls.refused_certificate
        try:
            data = self._websocket.receive_data(plaintext)
        except WebSocketError:
            if not self.established:
                self.refused_certificate = self._tls.peer_certificate
                self.close()
            raise
        self.established = self._websocket.established
        self.closed = self._tls.closed or self._websocket.closed
        return data

    def send(self, plaintext: bytes) -> None:
        """See TLSConnection."""
        self._websocket.send(plaintext)

    def has_data(self) -> bool:
        """See TLSConnection."""
        return self._websocket.has_data() or self._tls.has_data()

    def data_to_send(self) -> bytes:
        """See TLSConnection."""
        frames = self._websocket.data_to_send()
        if frames:
            self._tls.send(frames)
        return self._tls.data_to_send()

    def close(self) -> None:
        """Queue a Close frame and close_notify behind what was sent."""
        self._websocket.close()
        self._tls.send(self._websocket.data_to_send())
        self._tls.close()

    def keep_session(self) -> None:
        """See TLSConnection."""
        self._tls.keep_session()
