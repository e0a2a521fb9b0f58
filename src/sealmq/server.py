"""Listens, owns the event loop and the clock, and introduces the rooms to each other.

It connects to nobody: what it would owe as a client [MQTT 3.1.1: MQTT-7.0.0-1] it cannot break.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import logging
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from sealmq import config
from sealmq.archive import is_waiting
from sealmq.broker.broker import Broker
from sealmq.broker.change import adopt, recognize
from sealmq.config import Configuration, ListenerSettings
from sealmq.contexts import Contexts, build_contexts
from sealmq.crl_export import Keeper
from sealmq.devices.accounts import Accounts
from sealmq.devices.directory import Directory
from sealmq.devices.registry import Registry
from sealmq.doors import OTHER_DESCRIPTORS, Addresses, Doors, allow_descriptors, wanted_listeners
from sealmq.enroller import MQTTEnroller, clone_entry
from sealmq.errors import Error
from sealmq.following import Follower
from sealmq.gatekeeper import PasswordGatekeeper
from sealmq.heap import Heap
from sealmq.home import Home, broker_names
from sealmq.house import House
from sealmq.identity import Identity
from sealmq.link import Link
from sealmq.mqtt.codes import ReasonCode
from sealmq.own_certificates import renew_own
from sealmq.pki import vault
from sealmq.presence import Presence
from sealmq.registrar import Registrar
from sealmq.reloading import cut_who_may_not_stay, tell_unchanged
from sealmq.rolling_over import near_end
from sealmq.safekeeping import Safekeeping
from sealmq.secure_websocket import SecureWebSocket
from sealmq.tcp.admission import Place
from sealmq.tcp.listener import Reception
from sealmq.tcp.poller import Poller
from sealmq.tcp.transport import LINGER, Floor, Transport
from sealmq.tls.middleware import TLSConnection
from sealmq.tls.resumption import Resumption
from sealmq.web.service import EnrollmentService, load_service, policy_of

log = logging.getLogger("sealmq.server")

TICK = 0.25
"""Seconds between two looks at deadlines, wills, and what other processes changed in the registry. A revoked device
is cut within this time; the standard's times are in whole seconds."""

CERTIFICATE_CHECK = 3_600.0
"""Seconds between two looks at the broker's own certificate: is it old, has the machine got a new address?"""

AUTHORITIES_TOLD = 86_400.0
"""Seconds between two warnings of a CA that is near its end."""

REVOCATIONS = "revocations"
"""The mark in the store behind which the registry's changes have not been acted upon (store/schema.py)."""

COLLECTIONS = (2_000, 10, 10_000)
"""When Python looks for garbage in cycles (gc.set_threshold): among young objects as ever, among the old ones hardly
ever. Nothing of a link or a session is in a cycle, which a test holds; and a look at a hundred thousand old objects
stops everybody for 70 ms, again and again while a fleet connects."""

_Built: TypeAlias = tuple[Contexts, EnrollmentService]

QUIET = 10.0
"""Seconds in which the same trouble with the whole machine is told once."""


class Server:
    """One SealMQ: its listeners, its broker, its links.

    home:          where CA and registry are.
    configuration: what sealmq.toml says.
    presence:      that this process is the home's broker; None: `run` claims it, and releases it at its end.
    middleware:    in place of [tls]'s, in every configuration that is read later, too.

    restore_waits: `run` ended because a restore of the home waits to be finished; then a new Server is to take over.
    """

    def __init__(
        self, home: Home, configuration: Configuration, presence: Presence | None = None, middleware: str | None = None
    ) -> None:
        self._home, self._middleware = home, middleware
        self._presence = presence
        self._configuration = configuration = configuration.spoken_by(middleware)
        # A clock that reads as Unix time and never jumps, whatever somebody does to the machine's.
        self._offset = time.time() - time.monotonic()
        self._resumption = Resumption()
        self._contexts, self._service = self._build(configuration)
        self._context_is_stale = self._authorities_are_stale = False
        self._troubles: dict[str, str] = {}
        self._exhausted_until = self._turned_away_until = 0.0
        self._certificate_checked = self.clock()
        self._authorities_told = 0.0
        self._keeper = Keeper(home)
        self._listen_on: Sequence[Sequence[str]] = ((), (), ())
        self._reception = Reception(
            lambda: self._configuration.limits, self.clock, self._limit_met, self._turned_away, self._exhausted
        )
        self._poller = Poller(self._look_is_over, self._connection_failed)
        self.doors = Doors(self._reception, self._receive)
        self._end_of_turn_is_due = False
        self._stop = asyncio.Event()
        self.restore_waits = self._must_reload = False
        self._had_terminal = sys.stderr.isatty()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._safekeeping = Safekeeping(home.messages, self._call_loop)
        self._store = self._safekeeping.store
        kept = self._store.load(self.clock())
        last_change = kept.marks.get(REVOCATIONS, home.registry.last_change())
        self._store.mark(REVOCATIONS, last_change)
        gatekeeper = self._gatekeeper = PasswordGatekeeper(Accounts(home.registry), self.clock, self._call_loop)
        self._registrar = Registrar(
            partial(Registry.open, home.database),
            lambda registry: self._home.registration_authority(registry, policy_of(self._configuration)),
            self.clock,
            self._call_loop,
        )
        self._directory = Directory(home.registry, home.device_authorities(), self._registrar.seen)
        self._heap = Heap()
        broker = self._make_broker()
        broker.restore(kept.sessions, kept.retained)
        recognize(broker, self._maybe_identity, self.clock())
        self.house = House(
            broker,
            self._directory,
            configuration.limits,
            self.clock,
            self._ask_for_end_of_turn,
            gatekeeper=gatekeeper,
        )
        self._registrar.is_told = lambda kind, peer: self.house.quiet.lets(kind, peer, self.clock())
        self.house.tell_clone = lambda name, alarm: self._registrar.record(clone_entry(name, alarm))
        self.house.quiet.told = configuration.log.lines_per_address
        self._safekeeping.house = self.house
        self._follower = self._make_follower(last_change)

    def _make_follower(self, last_change: int) -> Follower:
        """What was revoked while nobody ran is dealt with at the first tick, before a listener is open."""
        return Follower(
            self._home.registry,
            self.house,
            self._gatekeeper,
            maybe_identity=self._maybe_identity,
            maybe_account=Accounts(self._home.registry).maybe_find,
            last=last_change,
            done=partial(self._store.mark, REVOCATIONS),
        )

    def _make_broker(self) -> Broker:
        home, configuration = self._home, self._configuration
        broker = Broker(configuration.access, configuration.limits, self._store, _new_client_id)
        broker.statistics.version = _version()
        broker.publishing.enrolling.enroller = MQTTEnroller(
            self._registrar, home.root_certificate, home.device_ca_certificate, self._ask_for_end_of_turn
        )
        return broker

    def _maybe_identity(self, name: str) -> Identity | None:
        """Who has this name today: a device that was not revoked, or not for good; an account; or nobody."""
        device = self._home.registry.device(name)
        if device is not None and (device.state != "revoked" or device.held):
            return Identity(device.name, device.role, bearer=device.uuid)
        account = Accounts(self._home.registry).maybe_find(name)
        return account.identity if account is not None else None

    def clock(self) -> float:
        """Unix seconds that never jump."""
        return time.monotonic() + self._offset

    async def run(
        self,
        ready: Callable[[Addresses], None],
        listen_on: Sequence[str] = (),
        websocket_on: Sequence[str] = (),
        https_on: Sequence[str] = (),
    ) -> None:
        """Listen and serve until SIGINT, SIGTERM or `stop`; say goodbye to every client; return.

        ready:        called with the addresses once all of them accept connections.
        listen_on:    addresses in place of all that the configuration has, those of other protocols too; with the
                      usual terms. They stay after a reload.
        websocket_on, https_on: addresses for those in place of the configuration's; they stay, too.
        Raises ConfigError when an address cannot be had, HomeError when the home has a broker already; then nothing
        listens.
        """
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._loop_failed)
        limits = self._configuration.limits
        allow_descriptors(limits.connections + limits.connections_waiting + OTHER_DESCRIPTORS)
        self._listen_on = listen_on, websocket_on, https_on
        presence = self._presence or Presence.claim(self._home.path)
        usual = gc.get_threshold()
        gc.set_threshold(*COLLECTIONS)
        try:
            self._poller.open()
            self._loop.add_signal_handler(signal.SIGHUP, self.reload)
            self._loop.add_signal_handler(signal.SIGURG, self._look_now)
            self._tick()  # what was revoked while nobody ran, before anybody can come in
            self.doors.change(self._wanted(self._configuration), lambda: None)
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.add_signal_handler(number, self.stop)
            ready(self.doors.bound)
            await self._tick_until_stopped(presence)
            log.info("the broker ends; connections that are told: %d", len(self.house.links))
        finally:
            self.doors.close()
            self._reception.close()
            await self._say_goodbye()
            self._poller.close()
            self._gatekeeper.close()
            self._registrar.close()
            self._keeper.close()
            self._safekeeping.close()
            gc.set_threshold(*usual)
            if presence is not self._presence:
                presence.release()

    def stop(self) -> None:
        """End `run` in order."""
        self._stop.set()

    def reload(self) -> None:
        """Read sealmq.toml again, at the next tick (SIGHUP). When SIGHUP says that our terminal was closed, end."""
        if self._had_terminal and not sys.stderr.isatty():
            self.stop()
        self._must_reload = True

    def _wanted(self, configuration: Configuration) -> Sequence[ListenerSettings]:
        return wanted_listeners(configuration, *self._listen_on)

    def _receive(
        self, settings: Callable[[], ListenerSettings | None], connection: socket.socket, peer: str, place: Place
    ) -> None:
        """Somebody comes in by a door."""
        make_link = partial(self._link, settings())
        Transport(connection, peer, self._poller, make_link, self._configuration.limits.buffered_bytes, place)

    def _link(self, settings: ListenerSettings | None, transport: Transport) -> Floor | None:
        if settings is None:
            return None  # its door was closed while it waited: what was asked there may count nowhere any more
        if settings.https:
            return self._service.exchange(transport, self.house, self._registrar)
        tls: TLSConnection = self._contexts.of(settings).connection()
        if settings.websocket:
            tls = SecureWebSocket(tls, self._configuration.websocket.origins)
        return Link(transport, tls, self.house, settings.terms)

    def _limit_met(self, name: str) -> None:
        self.house.broker.dispatch.counters.limits[name] += 1

    def _turned_away(self, peer: str, met: str) -> None:
        """A connection was refused before anything was read of it."""
        times = self.house.broker.dispatch.counters.limits[met]
        now = self.clock()
        if now >= self._turned_away_until:
            self._turned_away_until = now + QUIET
            log.warning(
                "%s was turned away, and others may have been: [limits] %s allows %s, which was met %s times since the"
                " start; next: raise it in sealmq.toml if these are your devices",
                peer,
                met,
                f"{getattr(self._configuration.limits, met):,}",
                f"{times:,}",
                extra={"address": peer},
            )

    def _exhausted(self, error: OSError) -> None:
        """The machine has no room for another connection."""
        now = self.clock()
        if now >= self._exhausted_until:
            self._exhausted_until = now + QUIET
            log.error(
                "no more connections can be accepted for now: %s (%d links); next: raise the limit (ulimit -n,"
                " LimitNOFILE=), or lower [limits] connections in sealmq.toml",
                error.strerror,
                len(self.house.links),
            )

    def _ask_for_end_of_turn(self) -> None:
        """Once for each look at the connections, and behind it: all who had something to say were heard. Two ends
        without a look between them would give those who wait for a share two of them.

        Most ask during a look. That the turn ends with it saves another round of asyncio's loop, which would cost as
        much as a message, and let an answer wait for it.
        """
        self._end_of_turn_is_due = True
        if not self._poller.is_looking:
            self._poller.look_soon()

    def _look_is_over(self) -> None:
        if self._end_of_turn_is_due:
            self._end_of_turn_is_due = False
            self._end_of_turn()

    def _connection_failed(self, error: Exception) -> None:
        context = {"message": "an error of the broker's own, in what a connection said", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

    def _end_of_turn(self) -> None:
        """Everybody who spoke in this turn was heard: let the links answer, and the store write."""
        self.house.end_turn()
        self._safekeeping.hand_over()

    def _call_loop(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            pass  # the loop was closed meanwhile: nobody is left to be told

    # -- the clock ---------------------------------------------------------------------------------------------------

    async def _tick_until_stopped(self, presence: Presence) -> None:
        while not self._stop.is_set():
            if self._must_reload:
                self._must_reload = False
                presence.reloading()
                presence.reloaded(await self._reload())
            self._tick()
            self._ask_for_end_of_turn()  # not here: a mistake in it is one of a callback, and not the end of all
            try:
                await asyncio.wait_for(self._stop.wait(), TICK)
            except TimeoutError:
                pass

    def _look_now(self) -> None:
        """A command has changed the registry, and says so (presence.tell_to_look)."""
        self._tick()
        self._ask_for_end_of_turn()

    def _tick(self) -> None:
        now = self.clock()
        for duty in (
            self._tick_broker,
            self._end_overdue,
            self._read_registry,
            self._check_certificate,
            self._renew,
            self._tell_near_end,
            self._keeper.look,
            self._look_for_restore,
        ):
            name = duty.__name__
            try:
                duty(now)
            except Exception as error:  # one duty that fails must not end the others, nor the service of everybody
                self._tell_trouble(name, error)
            else:
                self._troubles.pop(name, None)

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
        self.house.tick(now)
        self.house.broker.tick(now)
        self.house.tell_rest(now)
        self._heap.look(len(self.house.links), now)
        self._resumption.look(self.house.limits.connections, now)

    def _end_overdue(self, now: float) -> None:
        for link in self.house.deadlines.due(now):
            link.deadline_passed(now)

    def _read_registry(self, now: float) -> None:
        """Another process, or we, changed something: cut who is no more, and let OpenSSL know."""
        kinds = self._follower.look(now)
        self._context_is_stale |= not kinds.isdisjoint(("revoked", "released", "server"))
        self._authorities_are_stale |= "authority" in kinds

    # -- another configuration ---------------------------------------------------------------------------------------

    async def _reload(self) -> str:
        """Go on with what sealmq.toml says now. Returns why nothing has changed, "" when all is as it says."""
        try:
            if not self._home.registry.is_in_place():
                Home.open(self._home.path).close()  # whole, or nothing changes
                log.warning("the home was replaced: every link ends, and the broker starts anew on what is there now")
                self.restore_waits = True
                self.stop()
                return ""
            configuration = config.load(self._home.configuration, middleware=self._middleware)
            vault.check_unchanged(self._home.configuration)  # whoever can write it lets in whom it likes
            names = await asyncio.to_thread(broker_names, configuration.certificate)
            self._home.ensure_broker_certificate(names, self.clock())
            built = self._build(configuration)
            authorities = self._home.device_authorities()
            listeners = self._wanted(configuration)
            self.doors.change(listeners, lambda: self._adopt(configuration, built, authorities))
        except Exception as error:
            return tell_unchanged(error)
        cut_who_may_not_stay(self.house, {settings.terms for settings in listeners}, self._directory)
        log.info("sealmq.toml was read again, and counts from now on")
        return ""

    def _adopt(self, configuration: Configuration, built: _Built, authorities: frozenset[str]) -> None:
        """Nothing below can fail."""
        self._configuration = configuration
        self._contexts, self._service = built
        self._registrar.renew()
        self._directory.authorities = authorities  # for handshakes, too, that began with the contexts of before
        self.house.limits = configuration.limits
        self.house.quiet.told = configuration.log.lines_per_address
        adopt(self.house.broker, configuration.access, configuration.limits, self.clock())
        logging.getLogger("sealmq").setLevel(configuration.log.level.upper())

    def _check_certificate(self, now: float) -> None:
        if now - self._certificate_checked <= CERTIFICATE_CHECK:
            return
        self._certificate_checked = now
        self._context_is_stale = renew_own(self._home, self._configuration.certificate, now) or self._context_is_stale

    def _tell_near_end(self, now: float) -> None:
        """Warn of CAs that end within the life of what they sign."""
        if now - self._authorities_told > AUTHORITIES_TOLD:
            self._authorities_told = now
            for words in near_end(self._home, now=now):
                log.warning("%s", words)

    def _adopt_authorities(self) -> None:
        """The CAs have changed (sealmq ca rotate). No link is cut that stands on a certificate of one that counts."""
        self._home.authorities.forget()
        self._directory.authorities = self._home.device_authorities()
        self._registrar.renew()
        self._authorities_are_stale, self._context_is_stale = False, True
        self._certificate_checked = 0.0  # at the next tick, as a duty of its own: the Server CA may be a new one
        terms = {settings.terms for settings in self._wanted(self._configuration)}
        cut_who_may_not_stay(self.house, terms, self._directory)
        log.info("the certificate authorities have changed: new connections are shown, and asked for, the new ones")

    def _look_for_restore(self, now: float) -> None:
        if not self.restore_waits and is_waiting(self._home.path):
            log.warning("the home is being restored from a backup: every link ends, clients may come back at once")
            self.restore_waits = True
            self.stop()

    def _renew(self, now: float) -> None:
        """Build the contexts that the other duties asked for; at every tick anew until it is done."""
        if self._authorities_are_stale:
            self._adopt_authorities()
        if self._context_is_stale:
            self._contexts, self._service = self._build(self._configuration)
            self._context_is_stale = False

    def _build(self, configuration: Configuration) -> _Built:
        contexts = build_contexts(self._home, configuration, self._resumption, self.clock)
        return contexts, load_service(self._home, configuration)

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's last resort: an exception that left one of our callbacks."""
        log.error("an error of the broker's own: %s", context.get("message", "?"), exc_info=context.get("exception"))

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


def _new_client_id() -> str:
    """An identifier for a client that brought none [MQTT-3.1.3-6]."""
    return f"auto-{secrets.token_hex(8)}"
