"""TCP under one link: bytes in, bytes out, back-pressure, and a goodbye that arrives [MQTT-4.2.0-1].

Receiving: every connection receives into the same buffer, and what arrives is used up before the next one is read; so a
connection costs no receive buffer. Sending: `write` goes to the kernel at once, and what does not fit is kept, with a
bound at which the link is told that it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from sealmq.tcp.admission import Place
from sealmq.tcp.poller import READABLE, WRITABLE, Poller

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


class Transport:
    """One TCP connection: what the poller tells below, and a link's wire above.

    connection:     accepted, and does not block.
    peer:           its address in words.
    make_floor:     builds the link. None: it is not let in after all.
    buffered_bytes: bytes that may wait in user space before the link is told that it is full. It is told that there is
                    room again when a quarter of them is left.
    place:          what the connection takes of the limits.
    """

    __slots__ = (
        "__weakref__",
        "_abort_later",
        "_buffered_bytes",
        "_connection",
        "_events",
        "_finished",
        "_floor",
        "_is_closing",
        "_is_full",
        "_number",
        "_place",
        "_poller",
        "_send",
        "_unsent",
        "peer",
    )

    def __init__(
        self,
        connection: socket.socket,
        peer: str,
        poller: Poller,
        make_floor: Callable[[Transport], Floor | None],
        buffered_bytes: int,
        place: Place,
    ) -> None:
        self.peer = peer
        self._connection = connection
        self._number = connection.fileno()
        self._send = connection.send
        self._poller = poller
        self._buffered_bytes = buffered_bytes
        self._place = place
        self._floor: Floor | None = None
        self._events = 0
        self._unsent: bytearray | None = None  # empty, it would take 57 bytes of each link
        self._is_full = False
        self._is_closing = False
        self._finished = False
        self._abort_later: asyncio.TimerHandle | None = None
        try:
            _set_options(connection)
            self._floor = make_floor(self)
            if self._floor is None:  # it is not let in after all
                self.abort()
            elif not self._is_closing:
                self._wait_for(self._events | READABLE)  # the floor may have written already
        except BaseException:  # no memory, here or in the kernel, and nobody above would ever close it
            self.abort()
            raise

    # -- the poller calls --------------------------------------------------------------------------------------------

    def ready(self, events: int) -> None:
        """There is something to read, room to write, or a failure, which both of them find (Pollable)."""
        if events & ~READABLE and self._unsent:
            self._write_unsent()
        if not events & ~WRITABLE or not self._events & READABLE:
            return
        try:
            size = self._connection.recv_into(_receive_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._close(error.strerror or str(error))
            return
        if not size:
            self._end_of_stream()
        elif self._floor is not None and not self._finished:
            self._floor.bytes_received(_receive_buffer[:size])
        # else we have said goodbye: read on only so that it is not overtaken by a reset

    def _end_of_stream(self) -> None:
        """The peer closed its side: without it there is nobody to talk to. What is left is sent, then ours is closed; a
        peer that does not read is not waited for."""
        self._is_closing = True
        if self._unsent:
            self._wait_for(WRITABLE)
            self._abort_in_the_end()
        else:
            self._close("")

    def _write_unsent(self) -> None:
        unsent = self._unsent
        assert unsent is not None
        try:
            del unsent[: self._send(unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._close(error.strerror or str(error))
            return
        if not unsent:
            self._unsent = None
            if self._is_closing:
                self._close("")
                return
            self._wait_for(self._events & ~WRITABLE)
            if self._finished:
                self._shut_down()
        if self._is_full and len(unsent) <= self._buffered_bytes // 4:
            self._is_full = False
            if self._floor is not None:
                self._floor.drained()

    # -- the link calls ----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send the bytes, now or as soon as the kernel takes them."""
        if self._is_closing or self._finished:
            return
        if self._unsent is None:
            try:
                sent = self._send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._close(error.strerror or str(error))
                return
            if sent == len(data):
                return
            self._unsent = bytearray(memoryview(data)[sent:])
            self._wait_for(self._events | WRITABLE)
        else:
            self._unsent += data
        if not self._is_full and len(self._unsent) > self._buffered_bytes:
            self._is_full = True
            if self._floor is not None:
                self._floor.full()

    def waiting(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        return len(self._unsent) if self._unsent is not None else 0

    def accepted(self) -> None:
        """See Wire."""
        self._place.accepted()

    def pause_reading(self) -> None:
        """Take nothing more from the kernel: TCP slows the peer down. Not behind a goodbye: only who reads on learns
        whether it arrived."""
        if not self._is_closing and not self._finished:
            self._wait_for(self._events & ~READABLE)

    def resume_reading(self) -> None:
        """Take what comes again."""
        if not self._is_closing:
            self._wait_for(self._events | READABLE)

    def finish(self) -> None:
        """Send what is left, close our side, and give the peer LINGER seconds to read it and close its own."""
        if self._finished or self._is_closing:
            return
        self._finished = True
        self.resume_reading()
        self._abort_in_the_end()
        if self._unsent is None:
            self._shut_down()

    def abort(self, why: str = "") -> None:
        """Close now; what is not sent is lost, also what the kernel still holds.

        Without the reset the kernel would go on sending for minutes, megabytes perhaps, to somebody who
        may just have been revoked.
        """
        if self._number >= 0:
            reset_at_close(self._connection)
        self._close(why)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _shut_down(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def _abort_in_the_end(self) -> None:
        if self._abort_later is None:
            self._abort_later = asyncio.get_running_loop().call_later(LINGER, self.abort)

    def _close(self, why: str) -> None:
        """Nothing comes and nothing leaves any more. The floor, which may be the caller, is told of it soon."""
        if self._number < 0:
            return
        self._is_closing = True
        self._wait_for(0)
        self._number = -1
        self._unsent = None
        if self._abort_later is not None:
            self._abort_later.cancel()
        self._poller.let_go(self._gone, why)

    def _gone(self, why: str) -> None:
        floor, self._floor = self._floor, None
        self._connection.close()
        self._place.left()
        if floor is not None:
            floor.lost(why)

    def _wait_for(self, events: int) -> None:
        if events != self._events:
            self._poller.watch(self._number, self, events, self._events)
            self._events = events  # not before: the kernel may have no room for another that waits


def reset_at_close(connection: socket.socket) -> None:
    """Have its end leave nothing behind: what is not sent is lost, and no port stays in TIME_WAIT (SO_LINGER 0)."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _set_options(connection: socket.socket) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    # We write once a turn, so nothing is gained by waiting for more (RFC 896).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A device that lost its power says no goodbye: without keep-alive by MQTT or TCP it would be held for ever.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Nor does one that lives and takes nothing of what we have for it (RFC 5482; Linux asks at closed windows).
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1_000))
