"""The listeners of one server: opened, changed and closed while it runs. A door is one address with its terms, for
MQTT, for MQTT over WebSocket, or for EST over HTTPS.

Rule 1: a change happens as a whole or not at all. Every new address is bound before anything else changes.
Rule 2: an address that stays keeps its sockets: who connects at that moment notices nothing.
"""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sealmq.config import Configuration, ListenerSettings, parse_address
from sealmq.errors import ConfigError
from sealmq.identity import Terms
from sealmq.tcp.admission import Place
from sealmq.tcp.listener import Listener, Reception, bind, bound_addresses

log = logging.getLogger("sealmq.server")

OTHER_DESCRIPTORS = 64
"""File descriptors that we need beside one for each link: listeners, database, log, files that are being read."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server listens: host and port of each socket."""

    mqtt: list[tuple[str, int]]
    """MQTT over TLS, or in plaintext where the terms say so."""

    websocket: list[tuple[str, int]]
    """MQTT over WebSocket over TLS."""

    terms: Mapping[tuple[str, int], Terms] = field(default_factory=dict)
    """What is asked there; where nothing stands, a certificate."""

    https: list[tuple[str, int]] = field(default_factory=list)
    """EST over HTTPS."""

    middleware: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Where a listener has its own; elsewhere it is the one of [tls]."""

    profile: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """The same of the TLS profile."""


class Door:
    """One listener as it is now."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self.listener: Listener | None = None

    @property
    def current(self) -> ListenerSettings | None:
        """On what terms one comes in now; None: no more."""
        return self.settings if self.listener is not None else None

    @property
    def port(self) -> int:
        """The port as the configuration writes it."""
        return parse_address(self.settings.address)[1]

    def bind(self) -> list[socket.socket]:
        """Sockets on its address. Raises ConfigError in words when it cannot be had."""
        return bind(*parse_address(self.settings.address), self.settings.option)

    def close(self) -> None:
        """Take nobody in any more; who is in stays."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None


class Doors:
    """All listeners.

    reception: accepts who comes.
    receive:   takes each connection that is let in, and what the door that it came by is now (None: closed).
    """

    def __init__(
        self,
        reception: Reception,
        receive: Callable[[Callable[[], ListenerSettings | None], socket.socket, str, Place], object],
    ) -> None:
        self._reception = reception
        self._receive = receive
        self._doors: list[Door] = []

    @property
    def bound(self) -> Addresses:
        """Every listening socket."""
        bound = {
            address: door.settings
            for door in self._doors
            if door.listener is not None
            for address in bound_addresses(door.listener)
        }
        return Addresses(
            [address for address, settings in bound.items() if not settings.websocket and not settings.https],
            [address for address, settings in bound.items() if settings.websocket],
            {address: settings.terms for address, settings in bound.items()},
            [address for address, settings in bound.items() if settings.https],
            {address: settings.middleware for address, settings in bound.items() if settings.middleware is not None},
            {address: settings.profile for address, settings in bound.items() if settings.profile is not None},
        )

    def change(self, listeners: Sequence[ListenerSettings], commit: Callable[[], None]) -> None:
        """Listen on these and on nothing else.

        commit: called when nothing can fail any more, and before anybody comes in by a new door or on new terms.
        Raises ConfigError when an address cannot be had; then `commit` was not called, and all is as it was.
        """
        removed = list(self._doors)
        doors: list[tuple[Door, ListenerSettings, list[socket.socket]]] = []
        silenced: list[Door] = []
        try:
            for settings in listeners:
                door = next((each for each in removed if each.settings.address == settings.address), None)
                if door is not None:
                    removed.remove(door)
                    doors.append((door, settings, []))
                    continue
                door = Door(settings)
                doors.append((door, settings, []))
                doors[-1][2].extend(self._bind(door, listeners, silenced))
        except ConfigError:
            for _, _, sockets in doors:
                for opened in sockets:
                    opened.close()
            for door in silenced:
                self._serve(door, door.bind())
            raise
        commit()
        for door in removed:
            door.close()
        self._doors = [door for door, _, _ in doors]
        for door, settings, _ in doors:
            door.settings = settings
        for door, _, sockets in doors:
            if sockets:
                self._serve(door, sockets)
        self._warn()

    def close(self) -> None:
        """Take nobody in any more."""
        for door in self._doors:
            door.close()

    def _bind(self, door: Door, listeners: Sequence[ListenerSettings], silenced: list[Door]) -> list[socket.socket]:
        """Bind an address that is new. One that is about to go may stand in its way (":8883" in that of
        "127.0.0.1:8883"); then it goes now."""
        try:
            return door.bind()
        except ConfigError:
            staying = {settings.address for settings in listeners}
            in_the_way = [
                each for each in self._doors
                if each.port == door.port and each.settings.address not in staying and each not in silenced
            ]  # fmt: skip
            if not in_the_way:
                raise
            for each in in_the_way:
                each.close()
            silenced += in_the_way
            return door.bind()

    def _serve(self, door: Door, sockets: list[socket.socket]) -> None:
        # The settings are looked up when somebody comes in: they may have changed since it came to the door.
        door.listener = self._reception.listen(sockets, partial(self._receive, lambda: door.current))

    def _warn(self) -> None:
        for door in self._doors:
            if door.settings.plaintext:
                log.warning(
                    "the listener on %s speaks WITHOUT TLS: whoever is between can read and change messages and "
                    "passwords%s",
                    door.settings.address,
                    ", on the whole way from other machines" if door.settings.anybody_may_read_this else "",
                )


def wanted_listeners(
    configuration: Configuration,
    listen_on: Sequence[str],
    websocket_on: Sequence[str],
    https_on: Sequence[str] = (),
) -> Sequence[ListenerSettings]:
    """Where to listen: `run`'s arguments, else the configuration.

    Who says where to listen for MQTT alone wants no other port to be opened.
    """
    for_mqtt = [ListenerSettings(address) for address in listen_on] or configuration.listeners
    for_websocket = [ListenerSettings(address, websocket=True) for address in websocket_on]
    for_https = [ListenerSettings(address, https=True) for address in https_on]
    if not for_websocket and not listen_on:
        for_websocket += configuration.websocket.listeners
    if not for_https and not listen_on:
        for_https += configuration.https.listeners
    return [*for_mqtt, *for_websocket, *for_https]


def allow_descriptors(wanted: int) -> None:
    """Every link needs a file descriptor, and most systems give a program 1,024 until it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    enough = hard == resource.RLIM_INFINITY or hard >= wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if enough else hard, hard))
    if not enough:
        log.warning(
            "the system allows %d open files, fewer than [limits] connections needs; next: raise the hard limit"
            " (ulimit -Hn, LimitNOFILE=), or lower [limits] connections",
            hard,
        )
