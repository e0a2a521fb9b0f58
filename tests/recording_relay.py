"""A relay on loopback that keeps what a broker has sent, as it was on the wire."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

WAIT = 30.0


class Relay:
    """One connection, carried both ways. sent: what the broker has sent."""

    def __init__(self, port: int, host: str) -> None:
        self.sent = bytearray()
        self._listener = socket.create_server((host, 0))
        self._listener.settimeout(WAIT)
        self.port = self._listener.getsockname()[1]
        self._broker = port
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._broker), WAIT) as broker:
            up = threading.Thread(target=self._carry, args=(client, broker), daemon=True)
            up.start()
            self._carry(broker, client, self.sent)
            up.join(WAIT)

    def _carry(self, source: socket.socket, sink: socket.socket, kept: bytearray | None = None) -> None:
        try:
            while data := source.recv(65_536):
                if kept is not None:
                    kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has gone

    def close(self) -> None:
        """Wait for the end of the connection."""
        self._threads[0].join(WAIT)
        self._listener.close()


@contextmanager
def relay(port: int, host: str = "127.0.0.1") -> Iterator[Relay]:
    """A relay to a port of this machine. host: where it listens itself."""
    one = Relay(port, host)
    try:
        yield one
    finally:
        one.close()
