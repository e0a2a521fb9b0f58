"""Where connections come in: the listening sockets, and the reception that takes in who comes by any of them.

We accept by ourselves rather than by asyncio's server: what an accepted connection may do next is decided before it
costs more than a file descriptor (admission.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sealmq.addresses import address_in_words
from sealmq.errors import ConfigError, PortTakenError
from sealmq.tcp.admission import Admission, Bounds, Place
from sealmq.tcp.transport import reset_at_close

BACKLOG = 1_024
"""Connections that the kernel holds until we accept them: a fleet that reconnects at once."""

ACCEPTED_AT_ONCE = 16
"""Connections that are accepted in one turn of the loop: the living have their turn in between."""

STARTED_AT_ONCE = 2
"""Connections that begin their handshake in one turn: each costs some tenths of a millisecond, with its TLS state."""

PUMP = 0.02
"""Seconds until we look again at those who wait for their rate."""

EXHAUSTED_PAUSE = 1.0
"""Seconds in which nobody is accepted when the machine has no file descriptor or no memory left."""

USUAL_PORTS = {"--listen": 8_883, "--websocket": 8_084, "--https": 8_443}
"""The option of `sealmq up` that gives an address: it says what is spoken there. And the port when nobody says one."""


def bind(host: str | None, port: int, option: str = "--listen") -> list[socket.socket]:
    """Listening sockets on an address (None: every one), from which nobody is accepted yet; the kernel queues them.

    option: what the errors tell to change, one of USUAL_PORTS.
    Raises ConfigError in words when the address cannot be had; then nothing is open.
    """
    with contextlib.ExitStack() as undo:
        opened: list[socket.socket] = []
        try:
            if host is None:
                opened.append(undo.enter_context(_bind(socket.AF_INET, ("0.0.0.0", port))))  # noqa: S104 - asked for
                port = opened[0].getsockname()[1]
                with contextlib.suppress(_NoSuchFamilyError):
                    opened.append(undo.enter_context(_bind(socket.AF_INET6, ("::", port))))
            else:
                for family, address in _addresses(host, port):
                    with contextlib.suppress(_NoSuchFamilyError):
                        opened.append(undo.enter_context(_bind(family, address)))
            if not opened:
                raise _NoSuchFamilyError
        except (OSError, _NoSuchFamilyError) as error:
            raise _in_words(error, host, port, option) from error
        undo.pop_all()
        return opened


Receive: TypeAlias = Callable[[socket.socket, str, Place], object]
"""Takes a connection, the peer's address in words and its place, which are its own from then on; unless it raises: then
the connection is closed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Guest:
    """A connection that was accepted, and who would receive it."""

    connection: socket.socket
    peer: str
    receive: Receive


class Listener:
    """Sockets from which a reception accepts."""

    def __init__(self, reception: Reception, sockets: list[socket.socket], receive: Receive) -> None:
        self._reception = reception
        self.sockets = sockets
        self.receive = receive

    def close(self) -> None:
        """Accept nobody any more; who is in stays. What becomes of those who wait, `receive` knows."""
        for opened in self.sockets:
            self._reception.ignore(opened)
            opened.close()
        self.sockets = []


class Reception:
    """Accepts from all listeners, and lets in as admission.py says.

    bounds: the limits as they are now.
    clock:  seconds that never jump.
    met:    told of a limit that turns a connection away or lets it wait, by its name in Limits.
    refused: told of everybody who is turned away: its address in words, and the limit that it met or waited for.
    exhausted: told when the machine has no room for another connection, and why.
    """

    def __init__(
        self,
        bounds: Callable[[], Bounds],
        clock: Callable[[], float],
        met: Callable[[str], None],
        refused: Callable[[str, str], None],
        exhausted: Callable[[OSError], None],
    ) -> None:
        self.admission: Admission[_Guest] = Admission(bounds, self._pump_soon, met)
        self._clock = clock
        self._met = met
        self._refused = refused
        self._exhausted = exhausted
        self._pump_is_due = False
        self._look_again: asyncio.TimerHandle | None = None
        self._tidied = 0.0

    def listen(self, sockets: list[socket.socket], receive: Receive) -> Listener:
        """Accept from these sockets, which are the listener's from now on.

        receive: called with each connection that is let in.
        """
        listener = Listener(self, sockets, receive)
        for opened in sockets:
            self._watch(listener, opened)
        return listener

    def ignore(self, opened: socket.socket) -> None:
        """Accept no more from this socket."""
        asyncio.get_running_loop().remove_reader(opened)

    def close(self) -> None:
        """Turn away those who wait."""
        for guest, _ in self.admission.give_up(float("inf")):
            _reset(guest.connection)
        if self._look_again is not None:
            self._look_again.cancel()

    def _watch(self, listener: Listener, opened: socket.socket) -> None:
        if opened in listener.sockets:  # else it was closed while we paused
            asyncio.get_running_loop().add_reader(opened, self._accept, listener, opened)

    def _accept(self, listener: Listener, opened: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = opened.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:  # no descriptors (EMFILE, ENFILE) or no memory (ENOBUFS, ENOMEM), mostly
                self.ignore(opened)  # it would be told again at once, and again
                asyncio.get_running_loop().call_later(EXHAUSTED_PAUSE, self._watch, listener, opened)
                self._exhausted(error)
                break
            connection.setblocking(False)
            peer = address_in_words(address)
            met = self.admission.arrive(_Guest(connection, peer, listener.receive), peer, self._clock())
            if met:
                _reset(connection)
                self._refused(peer, met)
        self._pump()

    def _pump_soon(self) -> None:
        if not self._pump_is_due:
            self._pump_is_due = True
            asyncio.get_running_loop().call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pump_is_due = False
        self._pump()

    def _pump_again(self) -> None:
        self._look_again = None
        self._pump()

    def _pump(self) -> None:
        """Let in who may come in, and look again later when some have to wait."""
        now = self._clock()
        for guest, waited_for in self.admission.give_up(now):
            _reset(guest.connection)
            self._met("connections_waiting")
            self._refused(guest.peer, waited_for)
        for _ in range(STARTED_AT_ONCE):
            admitted = self.admission.start(now)
            if admitted is None:
                break
            guest, place = admitted
            self._let_in(guest, place)
        else:
            self._pump_soon()
        if now - self._tidied > 1.0:
            self._tidied = now
            self.admission.tidy(now)
        if self.admission.waiting and self._look_again is None:
            self._look_again = asyncio.get_running_loop().call_later(PUMP, self._pump_again)

    def _let_in(self, guest: _Guest, place: Place) -> None:
        try:
            guest.receive(guest.connection, guest.peer, place)
        except Exception as error:
            place.left()
            guest.connection.close()
            if not isinstance(error, OSError):  # that is somebody who was gone before it was let in
                context = {"message": "a connection could not be let in", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)


def _reset(connection: socket.socket) -> None:
    """Close at once."""
    reset_at_close(connection)
    connection.close()


def check_address(host: str | None, port: int, option: str = "--listen") -> None:
    """Raise ConfigError in words when an address cannot be had now. It may still be lost before `bind`."""
    for opened in bind(host, port, option):
        opened.close()


def bound_addresses(listener: Listener) -> list[tuple[str, int]]:
    """Host and port of every listening socket: the port that was given, or that the kernel chose for 0."""
    return [opened.getsockname()[:2] for opened in listener.sockets]


class _NoSuchFamilyError(Exception):
    """This machine has no addresses of that family."""


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    """What a name or an address stands for, each once: /etc/hosts may have a name twice."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bind(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _NoSuchFamilyError from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not to wait for the TIME_WAIT of the last run
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setblocking(False)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRNOTAVAIL and address[0] in ("::", "::1"):
            raise _NoSuchFamilyError from error  # "localhost" names ::1 on machines without IPv6, too
        raise
    return opened


def _another(port: int, option: str) -> int:
    return port + 1 if port < 65_535 else USUAL_PORTS[option]


def _in_words(error: Exception, host: str | None, port: int, option: str = "--listen") -> ConfigError:
    where = f"{host or 'every address'}, port {port}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return PortTakenError(
            f"port {port} is taken: another program listens on {host or 'this machine'} there",
            why="perhaps SealMQ runs already, or another broker does",
            remedy=f"end the other program (ss -ltnp 'sport = :{port}' names it), or choose another port: "
            f"sealmq up {option} {f'[{host}]' if host and ':' in host else host or ''}:{_another(port, option)}"
            f"{'; none at all: [https] listen = [] in sealmq.toml' if option == '--https' else ''}",
        )
    if number == errno.EACCES:
        return ConfigError(
            f"port {port} may not be used",
            why="ports below 1024 belong to the system",
            remedy=f"sealmq up {option} :{USUAL_PORTS[option]}",
        )
    if number == errno.EADDRNOTAVAIL or isinstance(error, (socket.gaierror, _NoSuchFamilyError)):
        return ConfigError(
            f"cannot listen on {where}",
            why="that is not an address of this machine",
            remedy=f"take one of its own (ip addr shows them), or :{USUAL_PORTS[option]} for all of them",
        )
    return ConfigError(f"cannot listen on {where}", why=str(error))
