"""Listens, owns the event loop and the clock, and introduces the rooms to each other."""

from __future__ import annotations

import asyncio
import errno
import importlib.metadata
import ipaddress
import logging
import resource
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sealmq.archive import is_waiting
from sealmq.broker.broker import Broker
from sealmq.config import CertificateSettings, Configuration, parse_address
from sealmq.devices.directory import Directory
from sealmq.devices.records import Change
from sealmq.errors import Error
from sealmq.home import Home, local_names
from sealmq.link import House, Link
from sealmq.mqtt.codes import ReasonCode
from sealmq.pki.profiles import ServerNames
from sealmq.secure_websocket import SecureWebSocket
from sealmq.store.sqlite import SQLiteStore
from sealmq.tcp.listener import bound_addresses, listen
from sealmq.tcp.transport import LINGER, Transport
from sealmq.tls.context import server_context
from sealmq.tls.middleware import TLSConnection, TLSContext
from sealmq.tls.policy import TLSPolicy

log = logging.getLogger("sealmq.server")

TICK = 0.25
"""Seconds between two looks at deadlines, wills, and what other processes changed in the registry. A revoked device
is cut within this time; the standard's times are in whole seconds."""

CERTIFICATE_CHECK = 3_600.0
"""Seconds between two looks at the broker's own certificate: is it old, has the machine got a new address?"""


OTHER_DESCRIPTORS = 64
"""File descriptors that we need beside one for each link: listeners, database, log, files that are being read."""

REVOCATIONS = "revocations"
"""The mark in the store behind which the registry's changes have not been acted upon (store/schema.py)."""

QUIET = 10.0
"""Seconds in which the same trouble with the whole machine is told once."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server listens: host and port of each socket."""

    mqtt: list[tuple[str, int]]
    """MQTT over TLS."""

    websocket: list[tuple[str, int]]
    """MQTT over WebSocket over TLS."""


class Server:
    """One SealMQ: its listeners, its broker, its links.

    home:          where CA and registry are.
    configuration: what sealmq.toml says.

    restore_waits: `run` ended because a restore of the home waits to be finished; then a new Server is to take over.
    """

    def __init__(self, home: Home, configuration: Configuration) -> None:
        self._home = home
        self._configuration = configuration
        self._policy = TLSPolicy(profile=configuration.tls.profile, max_record=configuration.tls.max_record)
        # A clock that reads as Unix time and never jumps, whatever somebody does to the machine's.
        self._offset = time.time() - time.monotonic()
        self._context = self._build_context()
        self._context_is_stale = False
        self._troubles: dict[str, str] = {}
        self._exhausted_until = 0.0
        self._certificate_checked = self.clock()
        self._origins = frozenset(configuration.websocket.origins)
        self._listeners: list[asyncio.Server] = []
        self._stop = asyncio.Event()
        self.restore_waits = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._store = SQLiteStore.open(home.messages, self._committed, self._not_committed)
        kept = self._store.load(self.clock())
        # What was revoked while nobody ran is dealt with at the first tick, before the first client is heard.
        self._last_change = kept.marks.get(REVOCATIONS, home.registry.last_change())
        self._registry_is_stale = True
        self._store.mark(REVOCATIONS, self._last_change)
        broker = Broker(configuration.access, configuration.limits, self._store, _new_client_id)
        broker.statistics.version = _version()
        broker.restore(kept.sessions, kept.retained)
        self.house = House(
            broker, Directory(home.registry), configuration.limits, self.clock, self._flush_at_end_of_turn
        )

    def clock(self) -> float:
        """Unix seconds that never jump."""
        return time.monotonic() + self._offset

    async def run(
        self, ready: Callable[[Addresses], None], listen_on: Sequence[str] = (), websocket_on: Sequence[str] = ()
    ) -> None:
        """Listen and serve until SIGINT, SIGTERM or `stop`; say goodbye to every client; return.

        ready:        called with the addresses once all of them accept connections.
        listen_on:    addresses in place of all that the configuration has, those for WebSocket too.
        websocket_on: addresses for WebSocket in place of the configuration's.
        Raises ConfigError when an address cannot be had; then nothing listens.
        """
        loop = self._loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_failed)
        _allow_descriptors(self._configuration.limits.connections + OTHER_DESCRIPTORS)
        try:
            for_mqtt, for_websocket = wanted_addresses(self._configuration, listen_on, websocket_on)
            for text in for_mqtt:
                self._listeners += await listen(*parse_address(text), self._transport)
            count = len(self._listeners)
            for text in for_websocket:
                self._listeners += await listen(*parse_address(text), self._websocket_transport, "--websocket")
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
            ready(Addresses(bound_addresses(self._listeners[:count]), bound_addresses(self._listeners[count:])))
            await self._tick_until_stopped()
        finally:
            for listener in self._listeners:
                listener.close()
            await self._say_goodbye()
            self._close_store()

    def stop(self) -> None:
        """End `run` in order."""
        self._stop.set()

    def _transport(self) -> Transport:
        return Transport(self._link, self._configuration.limits.buffered_bytes)

    def _websocket_transport(self) -> Transport:
        return Transport(self._websocket_link, self._configuration.limits.buffered_bytes)

    def _link(self, transport: Transport) -> Link | None:
        return self._admit(transport, lambda: self._context.connection())

    def _websocket_link(self, transport: Transport) -> Link | None:
        return self._admit(transport, lambda: SecureWebSocket(self._context.connection(), self._origins))

    def _admit(self, transport: Transport, tls: Callable[[], TLSConnection]) -> Link | None:
        most = self._configuration.limits.connections
        if len(self.house.links) >= most:
            log.warning(
                "%s was turned away: there are %d links; next: raise [limits] connections in sealmq.toml",
                transport.peer,
                most,
                extra={"address": transport.peer},
            )
            return None
        return Link(transport, tls(), self.house)

    def _flush_at_end_of_turn(self) -> None:
        asyncio.get_running_loop().call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        """Everybody who spoke in this turn was heard: let the links answer, and the store write."""
        self.house.flush()
        self._store_and_answer()

    # -- the store ---------------------------------------------------------------------------------------------------

    def _store_and_answer(self) -> None:
        """The end of a turn: what was told in it belongs together, and goes to the writer as soon as that is free."""
        if self._store.hand_over():  # nothing is left to be written
            dispatch = self.house.broker.dispatch
            if dispatch.promises.committed != self._store.number:
                self.house.broker.committed(self._store.number)
                self.house.flush()
                self._store.hand_over()  # what was told by keeping promises

    def _committed(self, number: int) -> None:
        """The store's writer has made changes safe (its thread calls)."""
        self._call_loop(self._on_committed, number)

    def _not_committed(self, why: str) -> None:
        """The disk refuses (the writer's thread calls)."""
        self._call_loop(self._on_not_committed, why)

    def _call_loop(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            pass  # the loop was closed meanwhile: nobody is left to be told

    def _on_committed(self, number: int) -> None:
        if self._store.failing:
            log.warning("the disk takes messages again")
        self._store.safe()
        self.house.broker.committed(number)
        self.house.flush()
        self._store_and_answer()

    def _on_not_committed(self, why: str) -> None:
        if not self._store.failing:
            log.error(
                "messages cannot be written to %s: %s; what needs the disk is refused, the rest goes on; next: make"
                " room on the disk",
                self._home.messages,
                why,
            )
        self._store.failing = why
        self.house.broker.not_committed()
        self.house.flush()

    def _close_store(self) -> None:
        why = self._store.close()
        if why:
            log.error(
                "the last changes could not be written to %s: %s; what was acknowledged is safe, what was not will be"
                " sent again",
                self._home.messages,
                why,
            )

    # -- the clock ---------------------------------------------------------------------------------------------------

    async def _tick_until_stopped(self) -> None:
        while not self._stop.is_set():
            self._tick()
            try:
                await asyncio.wait_for(self._stop.wait(), TICK)
            except TimeoutError:
                pass

    def _tick(self) -> None:
        now = self.clock()
        for duty in (
            self._tick_broker,
            self._end_overdue,
            self._read_registry,
            self._check_certificate,
            self._renew,
            self._look_for_restore,
        ):
            name = duty.__name__
            try:
                duty(now)
            except Exception as error:  # one duty that fails must not end the others, nor the service of everybody
                self._tell_trouble(name, error)
            else:
                self._troubles.pop(name, None)
        self._end_of_turn()

    def _tell_trouble(self, duty: str, error: Exception) -> None:
        """Say it once, not at every tick, for as long as it stays the same."""
        words = f"{type(error).__name__}: {error}"
        if self._troubles.get(duty) == words:
            return
        self._troubles[duty] = words
        if isinstance(error, Error):
            why = f" ({error.why})" if error.why else ""
            log.error("%s%s%s", error.what, why, f"; next: {error.remedy}" if error.remedy else "")
        else:
            log.error("an error of the broker's own, in %s", duty, exc_info=error)

    def _tick_broker(self, now: float) -> None:
        self.house.broker.tick(now)

    def _end_overdue(self, now: float) -> None:
        for link in self.house.deadlines.due(now):
            link.deadline_passed(now)

    def _read_registry(self, now: float) -> None:
        """Another process, or we, added or revoked: cut who is no more, and let OpenSSL know."""
        registry = self._home.registry
        # `changed` tells it once; should what follows fail, it is done at the next tick.
        self._registry_is_stale = registry.changed() or self._registry_is_stale
        if not self._registry_is_stale:
            return
        for change in registry.changes_since(self._last_change):
            if change.kind == "revoked":
                self._cut(change, now)
            self._last_change = change.id
            self._store.mark(REVOCATIONS, change.id)
        self._registry_is_stale = False

    def _cut(self, revoked: Change, now: float) -> None:
        self._context_is_stale = True
        links = list(self.house.by_serial.get(revoked.serial, ()))
        log.info(
            "%s was revoked (serial %s): it is refused from now on%s",
            revoked.device,
            revoked.serial,
            f", {len(links)} of its links cut" if links else "",
            extra={"device": revoked.device, "serial": revoked.serial},
        )
        for link in links:
            link.end(ReasonCode.ADMINISTRATIVE_ACTION, "its certificate was revoked")
        device = self._home.registry.device(revoked.device)
        if device is None or device.state == "revoked":
            self.house.broker.end_sessions(revoked.device, now)

    def _check_certificate(self, now: float) -> None:
        if now - self._certificate_checked <= CERTIFICATE_CHECK:
            return
        self._certificate_checked = now
        if self._home.ensure_broker_certificate(broker_names(self._configuration.certificate), now):
            self._context_is_stale = True
            log.info("the broker has a new certificate; links that stand are not cut")

    def _look_for_restore(self, now: float) -> None:
        if not self.restore_waits and is_waiting(self._home.path):
            log.warning("the home is being restored from a backup: every link ends, clients may come back at once")
            self.restore_waits = True
            self.stop()

    def _renew(self, now: float) -> None:
        """Build the context that the other duties asked for; at every tick anew until it is done."""
        if self._context_is_stale:
            self._context = self._build_context()
            self._context_is_stale = False

    def _build_context(self) -> TLSContext:
        """A new context for whoever comes from now on: an OpenSSL store never forgets what it once trusted."""
        home = self._home
        return server_context(
            self._policy,
            chain=home.broker_chain,
            key=home.broker_key,
            client_anchors=home.device_ca_certificate.read_bytes(),
            crl=home.revocation_list(),
        )

    # -- what goes wrong in the loop ---------------------------------------------------------------------------------

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's last resort: an exception that left one of our callbacks, or a machine that has no more room."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            now = self.clock()
            if now >= self._exhausted_until:  # asyncio tells it for each connection that waits
                self._exhausted_until = now + QUIET
                log.error(
                    "no more connections can be accepted for now: %s (%d links); next: raise the limit (ulimit -n,"
                    " LimitNOFILE=), or lower [limits] connections in sealmq.toml",
                    error.strerror,
                    len(self.house.links),
                )
            return
        if self._stop.is_set() and isinstance(error, ValueError) and "_start_serving" in context.get("message", ""):
            return  # asyncio wanted to accept again after such a pause; the listener is closed by now
        log.error("an error of the broker's own: %s", context.get("message", "?"), exc_info=error)

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _say_goodbye(self) -> None:
        for link in list(self.house.links):
            link.end(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is shutting down")
        self.house.flush()
        deadline = self.clock() + LINGER + 0.5
        while self.house.links and self.clock() < deadline:  # noqa: ASYNC110 - once, and not for long
            await asyncio.sleep(0.02)


def _version() -> str:
    try:
        return importlib.metadata.version("sealmq")
    except importlib.metadata.PackageNotFoundError:  # it runs from a folder of sources
        return "unknown"


def _allow_descriptors(wanted: int) -> None:
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


def wanted_addresses(
    configuration: Configuration, listen_on: Sequence[str], websocket_on: Sequence[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Where to listen for MQTT and for WebSocket: `run`'s arguments, else the configuration.

    Who says where to listen for MQTT alone wants no other port to be opened.
    """
    for_websocket = websocket_on or (() if listen_on else configuration.websocket.listen)
    return listen_on or configuration.listen, for_websocket


def broker_names(settings: CertificateSettings) -> ServerNames:
    """What the broker's certificate says: what is found on the machine, and what the configuration adds."""
    found = local_names()
    dns, addresses = list(found.dns), list(found.addresses)
    for name in settings.names:
        try:
            addresses.append(str(ipaddress.ip_address(name)))
        except ValueError:
            dns.append(name)
    return ServerNames(tuple(dns), tuple(addresses), settings.addresses_as_dns_names)


def _new_client_id() -> str:
    """An identifier for a client that brought none [MQTT-3.1.3-6]."""
    return f"auto-{secrets.token_hex(8)}"
