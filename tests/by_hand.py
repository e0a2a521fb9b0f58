"""A client that is bytes alone: it says what it is told to, and what it hears is not read by our own code.

hand = Hand(stage, level=4)
hand.connect()
assert hand.say(b"\\xc0\\x00") == [(0xD0, b"")]
"""

from __future__ import annotations

from mqtt_bytes import length, packet, text
from stacks import Stage

MALFORMED, PROTOCOL_ERROR = 0x81, 0x82


def field(value: bytes) -> bytes:
    """A string or binary data, whatever the bytes are."""
    return len(value).to_bytes(2, "big") + value


def properties(level: int, data: bytes = b"") -> bytes:
    """The properties of a packet, which MQTT 3.1.1 does not have."""
    return length(len(data)) + data if level == 5 else b""


def connect(
    level: int, payload: bytes, flags: int = 0x02, *, keep_alive: int = 60, data: bytes = b"", name: str = "MQTT"
) -> bytes:
    """CONNECT; `data` are its properties."""
    head = text(name) + bytes((level, flags)) + keep_alive.to_bytes(2, "big")
    return packet(0x10, head + properties(level, data) + payload)


def publish(
    level: int, topic: bytes, payload: bytes = b"", flags: int = 0, packet_id: int = 0, data: bytes = b""
) -> bytes:
    """PUBLISH; `flags` are the lower four bits of its first byte."""
    identifier = packet_id.to_bytes(2, "big") if flags & 6 else b""
    return packet(0x30 | flags, field(topic) + identifier + properties(level, data) + payload)


def subscribe(level: int, packet_id: int, *pairs: tuple[bytes, int], data: bytes = b"") -> bytes:
    """SUBSCRIBE to (topic filter, options)."""
    wanted = b"".join(field(each) + bytes((options,)) for each, options in pairs)
    return packet(0x82, packet_id.to_bytes(2, "big") + properties(level, data) + wanted)


def unsubscribe(level: int, packet_id: int, *filters: bytes, data: bytes = b"") -> bytes:
    """UNSUBSCRIBE."""
    return packet(0xA2, packet_id.to_bytes(2, "big") + properties(level, data) + b"".join(map(field, filters)))


def split(data: bytes) -> list[tuple[int, bytes]]:
    """(first byte, body) of each packet; each must be whole and say its length in as few bytes as it takes."""
    packets = []
    while data:
        size, at = 0, 1
        while True:
            size |= (data[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if data[at - 1] < 0x80:
                break
        assert data[1:at] == length(size)
        assert len(data) >= at + size, "a packet that is cut"
        packets.append((data[0], data[at : at + size]))
        data = data[at + size :]
    return packets


class Hand:
    """One connection of `name`, who has proved it."""

    def __init__(self, stage: Stage, level: int = 5, name: str = "operator") -> None:
        self.level = level
        self.waited: list[tuple[int, bytes]] = []
        self.client = stage.client(name, level)
        self.client.stop_reading()

    @property
    def closed(self) -> bool:
        """Did the server end it?"""
        return self.client.closed

    def hear(self) -> list[tuple[int, bytes]]:
        """What came since the last time."""
        data = b"".join(self.client.wire.writes)
        self.client.wire.writes.clear()
        return split(data)

    def say(self, data: bytes) -> list[tuple[int, bytes]]:
        """Send bytes; returns what came."""
        self.client.raw(data)
        return self.hear()

    def connect(self, client_id: bytes = b"hand", flags: int = 0x02, data: bytes = b"", keep_alive: int = 60) -> bytes:
        """CONNECT, which is accepted; returns CONNACK's body. Without clean start the session lasts 1,000 seconds."""
        if self.level == 5 and not flags & 0x02:
            data += b"\x11\x00\x00\x03\xe8"
        (first, body), *rest = self.say(connect(self.level, field(client_id), flags, data=data, keep_alive=keep_alive))
        assert (first, body[1]) == (0x20, 0)
        self.waited = rest
        return body

    def is_refused_for(self, reason_code: int, heard: list[tuple[int, bytes]]) -> bool:
        """Was it closed, in MQTT 5 with that reason in DISCONNECT (or CONNACK), in 3.1.1 without a word?"""
        said = [(first, body[0] if first == 0xE0 else body[1]) for first, body in heard]
        words = [[(0xE0, reason_code)], [(0x20, reason_code)]] if self.level == 5 else [[]]
        return self.closed and said in words
