"""One connection of the load: a socket that never waits, with TLS in memory above it.

The socket is read in large pieces and the TLS library takes the records out of them: `ssl.SSLSocket` would make two
system calls for each record, which is most of the load's cost where a broker puts each message into one of its own.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from sealmq.tls.middleware import ClientConnection
from sealmq.tls.plaintext import PlaintextConnection

_BUFFER: Final = memoryview(bytearray(262_144))
"""What is read goes through here, for all connections of a process: it is used up before the next is read."""


class Wire:
    """A connection with the verbs of a load: receive, send, flush."""

    __slots__ = ("_arrived", "_socket", "_unsent", "tls")

    def __init__(self, raw: socket.socket, tls: ClientConnection | PlaintextConnection) -> None:
        self._socket = raw
        self._unsent: memoryview | bytes = b""
        self._arrived = False
        self.tls = tls

    def fileno(self) -> int:
        """For select and epoll."""
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet: wait until the socket can be written to, and flush."""
        return len(self._unsent)

    def arrive(self) -> bool:
        """Does the connection stand? Says the first words when it does. Raises OSError when it cannot."""
        if not self._arrived:
            failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                raise OSError(failure, os.strerror(failure))
            try:
                self._socket.getpeername()
            except OSError:
                return False
            self._arrived = True
            self.flush()
        return True

    def receive(self) -> bytes:
        """The plaintext that is there now. Raises ConnectionAbortedError at the end, and what TLS says of it."""
        try:
            count = self._socket.recv_into(_BUFFER)
        except BlockingIOError:
            return b""
        if not count:
            raise ConnectionAbortedError("the broker ended the connection")
        shakes_hands = not self.tls.established
        data = self.tls.receive_data(_BUFFER[:count])
        if self.tls.closed:
            raise ConnectionAbortedError("the broker ended the connection")
        if shakes_hands:
            self.flush()
        return data

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        """Send it, or keep what the kernel does not take. True when nothing is kept."""
        self.tls.send(data)  # type: ignore[arg-type]  # it is joined with others before we return
        return self.flush()

    def flush(self) -> bool:
        """Send what was kept, and what TLS has to say. True when nothing is kept."""
        new = self.tls.data_to_send()
        data = memoryview(bytes(self._unsent) + new if self._unsent else new)
        try:
            while data:
                data = data[self._socket.send(data) :]
        except BlockingIOError:
            pass
        self._unsent = data
        return not data

    def close(self) -> None:
        """Hang up, without a word."""
        self._socket.close()
