"""Servers of one thread for tests of the kit: brokers that know CONNECT alone, and things that are no brokers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

WAIT = 20.0
CONNACK_5 = b"\x20\x03\x00\x00\x00"
CONNACK_311 = b"\x20\x02\x00\x00"

Handle = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(handle: Handle, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve every connection with `handle`, one after the other; gives the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(WAIT)
                if not ended.is_set():
                    handle(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        with contextlib.suppress(OSError), socket.create_connection(listener.getsockname()[:2], 1):
            pass
        thread.join(WAIT)
        listener.close()


def sends(data: bytes) -> Handle:
    """Sends this, then waits for the other end to go."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(data)
        wait_for_end(connection)

    return handle


def wait_for_end(connection: socket.socket) -> None:
    """Read until the other end has gone."""
    with contextlib.suppress(OSError):
        while connection.recv(65_536):
            pass


def reset(connection: socket.socket) -> None:
    """End it by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def broker(context: ssl.SSLContext, answer: bytes = CONNACK_5, *, level: int = 0) -> Handle:
    """TLS, CONNECT, `answer`. level: the only protocol level that it knows; others are told so in its own words."""

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as tls:
            connect = tls.recv(65_536)
            if not connect:
                return
            spoken = connect[connect.index(b"MQTT") + 4]
            tls.sendall(b"\x20\x02\x00\x01" if level and spoken != level else answer)
            wait_for_end(tls)

    return handle


def record(content: bytes, kind: int = 22) -> bytes:
    """A TLS record."""
    return bytes([kind]) + b"\x03\x03" + len(content).to_bytes(2, "big") + content


def server_hello() -> bytes:
    """A record with a ServerHello of TLS 1.2."""
    extensions = b"\xff\x01\x00\x01\x00" + b"\x00\x17\x00\x00"  # RFC 5746, RFC 7627
    body = b"\x03\x03" + b"s" * 32 + b"\0" + b"\xc0\x2b" + b"\0" + len(extensions).to_bytes(2, "big") + extensions
    return record(b"\x02" + len(body).to_bytes(3, "big") + body)


def endless_certificate(connection: socket.socket) -> None:
    """A Certificate message that says 16 MB, and goes on and on."""
    connection.recv(65_536)
    connection.sendall(server_hello() + record(b"\x0b\xff\xff\xff" + b"\0" * 1000))
    for _ in range(2_000):
        connection.sendall(record(b"\0" * 16_000))
