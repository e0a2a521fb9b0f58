"""The server: its clock, its duties at every tick, and that nothing of a link remains when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mqtt_bytes import PINGREQ, connect_packet, publish
from places import NOWHERE
from sealmq import config, server
from sealmq.broker.limits import Limits
from sealmq.broker.sessions import Session
from sealmq.config import CertificateSettings, Configuration, ListenerSettings
from sealmq.doors import Addresses, allow_descriptors, wanted_listeners
from sealmq.errors import HomeError, TrustError
from sealmq.home import Home, broker_names
from sealmq.link import Link
from sealmq.pki.profiles import ServerNames
from sealmq.presence import tell_to_look
from sealmq.server import Server
from sealmq.tcp.poller import READABLE
from sealmq.tcp.transport import Transport
from sealmq.tls.context import client_context
from sealmq.tls.openssl import OpenSSLConnection
from sealmq.tls.policy import TLSPolicy

WAIT = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(tmp_path / "home", organization="Test", country="XX", names=names, now=time.time()) as made:
        yield made


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "sealmq")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def descriptors_as_before() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def fails_once(function: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """The function, but for its first call."""
    errors = [error]

    def wrapper(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return function(*arguments)

    return wrapper


@asynccontextmanager
async def running(home: Home, **limits: Any) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free port; stopped, and ended, afterwards."""
    one = Server(home, Configuration(limits=Limits(**limits)))
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    service = asyncio.create_task(one.run(lambda bound: port.set_result(bound.mqtt[0][1]), ["127.0.0.1:0"]))
    try:
        yield one, await asyncio.wait_for(port, WAIT)
    finally:
        one.stop()
        await asyncio.wait_for(service, WAIT)


def context(home: Home, device: str = "operator") -> ssl.SSLContext:
    folder = home.device_directory(device)
    chain, key = folder / "device-chain.pem", folder / "device.key"
    return client_context(TLSPolicy(), root=home.root_certificate, chain=chain, key=key)


async def connect(
    home: Home, port: int, tls: ssl.SSLContext, client_id: str = "", keep_alive: int = 60
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(connect_packet(client_id, keep_alive=keep_alive))
    first = await asyncio.wait_for(reader.readexactly(2), WAIT)
    body = await asyncio.wait_for(reader.readexactly(first[1]), WAIT)
    assert (first[0], body[1]) == (0x20, 0)
    return reader, writer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the server, which has no event for it
            await asyncio.sleep(0.01)


def links_alive() -> list[object]:
    return [thing for thing in gc.get_objects() if isinstance(thing, (Link, Session, OpenSSLConnection, Transport))]


def descriptors() -> set[str]:
    """Those that are open, but for the registry's: SQLite keeps what one thread closed until the last one closes."""
    open_ = ((path.name, path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return {name for name, target in open_ if not target.name.startswith("sealmq.db")}


def test_after_many_connections_no_link_remains_however_they_ended(home: Home) -> None:
    async def main() -> None:
        async with running(home) as (one, port):
            tls = context(home)
            for number in range(25):
                _, polite = await connect(home, port, tls, f"polite {number}")
                _, vanishing = await connect(home, port, tls, f"vanishing {number}", keep_alive=0)
                _, stranger = await asyncio.open_connection("127.0.0.1", port)
                _, silent = await asyncio.open_connection("127.0.0.1", port)
                stranger.write(b"GET / HTTP/1.1\r\n\r\n")
                polite.write(b"\xe0\x00")
                vanishing.transport.abort()
                for writer in (polite, stranger, silent):
                    writer.close()
            house = one.house
            await until(lambda: not house.links)
            await until(lambda: not house.unflushed and not house.broker.dispatch.spoken)
            assert not house.by_serial
            assert len(house.deadlines) == 0
            assert not house.broker.sessions
            await until(lambda: not [thing for thing in links_alive() if id(thing) not in others])

    gc.collect()  # what other tests left
    left = links_alive()
    others = {id(thing) for thing in left}
    gc.disable()  # nothing may be in a cycle: server.COLLECTIONS
    try:
        asyncio.run(main())
    finally:
        gc.enable()


def test_when_the_broker_ends_nothing_remains_of_links_whatever_they_were_at(home: Home) -> None:
    async def main() -> None:
        tls, writers = context(home), []
        before = descriptors()
        async with running(home, handshakes=12) as (one, port):
            for first in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):  # silent, within ClientHello, refused
                writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
                writers[-1].write(first)
            writers.append((await asyncio.open_connection("127.0.0.1", port, ssl=tls))[1])  # before CONNECT
            _, slow = await connect(home, port, tls, "slow")
            slow.transport.pause_reading()
            _, held = await connect(home, port, tls, "held")
            writers += [slow, held]
            await until(lambda: len(one.house.links) == 6)
            for link in [link for link in one.house.links if link.session is not None]:
                if link.session.key.client_id == "held":
                    link.hold()
                else:
                    link._mqtt.push(publish("a", bytes(16_000_000)))  # more than its peer takes
                    one.house.mark(link)
                    await until(link.waiting)
            writers += [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(12)]  # some find no place
            await until(lambda: one._reception.admission.waiting)
        assert not one.house.links
        assert one._reception.admission.standing == one._reception.admission.handshakes == 0
        for writer in writers:
            writer.transport.abort()
        await until(lambda: descriptors() <= before)

    asyncio.run(main())


def test_a_revocation_that_could_not_be_read_at_once_is_read_at_the_next_tick(
    home: Home, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    async def main() -> None:
        home.enrollment().add_device("sensor-1", now=time.time())
        async with running(home) as (one, port):
            reader, writer = await connect(home, port, context(home, "sensor-1"))
            broken = fails_once(home.registry.changes_since, HomeError("the database is locked", remedy="wait"))
            monkeypatch.setattr(home.registry, "changes_since", broken)
            home.enrollment().revoke_device("sensor-1", "unspecified", now=time.time())
            rest = await asyncio.wait_for(reader.read(), WAIT)
            assert (rest[0], rest[2]) == (0xE0, 0x98)
            writer.close()
            await until(lambda: not one.house.links)

    asyncio.run(main())
    assert said().count("the database is locked; next: wait") == 1
    assert any("sensor-1 was revoked" in line for line in said())


def test_whoever_has_changed_the_registry_can_have_the_broker_look_before_its_tick(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "TICK", 1_000.0)

    async def main() -> None:
        home.enrollment().add_device("sensor-1", now=time.time())
        async with running(home) as (_, port):
            reader, writer = await connect(home, port, context(home, "sensor-1"))
            home.revocations().revoke_device("sensor-1", now=time.time())
            tell_to_look(home.path)
            rest = await asyncio.wait_for(reader.read(), WAIT)
            assert (rest[0], rest[2]) == (0xE0, 0x98)
            writer.close()

    asyncio.run(main())


def test_a_tls_context_that_could_not_be_built_is_built_at_the_next_tick(
    home: Home, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    async def main() -> None:
        home.enrollment().add_device("sensor-1", now=time.time())
        async with running(home) as (one, port):
            old = one._contexts
            broken = fails_once(one._build, TrustError("no file can be opened"))
            monkeypatch.setattr(one, "_build", broken)
            home.enrollment().revoke_device("sensor-1", "unspecified", now=time.time())
            await until(lambda: one._contexts is not old)
            new = one._contexts
            one._tick()
            assert one._contexts is new, "it is built once for each change, not at each tick"
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context(home, "sensor-1"))
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REVOKED"):
                await asyncio.wait_for(reader.read(), WAIT)
            writer.close()

    asyncio.run(main())
    assert said().count("no file can be opened") == 1


def test_a_reload_takes_another_tls_and_keeps_the_library_that_the_command_line_says(
    home: Home, said: Callable[[], list[str]]
) -> None:
    async def main() -> None:
        listeners = 'listen = ["127.0.0.1:0"]\n[websocket]\nlisten = []\n[https]\nlisten = []\n'
        home.configuration.write_text(listeners + '[tls]\nmiddleware = "wolfssl"\n')
        configuration = config.load(home.configuration, middleware="openssl")
        one = Server(home, configuration, middleware="openssl")
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        service = asyncio.create_task(one.run(lambda bound: port.set_result(bound.mqtt[0][1])))
        await asyncio.wait_for(port, WAIT)
        home.configuration.write_text(listeners + '[tls]\nmiddleware = "wolfssl"\nmax_record = 1024\n')
        one.reload()
        usual = ListenerSettings(":1")
        await until(lambda: one._contexts.of(usual).connection().max_record == 1024)
        one.stop()
        await asyncio.wait_for(service, WAIT)

    asyncio.run(main())


def test_another_certificate_of_the_broker_is_shown_to_who_comes_and_cuts_nobody(home: Home) -> None:
    async def main() -> None:
        async with running(home) as (one, port):
            standing = await connect(home, port, context(home), "standing")
            old = one._contexts
            with Home.open(home.path) as other:  # a command, in a process of its own
                names = broker_names(CertificateSettings())
                assert other.ensure_broker_certificate(names, time.time(), at_once=True)
            await until(lambda: one._contexts is not old)
            newcomer = await connect(home, port, context(home), "newcomer")
            shown = [writer.get_extra_info("ssl_object").getpeercert(True) for _, writer in (standing, newcomer)]
            assert shown[0] != shown[1]
            for reader, writer in (standing, newcomer):
                writer.write(PINGREQ)
                assert await asyncio.wait_for(reader.readuntil(b"\xd0\x00"), WAIT)
                writer.close()

    asyncio.run(main())


def test_a_duty_that_fails_is_told_once_and_does_not_stop_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    one = Server(home, Configuration())
    monkeypatch.setattr(one, "clock", lambda: 1.0)
    calls: list[str] = []

    def broken(_: float) -> None:
        calls.append("broken")
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(one.house.broker, "tick", broken)
    monkeypatch.setattr(one.house.deadlines, "due", lambda _: calls.append("due") or [])
    for _ in range(3):
        one._tick()
    assert calls == ["broken", "due"] * 3
    assert said() == ["an error of the broker's own, in _tick_broker"]
    monkeypatch.setattr(one.house.broker, "tick", lambda _: None)
    one._tick()
    monkeypatch.setattr(one.house.broker, "tick", broken)
    one._tick()
    assert len(said()) == 2, "when it comes again after it was gone, it is news"


def test_a_link_ends_with_its_certificate_although_it_talks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running(home) as (one, port):
            reader, writer = await connect(home, port, context(home))
            [link] = one.house.links
            assert link.identity is not None
            ends = link.identity.not_after
            writer.write(b"\xc0\x00")
            rest = await asyncio.wait_for(reader.readuntil(b"\xd0\x00"), WAIT)
            assert link.deadline < ends
            clock = one.clock
            monkeypatch.setattr(one.house, "clock", lambda: ends - 10)
            writer.write(b"\xc0\x00")
            rest = await asyncio.wait_for(reader.readuntil(b"\xd0\x00"), WAIT)
            assert link.deadline == ends
            monkeypatch.setattr(one, "clock", lambda: clock() - time.time() + ends + 2)
            rest = await asyncio.wait_for(reader.read(), WAIT)
            assert (rest[0], rest[2]) == (0xE0, 0xA0)
            writer.close()

    asyncio.run(main())


def test_a_machine_without_room_is_told_once_for_a_while(home: Home, said: Callable[[], list[str]]) -> None:
    one = Server(home, Configuration())
    for _ in range(100):
        one._exhausted(OSError(errno.EMFILE, "Too many open files"))
    assert len(said()) == 1
    assert "Too many open files" in said()[0]


def test_who_is_turned_away_is_counted_and_told_once_for_a_while(home: Home, said: Callable[[], list[str]]) -> None:
    one = Server(home, Configuration())
    for number in range(100):
        one._limit_met("connections_per_address")
        one._turned_away(f"192.0.2.7:{number}", "connections_per_address")
    assert len(said()) == 1
    assert "[limits] connections_per_address allows 8,000" in said()[0]
    assert one.house.broker.dispatch.counters.limits["connections_per_address"] == 100


def test_an_exception_in_a_callback_is_told_with_its_traceback(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with running(home):
            asyncio.get_running_loop().call_soon(lambda: {}["nothing"])
            await until(lambda: caplog.records)

    asyncio.run(main())
    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.name == "sealmq.server"
    assert record.exc_info
    assert record.exc_info[0] is KeyError


def test_a_turn_ends_once_however_often_it_is_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running(home) as (one, _):
            ends: list[bool] = []
            monkeypatch.setattr(one, "_end_of_turn", lambda: ends.append(True))
            for _ in range(3):
                one._ask_for_end_of_turn()
            await asyncio.sleep(0)
            assert len(ends) == 1
            one._ask_for_end_of_turn()
            await asyncio.sleep(0)
            assert len(ends) == 2

    asyncio.run(main())


def test_between_two_ends_of_a_turn_there_is_a_look_though_each_asks_for_another(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with running(home) as (one, _):
            order: list[str] = []
            poller, look = one._poller, one._poller._look_is_over
            ours, theirs = socket.socketpair()

            def end() -> None:
                order.append("end")
                one._ask_for_end_of_turn()  # somebody has more than its share

            def look_is_over() -> None:
                order.append("look")
                look()

            class Talker:
                """Has something to say in each look, and asks for its end."""

                def ready(self, events: int) -> None:
                    one._ask_for_end_of_turn()

                def abort(self, why: str = "") -> None:
                    poller.watch(ours.fileno(), self, 0, READABLE)

            monkeypatch.setattr(one, "_end_of_turn", end)
            monkeypatch.setattr(poller, "_look_is_over", look_is_over)
            theirs.send(b"hello")
            poller.watch(ours.fileno(), Talker(), READABLE, 0)
            while len(order) < 20:  # noqa: ASYNC110 - the loop's turns are what is counted
                await asyncio.sleep(0)
            assert order[:20] == ["look", "end"] * 10
            monkeypatch.undo()
            poller.watch(ours.fileno(), Talker(), 0, READABLE)
            ours.close()
            theirs.close()

    asyncio.run(main())


def test_a_mistake_of_ours_at_the_end_of_a_turn_ends_nothing_else(
    home: Home, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    async def main() -> None:
        async with running(home) as (one, port):
            monkeypatch.setattr(one, "_end_of_turn", fails_once(one._end_of_turn, ZeroDivisionError("ours")))
            await until(lambda: any("an error of the broker's own" in line for line in said()))
            _, writer = await connect(home, port, context(home))
            writer.close()
            await until(lambda: not one.house.links)

    asyncio.run(main())


def test_the_clock_does_not_jump_with_the_machines(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Server(home, Configuration())
    before = one.clock()
    assert abs(before - time.time()) < 60
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert before <= one.clock() < before + 60


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "set_to", "warned"),
    [
        (1_024, 1_048_576, 10_064, 10_064, False),
        (1_024, 4_096, 10_064, 4_096, True),
        (1_024, resource.RLIM_INFINITY, 10_064, 10_064, False),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_064, None, False),
        (20_000, 20_000, 10_064, None, False),
    ],
)
def test_room_for_every_link_is_asked_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
    soft: int,
    hard: int,
    wanted: int,
    set_to: int | None,
    warned: bool,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    allow_descriptors(wanted)
    monkeypatch.undo()
    assert asked == ([] if set_to is None else [(set_to, hard)])
    assert bool(said()) == warned


def test_the_configured_names_are_added_to_those_that_are_found() -> None:
    found = broker_names(CertificateSettings())
    names = broker_names(CertificateSettings(names=("broker.example.com", "192.0.2.1"), addresses_as_dns_names=True))
    assert names.dns == (*found.dns, "broker.example.com")
    assert names.addresses == (*found.addresses, "192.0.2.1")
    assert names.addresses_as_dns_names


def test_a_failed_start_listens_nowhere(home: Home) -> None:
    async def main() -> None:
        one = Server(home, config.Configuration())
        with pytest.raises(config.ConfigError, match="has no port"):
            await one.run(lambda _: pytest.fail("it said that it is ready"), ["127.0.0.1:0", "nonsense"])
        assert one.doors.bound == Addresses([], [])

    asyncio.run(main())


def test_an_error_of_the_brokers_own_costs_the_one_link_that_met_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(home) as (one, port):
            tls = context(home)
            reader, writer = await connect(home, port, tls, "one")
            other_reader, other_writer = await connect(home, port, tls, "other")

            def broken(*_: object) -> None:
                raise ZeroDivisionError("ours")

            monkeypatch.setattr(one.house.broker.publishing, "on_publish", broken)
            writer.write(publish("devices/operator/x", b""))
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                assert await asyncio.wait_for(reader.read(), WAIT) == b""
            await until(lambda: len(one.house.links) == 1)
            other_writer.write(b"\xc0\x00")
            await asyncio.wait_for(other_reader.readuntil(b"\xd0\x00"), WAIT)
            assert len(one.house.broker.sessions) == 1, "the session of the lost link is still served"
            for connection in (writer, other_writer):
                connection.close()

    asyncio.run(main())
    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_who_waited_at_a_door_that_was_closed_is_not_let_in(home: Home) -> None:
    async def main() -> None:
        async with running(home) as (one, _):
            (door,) = one.doors._doors
            ours, theirs = socket.socketpair()
            door.close()
            one._receive(lambda: door.current, ours, "192.0.2.7:1", NOWHERE)
            reader, writer = await asyncio.open_connection(sock=theirs)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), WAIT) == b""
            assert not one.house.links
            writer.close()

    asyncio.run(main())


def test_the_command_line_opens_no_port_that_it_does_not_name() -> None:
    usual = Configuration()

    def wanted(*options: tuple[str, ...]) -> list[tuple[str, str]]:
        return [(each.option, each.address) for each in wanted_listeners(usual, *options)]

    assert wanted((), ()) == [("--listen", ":8883"), ("--websocket", ":8084"), ("--https", ":8443")]
    assert wanted((":1",), ()) == [("--listen", ":1")]
    assert wanted((), (":2",)) == [("--listen", ":8883"), ("--websocket", ":2"), ("--https", ":8443")]
    assert wanted((), (), (":3",)) == [("--listen", ":8883"), ("--websocket", ":8084"), ("--https", ":3")]
    assert wanted((":1",), (), (":3",)) == [("--listen", ":1"), ("--https", ":3")]
    assert wanted((":1",), (":2",)) == [("--listen", ":1"), ("--websocket", ":2")]
