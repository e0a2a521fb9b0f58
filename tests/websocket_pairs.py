"""The client's side of WebSocket in memory, by wsproto alone, so that our side is tested against somebody else's."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, field

from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, BytesMessage, Event, Request

HOST = "localhost:8084"
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
"""The answer to KEY [RFC 6455 section 1.3]."""

HEADERS = {
    "Host": HOST,
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "mqtt",
}


def request(line: str = "GET /mqtt HTTP/1.1", **changes: str | None) -> bytes:
    """A request for a WebSocket. `changes` replace headers ("_" for "-"); None leaves one out."""
    headers: dict[str, str | None] = dict(HEADERS)
    for name, value in changes.items():
        name = name.replace("_", "-")
        headers[next((known for known in headers if known.lower() == name.lower()), name)] = value
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, reserved: int = 0) -> bytes:
    """One frame as a client sends it, by hand: also the illegal ones. [RFC 6455 section 5.2]"""
    first = (0x80 if fin else 0) | reserved | opcode
    length, more = len(payload), b""
    if length > 0xFFFF:
        length, more = 127, struct.pack("!Q", length)
    elif length > 125:
        length, more = 126, struct.pack("!H", length)
    head = bytes([first, (0x80 if mask else 0) | length]) + more
    if not mask:
        return head + payload
    key = b"\x37\xfa\x21\x3d"
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


@dataclass
class Client:
    """wsproto's client; `events` is all that it has heard."""

    path: str = "/mqtt"
    subprotocols: list[str] = field(default_factory=lambda: ["mqtt"])
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = WSConnection(ConnectionType.CLIENT)

    def request(self, headers: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
        """The bytes of its request."""
        return self.connection.send(
            Request(host=HOST, target=self.path, subprotocols=self.subprotocols, extra_headers=list(headers))
        )

    def send(self, event: Event) -> bytes:
        """The bytes of an event."""
        return self.connection.send(event)

    def receive(self, data: bytes) -> list[Event]:
        """What the bytes from the broker mean."""
        if data:
            self.connection.receive_data(data)
        heard = list(self.connection.events())
        self.events += heard
        return heard

    @property
    def accepted(self) -> AcceptConnection | None:
        """The broker's consent."""
        return next((event for event in self.events if isinstance(event, AcceptConnection)), None)

    @property
    def messages(self) -> list[bytes]:
        """The payload of each frame that came."""
        return [bytes(event.data) for event in self.events if isinstance(event, BytesMessage)]
