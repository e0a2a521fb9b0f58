"""TCP under one link: bytes in, bytes out, back-pressure, and a goodbye that arrives [MQTT-4.2.0-1].

Receiving: asyncio is handed the same buffer for every connection, and what arrives is used up before the callback
returns; so a connection costs no receive buffer. Sending: `write` goes to the kernel at once, and what does not fit is
kept up to a bound at which the link is told that it is full.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from sealmq.addresses import UNKNOWN, address_in_words
from sealmq.tcp.admission import Place

RECEIVE_BUFFER = 65_536
"""Bytes taken from the kernel at a time: four full TLS records. More makes one connection's turn longer than it
should be while others wait."""

LINGER = 1.0
"""Seconds that the peer has to read our last words after we have closed our side. Closing at once, with bytes of its
own unread, makes the kernel send a reset, and the reset overtakes the TLS alert that tells the peer why."""

STALLED = 120.0
"""Seconds in which a peer acknowledges nothing of what was sent to it, or takes none of it, before the connection is
given up: longer than any network is away, and than a client may be busy."""

_receive_buffer = memoryview(bytearray(RECEIVE_BUFFER))


class Floor(Protocol):
    """What stands above TCP: a link."""

    def bytes_received(self, ciphertext: memoryview) -> None:
        """Bytes arrived. They are valid during the call only."""

    def full(self) -> None:
        """More than `buffered_bytes` wait to be sent."""

    def drained(self) -> None:
        """There is room again."""

    def lost(self, why: str) -> None:
        """The connection is gone; `why` is "" when the peer closed it in order."""


class Wire(Protocol):
    """What a link needs of TCP."""

    @property
    def peer(self) -> str:
        """The peer's address in words."""

    def write(self, data: bytes) -> None:
        """Send, never wait."""

    def pause_reading(self) -> None:
        """Take nothing more from the peer."""

    def resume_reading(self) -> None:
        """Take what comes again."""

    def waiting(self) -> int:
        """Bytes that were written and not taken by the network yet."""

    def accepted(self) -> None:
        """The client was let in: its place among the handshakes is free."""

    def finish(self) -> None:
        """Send what is left, then close so that it arrives."""

    def abort(self) -> None:
        """Close now."""


class Transport(asyncio.BufferedProtocol):
    """One TCP connection, as asyncio's protocol below and a link's wire above.

    make_floor:     builds the link; called once, when the connection is there. None: it is not let in after all.
    buffered_bytes: bytes that may wait in user space before the link is told that it is full.
    place:          what the connection takes of the limits.
    """

    __slots__ = (
        "__weakref__",
        "_abort_later",
        "_buffered_bytes",
        "_finished",
        "_floor",
        "_make_floor",
        "_place",
        "_transport",
        "peer",
    )

    def __init__(self, make_floor: Callable[[Transport], Floor | None], buffered_bytes: int, place: Place) -> None:
        self.peer = UNKNOWN
        self._make_floor: Callable[[Transport], Floor | None] | None = make_floor
        self._buffered_bytes = buffered_bytes
        self._place = place
        self._floor: Floor | None = None
        self._finished = False
        self._abort_later: asyncio.TimerHandle | None = None

    # -- asyncio calls these -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection was accepted."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._buffered_bytes)
        self.peer = address_in_words(self._transport.get_extra_info("peername"))
        make_floor, self._make_floor = self._make_floor, None  # what it holds is not needed for as long as the link
        assert make_floor is not None
        try:
            self._set_options(self._transport.get_extra_info("socket"))
            self._floor = make_floor(self)
        finally:
            if self._floor is None:  # no room; or no memory, and nobody above would ever close it
                self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """The one buffer that every connection receives into."""
        return _receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """`nbytes` arrived in the buffer."""
        if self._finished:
            return  # we have said goodbye: read on only so that it is not overtaken by a reset
        if self._floor is not None:
            self._floor.bytes_received(_receive_buffer[:nbytes])

    def eof_received(self) -> bool:
        """The peer closed its side. Without it there is nobody to talk to: asyncio sends what is left and closes ours,
        but would wait for ever for a peer that does not read."""
        self._abort_in_the_end()
        return False

    def pause_writing(self) -> None:
        """More than the bound waits in asyncio's buffer."""
        if self._floor is not None:
            self._floor.full()

    def resume_writing(self) -> None:
        """asyncio's buffer has drained."""
        if self._floor is not None:
            self._floor.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        floor, self._floor = self._floor, None
        self._place.left()
        if self._abort_later is not None:
            self._abort_later.cancel()
        if floor is not None:
            floor.lost("" if exc is None else str(exc) or type(exc).__name__)

    # -- the link calls these ----------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send the bytes, now or as soon as the kernel takes them."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def waiting(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def accepted(self) -> None:
        """See Wire."""
        self._place.accepted()

    def pause_reading(self) -> None:
        """Take nothing more from the kernel: TCP slows the peer down."""
        if not self._transport.is_closing() and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what comes again."""
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def finish(self) -> None:
        """Send what is left, close our side, and give the peer LINGER seconds to read it and close its own."""
        if self._finished or self._transport.is_closing():
            return
        self._finished = True
        try:
            self._transport.write_eof()
            self.resume_reading()
        except (OSError, RuntimeError):
            self.abort()
            return
        self._abort_in_the_end()

    def abort(self) -> None:
        """Close now; what is not sent is lost, also what the kernel still holds.

        Without the reset (SO_LINGER 0) the kernel would go on sending for minutes, megabytes perhaps, to somebody who
        may just have been revoked.
        """
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _set_options(self, connection: socket.socket) -> None:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return
        # We write once a turn, so nothing is gained by waiting for more (RFC 896). asyncio says so too, but only to
        # sockets that were made with a protocol number, which accepted ones do not have.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A device that lost its power says no goodbye: without keep-alive by MQTT or TCP it would be held for ever.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Nor does one that lives and takes nothing of what we have for it (RFC 5482; Linux asks at closed windows).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1_000))

    def _abort_in_the_end(self) -> None:
        if self._abort_later is None:
            self._abort_later = asyncio.get_running_loop().call_later(LINGER, self.abort)
