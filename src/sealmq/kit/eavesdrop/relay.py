"""TCP on both sides: what one end sends goes to the other, and a copy of it to whoever watches.

Rule 1: bytes go on as they came, in order; who watches is asked first only where something is to be changed.
Rule 2: whoever watches and fails is asked no more, and the connection goes on.
Rule 3: a slow reader holds its own writer, nobody else; in between wait a few pieces (StreamReader's limit and the
        transport's high-water mark, both PIECE).
Rule 4: the end of one direction is passed on as such, the other goes on; there is no idle timeout but that of the ends.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import resource
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from sealmq.addresses import address_in_words
from sealmq.errors import ConfigError, PortTakenError
from sealmq.kit.dissect.conversation import Sender

MOST_CONNECTIONS: Final = 64
"""Connections at once; one more is closed. A home has a dozen devices, and each costs a few pieces of memory."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds that the broker has to answer. TCP's own patience is two minutes, no device's is."""

PIECE: Final = 16_384
"""Bytes that are read at once, at most: of the shortest records somebody needs 10 ms to look at them, and so long the
others wait, and Ctrl-C."""

QUEUE: Final = 32
"""Connections that wait to be accepted; asyncio accepts as many in one go, before one can be turned away."""

SPARE_FILES: Final = 32
"""File descriptors that are not for connections: files, pipes, the loop's own."""

GOODBYE: Final = 5.0
"""Seconds that the last bytes have to leave, once one end is gone."""


class Watcher(Protocol):
    """Who watches one connection. `at` is in seconds since the connection was begun."""

    def connected(self, at: float) -> None:
        """The broker answered."""

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        """What is to be sent in place of `data`: nearly always `data`."""

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """This came from `sender`, and is on its way to the other end."""

    def ended(self, sender: Sender, at: float, why: str) -> None:
        """`sender` sends no more. why: "closed", or "reset" when it broke off."""

    def over(self, at: float, failure: str) -> None:
        """Nothing will come any more. failure: why the broker could not be reached, "" when it was."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host's name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return address_in_words((self.host, self.port))

    @property
    def is_loopback(self) -> bool:
        """Is it an address that this machine alone reaches? Of a name nobody knows: then it is not."""
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False


class Relay:
    """Listens, and connects each who comes with the broker.

    watch: makes the watcher of a connection, by the peer's address in words.
    clock: seconds that never go back.
    reached, unreachable, turned_away: how many connections met the broker, did not, came when there were too many.
    failed: how many watchers failed.
    """

    def __init__(
        self,
        target: Address,
        watch: Callable[[str], Watcher],
        *,
        most: int = MOST_CONNECTIONS,
        connect_timeout: float = CONNECT_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._watch = watch
        self._most = min(most, _most_by_files())
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._own: list[tuple[str, int]] = []
        self.reached = 0
        self.unreachable = 0
        self.turned_away = 0
        self.failed = 0

    async def start(self, host: str, port: int) -> list[Address]:
        """Listen, and return the addresses. Raises PortTakenError, or ConfigError for an address that is not ours."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=PIECE, backlog=QUEUE)
        except OSError as error:
            what, why = f"{Address(host, port)} cannot be listened on", os.strerror(error.errno or 0)
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    what, why="another program listens there", remedy="--listen ANOTHER_PORT"
                ) from None
            why = error.strerror or str(error) if isinstance(error, socket.gaierror) else why
            raise ConfigError(what, why=why, remedy="--listen PORT for this machine alone") from None
        self._own = [one.getsockname()[:2] for one in self._server.sockets]
        if await self._leads_back():
            await self.close()
            raise ConfigError(f"{self._target} leads back to this very relay", remedy="--to HOST:PORT of the broker")
        return [Address(*one) for one in self._own]

    @property
    def count(self) -> int:
        """Connections that there are now."""
        return len(self._tasks)

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._most:
            self.turned_away += 1
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        except asyncio.CancelledError:
            pass  # `close` asked for it; asyncio's own callback would complain about it
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = self._clock()
        watcher = _Careful(self._watch(address_in_words(writer.get_extra_info("peername"))), self)
        try:
            dial = asyncio.open_connection(self._target.host, self._target.port, limit=PIECE)
            far_reader, far_writer = await asyncio.wait_for(dial, self._connect_timeout)
        except (OSError, TimeoutError) as error:
            self.unreachable += 1
            watcher.over(self._clock() - began, _reason(error))
            return
        try:
            self.reached += 1
            watcher.connected(self._clock() - began)
            near = _Leg(Sender.CLIENT, reader, writer)
            far = _Leg(Sender.SERVER, far_reader, far_writer)
            await self._pass_both(near, far, watcher, began)
        finally:
            far_writer.transport.abort()
            watcher.over(self._clock() - began, "")

    async def _leads_back(self) -> bool:
        """The target is where we listen: each connection would make another one, without end."""
        own = {host for host, port in self._own if port == self._target.port}
        if not own:
            return False
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        except OSError:
            return False
        hosts = {str(address[0]) for *_, address in found}
        return bool(hosts & own) or (bool(own & {"0.0.0.0", "::"}) and any(map(_is_here, hosts)))  # noqa: S104

    async def _pass_both(self, near: _Leg, far: _Leg, watcher: _Careful, began: float) -> None:
        """Both directions at once, until both are over, or one end is gone."""
        ways = [
            asyncio.create_task(self._pass_on(near, far, watcher, began)),
            asyncio.create_task(self._pass_on(far, near, watcher, began)),
        ]
        try:
            done, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if left and all(way.result() for way in done):
                await asyncio.wait(left)
            for leg in (near, far):  # what is on its way still arrives
                leg.writer.close()
                await _closed(leg.writer)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, source: _Leg, drain: _Leg, watcher: _Careful, began: float) -> bool:
        """One direction, to its end. True: it ended by itself; False: an end is gone, and the other has to go, too."""
        while True:
            try:
                data = await source.reader.read(PIECE)
            except OSError:
                watcher.ended(source.sender, self._clock() - began, "reset")
                return False
            at = self._clock() - began
            if not data:
                watcher.ended(source.sender, at, "closed")
                try:
                    drain.writer.write_eof()
                except OSError:
                    return False
                return True
            drain.writer.write(watcher.change(source.sender, data, at))
            watcher.receive_data(source.sender, data, at)
            try:
                await drain.writer.drain()
            except OSError:
                return False
            await asyncio.sleep(0)  # neither of the two waits while there is room: the others have their turn here


@dataclass(frozen=True, slots=True)
class _Leg:
    """One end: who it is, and its two directions."""

    sender: Sender
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def _most_by_files() -> int:
    """Connections for which there are file descriptors, two each; 1 at least."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max((allowed - QUEUE - SPARE_FILES) // 2, 1)


def _is_here(host: str) -> bool:
    """Is it an address of this machine?"""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _reason(error: OSError | TimeoutError) -> str:
    """Why the broker could not be reached, without asyncio's own words around it."""
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    if error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or "it did not answer in time"


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Until what was written is out, bounded: a reader that never reads is not waited for."""
    try:
        await asyncio.wait_for(writer.wait_closed(), GOODBYE)
    except (OSError, TimeoutError):
        pass


class _Careful:
    """A watcher whose failure is nobody's: it is asked no more, and that is counted."""

    def __init__(self, watcher: Watcher, relay: Relay) -> None:
        self._watcher: Watcher | None = watcher
        self._relay = relay

    def connected(self, at: float) -> None:
        self._ask(lambda watcher: watcher.connected(at))

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        return self._ask(lambda watcher: watcher.change(sender, data, at)) or data

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        self._ask(lambda watcher: watcher.receive_data(sender, data, at))

    def ended(self, sender: Sender, at: float, why: str) -> None:
        self._ask(lambda watcher: watcher.ended(sender, at, why))

    def over(self, at: float, failure: str) -> None:
        self._ask(lambda watcher: watcher.over(at, failure))

    def _ask(self, question: Callable[[Watcher], bytes | None]) -> bytes | None:
        if self._watcher is None:
            return None
        try:
            return question(self._watcher)
        except Exception:
            self._watcher = None
            self._relay.failed += 1
            return None
