"""Which connections can be read or written: one look at all of them, in each turn of the loop.

asyncio sees one file, an epoll in which all connections stand; what is ready there is told to the connections by a
plain call. asyncio's own way has a handle, a context and a selector key for each of them, each time.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

LETTING_GO: Final = 0.001
"""Seconds of a turn for those who are gone: what a link leaves behind takes a tenth of a millisecond to tidy up, and
where a network fails thousands go at once."""

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT


class Pollable(Protocol):
    """A connection, as the poller sees it."""

    def ready(self, events: int) -> None:
        """Something of what it waits for is there, or the connection has failed: bits of epoll."""

    def abort(self, why: str = "") -> None:
        """End now. `why`: what is told above."""


class Poller:
    """All connections of one server.

    look_is_over: called behind each look at them: all who spoke in it were heard.
    failed:       told of an exception that a connection has raised, which was cut.
    is_looking:   the connections are being told just now.
    """

    def __init__(self, look_is_over: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self.is_looking = False
        self._is_asked_to_look = self._is_called = False
        self._look_is_over = look_is_over
        self._failed = failed
        self._epoll = select.epoll()
        self._connections: dict[int, Pollable] = {}
        self._gone: deque[tuple[Callable[[str], None], str]] = deque()

    def open(self) -> None:
        """Look whenever something is ready, in the running loop."""
        asyncio.get_running_loop().add_reader(self._epoll, self._look)

    def close(self) -> None:
        """Look no more; what connections are left are cut."""
        for connection in list(self._connections.values()):
            connection.abort()
        while self._gone:
            self._let_one_go()
        asyncio.get_running_loop().remove_reader(self._epoll)
        self._epoll.close()

    def look_soon(self) -> None:
        """Look in the loop's next turn at the latest, even if nothing is ready: so that `look_is_over` is called."""
        self._is_asked_to_look = True
        if not self._is_called:  # one call at a time: else each look that somebody asks for a next one adds another
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._look_as_asked)

    def watch(self, number: int, connection: Pollable, events: int, before: int) -> None:
        """Tell the connection of these events from now on. Who waits for nothing is not told of failures either.

        number: its file descriptor.
        before: the events that it was told of until now.
        """
        if not before:
            self._epoll.register(number, events)
            self._connections[number] = connection
        elif events:
            self._epoll.modify(number, events)
        else:
            self._epoll.unregister(number)
            del self._connections[number]

    def let_go(self, gone: Callable[[str], None], why: str) -> None:
        """Call `gone(why)` soon, when those who stay have had their turn."""
        if not self._gone:
            asyncio.get_running_loop().call_soon(self._let_some_go)
        self._gone.append((gone, why))

    def _let_some_go(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + LETTING_GO
        while self._gone:
            self._let_one_go()
            if self._gone and loop.time() > until:
                loop.call_soon(self._let_some_go)
                return

    def _let_one_go(self) -> None:
        gone, why = self._gone[0]
        try:
            gone(why)
        except Exception as error:  # a mistake of ours: the others are let go all the same
            self._failed(error)
        finally:
            self._gone.popleft()  # not before: whoever goes because this one does comes behind it, in the same share

    def _look_as_asked(self) -> None:
        self._is_called = False
        if self._is_asked_to_look and not self._epoll.closed:  # else there was a look meanwhile, or is none any more
            self._look()

    def _look(self) -> None:
        self._is_asked_to_look = False
        connections = self._connections
        self.is_looking = True
        try:
            for number, events in self._epoll.poll(0):
                connection = connections.get(number)
                if connection is None:
                    continue  # it ended by what another one said in this look
                try:
                    connection.ready(events)
                except Exception as error:  # a mistake of ours: nobody else may suffer
                    connection.abort("an error of the broker")
                    self._failed(error)
        finally:
            self.is_looking = False
        self._look_is_over()
