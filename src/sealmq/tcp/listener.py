"""Where connections come in: one listener for each address."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from sealmq.errors import ConfigError, PortTakenError

BACKLOG = 1_024
"""Connections that the kernel holds until we accept them: a fleet that reconnects at once."""

ACCEPTED_AT_ONCE = 64
"""Connections that are accepted in one turn of the loop: the living have their turn in between. And without a file
descriptor left, asyncio complains and tries again as often as this, each time."""


USUAL_PORTS = {"--listen": 8_883, "--websocket": 8_084}
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


async def serve(sockets: list[socket.socket], protocol: Callable[[], asyncio.BaseProtocol]) -> list[asyncio.Server]:
    """Accept from these sockets, which are closed with the servers that are returned."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(protocol, sock=opened, backlog=ACCEPTED_AT_ONCE) for opened in sockets]
    for opened in sockets:
        opened.listen(BACKLOG)  # asyncio has told the kernel its own number
    return servers


def check_address(host: str | None, port: int, option: str = "--listen") -> None:
    """Raise ConfigError in words when an address cannot be had now. It may still be lost before `bind`."""
    for opened in bind(host, port, option):
        opened.close()


def bound_addresses(servers: list[asyncio.Server]) -> list[tuple[str, int]]:
    """Host and port of every listening socket: the port that was given, or that the kernel chose for 0."""
    return [opened.getsockname()[:2] for server in servers for opened in server.sockets]


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
            f"sealmq up {option} {f'[{host}]' if host and ':' in host else host or ''}:{_another(port, option)}",
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
