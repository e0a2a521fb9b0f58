"""Listens, owns the event loop and the clock, and introduces the rooms to each other."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import signal
import time
from collections.abc import Callable, Sequence

from sealmq.broker.broker import Broker
from sealmq.broker.store import MemoryStore
from sealmq.config import CertificateSettings, Configuration, parse_address
from sealmq.devices.directory import Directory
from sealmq.errors import Error
from sealmq.home import Home, local_names
from sealmq.link import House, Link
from sealmq.mqtt.codes import ReasonCode
from sealmq.pki.profiles import ServerNames
from sealmq.tcp.listener import bound_addresses, listen
from sealmq.tcp.transport import LINGER, Transport
from sealmq.tls.context import server_context
from sealmq.tls.middleware import TLSContext
from sealmq.tls.policy import TLSPolicy

log = logging.getLogger("sealmq.server")

TICK = 0.25
"""Seconds between two looks at deadlines, wills, and what other processes changed in the registry. A revoked device
is cut within this time; the standard's times are in whole seconds."""

CERTIFICATE_CHECK = 3_600.0
"""Seconds between two looks at the broker's own certificate: is it old, has the machine got a new address?"""


class Server:
    """One SealMQ: its listeners, its broker, its links.

    home:          where CA and registry are.
    configuration: what sealmq.toml says.
    """

    def __init__(self, home: Home, configuration: Configuration) -> None:
        self._home = home
        self._configuration = configuration
        self._policy = TLSPolicy(profile=configuration.tls.profile, max_record=configuration.tls.max_record)
        # A clock that reads as Unix time and never jumps, whatever somebody does to the machine's.
        self._offset = time.time() - time.monotonic()
        self._context = self._build_context()
        self._last_change = home.registry.last_change()
        self._certificate_checked = self.clock()
        self._listeners: list[asyncio.Server] = []
        self._stop = asyncio.Event()
        broker = Broker(configuration.access, configuration.limits, MemoryStore(), _new_client_id)
        self.house = House(
            broker, Directory(home.registry), configuration.limits, self.clock, self._flush_at_end_of_turn
        )

    def clock(self) -> float:
        """Unix seconds that never jump."""
        return time.monotonic() + self._offset

    async def run(self, ready: Callable[[list[tuple[str, int]]], None], listen_on: Sequence[str] = ()) -> None:
        """Listen and serve until SIGINT, SIGTERM or `stop`; say goodbye to every client; return.

        ready:     called with the addresses once all of them accept connections.
        listen_on: addresses in place of the configuration's.
        Raises ConfigError when an address cannot be had; then nothing listens.
        """
        loop = asyncio.get_running_loop()
        try:
            for text in listen_on or self._configuration.listen:
                self._listeners += await listen(*parse_address(text), self._transport)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
            ready(bound_addresses(self._listeners))
            await self._tick_until_stopped()
        finally:
            for listener in self._listeners:
                listener.close()
            await self._say_goodbye()

    def stop(self) -> None:
        """End `run` in order."""
        self._stop.set()

    def _transport(self) -> Transport:
        return Transport(self._link, self._configuration.limits.buffered_bytes)

    def _link(self, transport: Transport) -> Link:
        link = Link(transport, self._context.connection(), self.house)
        if len(self.house.links) > self._configuration.limits.connections:
            log.warning("%s was turned away: %d links are the most", transport.peer, len(self.house.links) - 1)
            transport.abort()
        return link

    def _flush_at_end_of_turn(self) -> None:
        asyncio.get_running_loop().call_soon(self.house.flush)

    # -- the clock ---------------------------------------------------------------------------------------------------

    async def _tick_until_stopped(self) -> None:
        while not self._stop.is_set():
            try:
                self._tick()
            except Error as error:
                log.error("%s%s", error.what, f"; next: {error.remedy}" if error.remedy else "")
            except Exception:
                log.exception("a tick failed")  # one broken duty must not end the service of everybody
            try:
                await asyncio.wait_for(self._stop.wait(), TICK)
            except TimeoutError:
                pass

    def _tick(self) -> None:
        now = self.clock()
        self.house.broker.tick(now)
        for link in self.house.deadlines.due(now):
            link.deadline_passed(now)
        if self._home.registry.changed():
            self._registry_changed(now)
        if now - self._certificate_checked > CERTIFICATE_CHECK:
            self._check_certificate(now)
        self.house.flush()

    def _registry_changed(self, now: float) -> None:
        """Another process, or we, added or revoked: cut who is no more, and let OpenSSL know."""
        registry = self._home.registry
        revoked = False
        for change in registry.changes_since(self._last_change):
            self._last_change = change.id
            if change.kind != "revoked":
                continue
            revoked = True
            for link in list(self.house.by_serial.get(change.serial, ())):
                link.end(ReasonCode.ADMINISTRATIVE_ACTION, "its certificate was revoked")
            device = registry.device(change.device)
            if device is None or device.state == "revoked":
                self.house.broker.end_sessions(change.device, now)
        if revoked:
            self._context = self._build_context()

    def _check_certificate(self, now: float) -> None:
        self._certificate_checked = now
        if self._home.ensure_broker_certificate(broker_names(self._configuration.certificate), now):
            self._context = self._build_context()
            log.info("the broker has a new certificate; links that stand are not cut")

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

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _say_goodbye(self) -> None:
        for link in list(self.house.links):
            link.end(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is shutting down")
        self.house.flush()
        deadline = self.clock() + LINGER + 0.5
        while self.house.links and self.clock() < deadline:  # noqa: ASYNC110 - once, and not for long
            await asyncio.sleep(0.02)


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
