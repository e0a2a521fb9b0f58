"""A client and a server in memory, with the wire between them; what each said, read, cost, and how it ended.

Rule 1: a side that has failed reads no more, but what it had to say is carried: the other must hear the alert.
Rule 2: it ends: after ROUNDS turns that still have something to say, EndlessError is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sealmq.errors import TLSError
from sealmq.tls.middleware import TLSConnection

ROUNDS = 16
"""Turns of both; a handshake with a HelloRetryRequest, tickets and a goodbye takes five."""

PIECE = 65536
"""Bytes that are given to a side at once, as a transport would."""

Change = Callable[[bytes], bytes]
"""What somebody on the wire makes of what one side has sent."""


class EndlessError(Exception):
    """Two sides have not fallen silent."""


@dataclass(slots=True)
class Side:
    """One side, and what became of it.

    sent: bytes of ciphertext. cpu: seconds that the library was at work for this side, of this thread.
    plaintext: what it has read. error: by what it ended.
    """

    connection: TLSConnection
    sent: int = 0
    cpu: float = 0.0
    plaintext: list[bytes] = field(default_factory=list)
    error: TLSError | None = None

    @property
    def read(self) -> bytes:
        """All that it has read."""
        return b"".join(self.plaintext)

    def speak(self) -> bytes:
        """What it has to say now."""
        began = time.thread_time()
        ciphertext = self.connection.data_to_send()
        self.cpu += time.thread_time() - began
        self.sent += len(ciphertext)
        return ciphertext

    def listen(self, ciphertext: bytes) -> None:
        """Give it what came; what it raises is kept in `error`."""
        for at in range(0, len(ciphertext), PIECE):
            if self.error is not None:
                return
            piece = ciphertext[at : at + PIECE]
            began = time.thread_time()
            try:
                plaintext = self.connection.receive_data(piece)
            except TLSError as error:
                self.error = error
            else:
                if plaintext:
                    self.plaintext.append(plaintext)
            self.cpu += time.thread_time() - began


class Meeting:
    """Both sides. flights: how many times one has spoken and the other had to wait for it."""

    def __init__(self, client: TLSConnection, server: TLSConnection) -> None:
        self.client = Side(client)
        self.server = Side(server)
        self.flights = 0
        self._spoke: Side | None = None

    def settle(self, *, to_server: Change | None = None, to_client: Change | None = None) -> None:
        """Carry what each has to say until both are silent. Raises EndlessError."""
        for _ in range(ROUNDS):
            moved = self._carry(self.client, self.server, to_server)
            moved = self._carry(self.server, self.client, to_client) or moved
            if not moved:
                return
        raise EndlessError(f"both still had something to say after {ROUNDS} turns")

    def part(self) -> None:
        """Both say close_notify, and hear it."""
        self.client.connection.close()
        self.server.connection.close()
        self.settle()

    def _carry(self, sender: Side, receiver: Side, change: Change | None) -> bool:
        ciphertext = sender.speak()
        if not ciphertext:
            return False
        if sender is not self._spoke:
            self._spoke = sender
            self.flights += 1
        receiver.listen(change(ciphertext) if change else ciphertext)
        return True
