"""MQTT by hand, for peers that behave as no library lets them."""

from __future__ import annotations

import ssl

CONNECT_V5 = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"
"""Clean start, keep-alive 60 s, no client identifier."""

PINGREQ = b"\xc0\x00"


def length(number: int) -> bytes:
    """A Variable Byte Integer [MQTT 1.5.5]."""
    encoded = bytearray()
    while True:
        number, low = divmod(number, 128)
        encoded.append(low | 0x80 if number else low)
        if not number:
            return bytes(encoded)


def text(words: str) -> bytes:
    """A UTF-8 string with its length."""
    return len(words.encode()).to_bytes(2, "big") + words.encode()


def packet(first: int, body: bytes) -> bytes:
    """A control packet."""
    return bytes((first,)) + length(len(body)) + body


def connect_packet(client_id: str = "", *, clean_start: bool = True, keep_alive: int = 60) -> bytes:
    """CONNECT of MQTT 5."""
    flags = b"\x02" if clean_start else b"\x00"
    return packet(0x10, text("MQTT") + b"\x05" + flags + keep_alive.to_bytes(2, "big") + b"\x00" + text(client_id))


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH of MQTT 5 at QoS 0."""
    return packet(0x30, text(topic) + b"\x00" + payload)


def subscribe(topic_filter: str, qos: int = 0) -> bytes:
    """SUBSCRIBE of MQTT 5 with packet identifier 1."""
    return packet(0x82, b"\x00\x01\x00" + text(topic_filter) + bytes((qos,)))


def read_exactly(connection: ssl.SSLSocket, count: int) -> bytes:
    """So many bytes, or EOFError."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError(f"the connection ended after {data!r}")
        data += piece
    return data


def read_packet(connection: ssl.SSLSocket) -> tuple[int, bytes]:
    """The first byte and the body of the next packet."""
    first = read_exactly(connection, 1)[0]
    size, shift = 0, 0
    while True:
        byte = read_exactly(connection, 1)[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return first, read_exactly(connection, size)


def connect_v5(connection: ssl.SSLSocket, client_id: str = "", *, clean_start: bool = True) -> int:
    """Say CONNECT and read CONNACK; returns its flags (1: a session was there)."""
    connection.sendall(connect_packet(client_id, clean_start=clean_start))
    first, body = read_packet(connection)
    assert (first, body[1]) == (0x20, 0), body
    return body[0]
