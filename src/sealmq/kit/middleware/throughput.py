"""How fast data goes through: encrypted by one side and decrypted by the other, by the size of a message."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sealmq.errors import TLSError
from sealmq.kit.middleware.cases import POLICIES
from sealmq.kit.middleware.handshaking import listeners
from sealmq.kit.middleware.material import Good
from sealmq.kit.middleware.meeting import Meeting
from sealmq.kit.middleware.spread import Spread
from sealmq.tls.middleware import Middleware, Version

MESSAGES: Final = (64, 1024, 16_384)
"""Bytes: a sensor's reading, a JSON document, the largest record."""

_TURN: Final = 64
"""Messages between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of messages of `size` bytes, each in a record of its own. seconds: processor time of one, both sides."""

    size: int
    version: Version
    seconds: Spread

    @property
    def messages(self) -> float:
        """A second and core."""
        return 1 / self.seconds.median

    @property
    def rate(self) -> float:
        """Bytes a second and core."""
        return self.size / self.seconds.median


class ThroughputCourse:
    """One connection of a middleware with itself, by its newest version of TLS; to be run in several turns."""

    def __init__(self, middleware: Middleware, good: Good, size: int) -> None:
        """Raises ConfigError, TrustError, or TLSError when the handshake fails."""
        self.version: Version = max(middleware.abilities.versions)
        policy = POLICIES[self.version]
        listener = middleware.server_context(policy, listeners(middleware, good))
        meeting = Meeting(
            middleware.client_context(policy, good.client()).connection(good.host), listener.connection()
        )  # fmt: skip
        meeting.settle()
        if not meeting.client.connection.established or not meeting.server.connection.established:
            raise meeting.client.error or meeting.server.error or TLSError("the handshake was not finished")
        self._meeting = meeting
        self.what = f"messages of {size} bytes"
        self._message = bytes(size)
        self._samples: list[float] = []

    def run(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Messages for so long. Raises TLSError when one does not come as it was sent."""
        client, server = self._meeting.client.connection, self._meeting.server.connection
        message, read, until = self._message, b"", now() + seconds
        while True:
            began = time.thread_time()
            for _ in range(_TURN):
                client.send(message)
                read = server.receive_data(client.data_to_send())
            self._samples.append((time.thread_time() - began) / _TURN)
            if read != message:
                raise TLSError("a message did not come as it was sent")
            if now() >= until:
                return

    @property
    def figures(self) -> Throughput:
        """What was measured until now."""
        return Throughput(len(self._message), self.version, Spread.of(self._samples))
