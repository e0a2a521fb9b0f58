"""WebSocket in memory, the server's side: what stands between TLS and MQTT on the WebSocket listener (RFC 6455).

Rule 1: the verbs are those of every floor, and it knows no socket: `receive_data`, `send`, `data_to_send`, `close`.
Rule 2: nothing is collected. Of a request at most HEAD_LIMIT bytes are kept, of a control frame 125 (RFC 6455 section
        5.5); the payload of a message is passed on as it comes, so that a frame may be as long as it likes.
Rule 3: frames say nothing about packets: MQTT packets are split and joined over frames anywhere [MQTT-6.0.0-2].
Rule 4: flush before closing. When `receive_data` raises, the answer that says why waits in `data_to_send()`.
"""

from __future__ import annotations

from collections.abc import Container

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from sealmq.errors import WebSocketError
from sealmq.tcp.upgrade import refuse, respond

HEAD_LIMIT = 8_192
"""Bytes of a request's head, from the request line to the empty line. Browsers send one or two thousand, with their
cookies; what is longer is no MQTT client."""

_END_OF_HEAD = b"\r\n\r\n"
_MQTT_CONNECT = 0x10
_FIRST_TOKEN_CHARACTER = 0x21
"""The lowest byte that a request line can begin with (RFC 9110 section 5.6.2)."""


class WebSocketConnection:
    """One WebSocket, from the request to the closing handshake.

    established: the opening handshake was accepted. What is sent before waits for it.
    closed:      the peer has sent a Close frame: nothing more will come.
    """

    __slots__ = (
        "_answer",
        "_failed",
        "_farewell",
        "_farewell_said",
        "_frames",
        "_head",
        "_origins",
        "_pieces",
        "_pong",
        "closed",
        "established",
    )

    def __init__(self, origins: Container[str] = ()) -> None:
        """
        origins: whose web pages may connect, beside those of this host and port; as `normal_origin` writes them.
        """
        self._origins = origins
        self._head = bytearray()
        self._answer = b""
        self._frames: Connection | None = None
        self._pieces: list[bytes] = []
        self._pong: Pong | None = None
        self._farewell: CloseConnection | None = None
        self._farewell_said = False
        self._failed = ""
        self.established = False
        self.closed = False

    def receive_data(self, data: bytes | memoryview) -> bytes:
        """Take what TLS has decrypted; return the payload of every piece of a binary message that is there, joined.

        Raises WebSocketError when the handshake is refused or a frame is illegal, and again at each later call. What
        came with an illegal frame is dropped.
        """
        if self._failed:
            raise WebSocketError(f"the WebSocket has failed before: {self._failed}", CloseReason.PROTOCOL_ERROR)
        if self.closed or not data:
            return b""
        if self._frames is None:
            return self._receive_head(data)
        return self._receive_frames(self._frames, bytes(data))

    def send(self, data: bytes) -> None:
        """Queue bytes of a binary message. What is queued after `close()` or after a refusal is dropped."""
        self._pieces.append(data)

    def has_data(self) -> bool:
        """Is there anything for `data_to_send`?"""
        unsaid = self._farewell is not None and not self._farewell_said
        return bool(self._answer or self._pieces) or self._pong is not None or unsaid

    def data_to_send(self) -> bytes:
        """Everything that TLS must carry now; what was sent in several pieces is one frame. Never raises."""
        sent, self._answer = [self._answer], b""
        frames = self._frames
        if frames is not None and not self._farewell_said:
            if frames.state is ConnectionState.OPEN:  # behind the peer's Close only ours may follow
                if self._pong is not None:
                    sent.append(frames.send(self._pong))
                if self._pieces:
                    sent.append(frames.send(BytesMessage(b"".join(self._pieces))))  # [MQTT-6.0.0-1]
            if self._farewell is not None:
                self._farewell_said = True
                sent.append(frames.send(self._farewell))
        if self.established or self._failed:
            self._pong = None
            self._pieces.clear()
        return b"".join(sent)

    def close(self) -> None:
        """Queue a Close frame behind what was sent [RFC 6455 section 7.1.2]. Receiving goes on."""
        if self._farewell is None:
            self._farewell = CloseConnection(CloseReason.NORMAL_CLOSURE)

    # -- the opening handshake ---------------------------------------------------------------------------------------

    def _receive_head(self, data: bytes | memoryview) -> bytes:
        head = self._head
        seen = max(len(head) - len(_END_OF_HEAD) + 1, 0)
        head += data
        self._expect_http(head[0])
        end = head.find(_END_OF_HEAD, seen, HEAD_LIMIT)
        if end < 0:
            if len(head) < HEAD_LIMIT:
                return b""
            refusal = self._failure(f"the head of the request has more than {HEAD_LIMIT} bytes", 431)
            self._answer = refuse(refusal)
            raise refusal
        end += len(_END_OF_HEAD)
        request, rest = bytes(head[:end]), bytes(head[end:])
        self._head = bytearray()
        self._answer, refused = respond(request, self._origins)
        if refused is not None:
            self._failed = refused.what
            raise refused
        self._frames = Connection(ConnectionType.SERVER)
        self.established = True
        return self._receive_frames(self._frames, rest)

    def _expect_http(self, first: int) -> None:
        """Who speaks something else than HTTP is told nothing: it would not understand."""
        if first == _MQTT_CONNECT:
            raise self._failure(
                "it speaks MQTT without WebSocket, on the port for WebSocket",
                400,
                remedy="let the client use the port for MQTT over TLS (8883, if sealmq.toml names no other)",
            )
        if first < _FIRST_TOKEN_CHARACTER or first > 0x7E:
            raise self._failure("it speaks something else than HTTP, on the port for WebSocket", 400)

    # -- frames ------------------------------------------------------------------------------------------------------

    def _receive_frames(self, frames: Connection, data: bytes) -> bytes:
        frames.receive_data(data)
        payloads: list[bytes | bytearray] = []
        for event in frames.events():
            if type(event) is BytesMessage:
                payloads.append(event.data)
            elif type(event) is TextMessage:
                # [MQTT-6.0.0-1]: any other data frame closes the connection.
                raise self._failure("it sent a text frame; MQTT is binary", CloseReason.UNSUPPORTED_DATA)
            elif type(event) is Ping:
                self._pong = event.response()  # the last of several is enough [RFC 6455 section 5.5.3]
            elif type(event) is CloseConnection:
                if frames.state not in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED):
                    # wsproto's word for a frame that breaks RFC 6455: nothing was closed yet
                    raise self._failure(f"it sent an illegal WebSocket frame: {event.reason}", event.code)
                self.closed = True
                if self._farewell is None:
                    self._farewell = event.response()  # [RFC 6455 section 5.5.1]
        return b"".join(payloads)

    def _failure(self, what: str, code: int, *, remedy: str = "") -> WebSocketError:
        """Note that the WebSocket is over, queue the Close frame that says why, and return the error."""
        self._failed = what
        self._farewell = CloseConnection(code, what)
        return WebSocketError(what, code, remedy=remedy)
