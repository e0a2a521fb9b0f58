"""Two ends of a socket: a TLSSocket over any ClientContext, and a broker that Python's own `ssl` is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from certificates import Credentials
from middleware_pairs import client_material
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import ClientConnection, ClientContext, ClientMaterial
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.sockets import SocketContext, TLSSocket
from stdlib_engine import StdlibEngine
from tls_pairs import VERSIONS, Trust

WAIT = 30.0
NARROW = 16_384


class MemoryContext:
    """A ClientContext whose connections are MemoryConnections, as those of most middlewares are."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def connection(self, server_hostname: str, *, session: object | None = None) -> ClientConnection:
        connection = MemoryConnection(StdlibEngine(self._context, server_hostname), peer="broker")
        connection.start()
        return connection


def client_context(kind: str, trust: Trust, *, shows: bool = True) -> ClientContext:
    """kind: "memory", or the name of a middleware. shows: a certificate is shown."""
    if kind == "memory":
        return MemoryContext(trust.client(trust.device if shows else None))
    material = client_material(trust)
    return find(kind).client_context(TLSPolicy(), material if shows else ClientMaterial(root=material.root))


def server_context(trust: Trust, version: str | None = None, *, broker: Credentials | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(broker or trust.broker).save(trust.folder, "peer"))
    context.load_verify_locations(cadata=trust.device_ca.pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


@contextmanager
def connected(
    serve: Callable[[socket.socket], object], *, unix: bool = False, narrow: bool = False
) -> Iterator[socket.socket]:
    """A socket to whoever `serve` is, in a thread; what it raises is the test's failure.

    narrow: the kernel keeps little between the two.
    """
    if unix:
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            if narrow:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
            ours = socket.create_connection(listener.getsockname(), WAIT)
            if narrow:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW)
            theirs = listener.accept()[0]
    theirs.settimeout(WAIT)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            serve(theirs)
        except BaseException as error:
            failures.append(error)
        finally:
            theirs.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join(WAIT)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def wrapped(kind: str, trust: Trust, raw: socket.socket, *, host: str = "localhost", shows: bool = True) -> TLSSocket:
    """The handshake is still to be done."""
    raw.settimeout(WAIT)
    context = SocketContext(client_context(kind, trust, shows=shows))
    return context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
