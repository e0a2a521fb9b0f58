"""The relay, with real sockets on loopback: every byte arrives, whatever who watches does, and whoever reads or not."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from ports import free_port
from sealmq.errors import ConfigError, PortTakenError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.relay import PIECE, QUEUE, SPARE_FILES, Address, Relay

WAIT = 20.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Notes:
    """A watcher that writes everything down."""

    was_connected: bool = False
    heard: dict[Sender, bytes] = field(default_factory=lambda: dict.fromkeys(Sender, b""))
    ends: list[tuple[Sender, str]] = field(default_factory=list)
    failure: str | None = None
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    times: list[float] = field(default_factory=list)

    def connected(self, at: float) -> None:
        self.was_connected = True

    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        return data

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        assert len(data) <= PIECE
        self.heard[sender] += data
        self.times.append(at)

    def ended(self, sender: Sender, at: float, why: str) -> None:
        self.ends.append((sender, why))

    def over(self, at: float, failure: str) -> None:
        assert self.failure is None
        self.failure = failure
        self.is_over.set()


class Place:
    """A broker that does `serve` with each connection, a relay before it, and the notes of each connection."""

    def __init__(self, relay: Relay, here: Address, notes: list[Notes]) -> None:
        self.relay = relay
        self.here = here
        self.notes = notes

    async def dial(self) -> Streams:
        return await asyncio.open_connection(self.here.host, self.here.port)


@contextlib.asynccontextmanager
async def place(
    serve: Callable[..., Awaitable[None]], make: Callable[[], Any] = Notes, **more: Any
) -> AsyncIterator[Place]:
    notes: list[Any] = []

    def watch(peer: str) -> Any:
        assert peer.startswith("127.0.0.1:")
        notes.append(make())
        return notes[-1]

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.transport.abort()

    broker = await asyncio.start_server(serve_and_close, "127.0.0.1", 0)
    relay = Relay(Address(*broker.sockets[0].getsockname()), watch, **more)
    (here,) = await relay.start("127.0.0.1", 0)
    try:
        yield Place(relay, here, notes)
    finally:
        await relay.close()
        broker.close()
        assert relay.count == 0


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, WAIT))


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(10_000):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()


def test_a_megabyte_there_and_back_is_the_same_and_both_ends_of_it_are_noted() -> None:
    async def scene() -> None:
        async with place(echo) as at:
            reader, writer = await at.dial()
            sent = random.Random(1).randbytes(1 << 20)
            writer.write(sent)
            writer.write_eof()  # half-closed: the answer still comes
            assert await reader.read(-1) == sent
            writer.close()
            (notes,) = at.notes
            await notes.is_over.wait()
            assert notes.heard == {Sender.CLIENT: sent, Sender.SERVER: sent}
            assert notes.ends == [(Sender.CLIENT, "closed"), (Sender.SERVER, "closed")]
            assert notes.failure == ""
            assert notes.was_connected
            assert notes.times == sorted(notes.times)
            assert at.relay.reached == 1

    run(scene())


def test_twenty_connections_at_once_do_not_meet() -> None:
    async def scene() -> None:
        async with place(echo) as at:

            async def one(number: int) -> None:
                reader, writer = await at.dial()
                for turn in range(20):
                    data = f"{number}/{turn};".encode() * 50
                    writer.write(data)
                    assert await reader.readexactly(len(data)) == data
                writer.close()

            await asyncio.gather(*(one(number) for number in range(20)))
            await asyncio.gather(*(notes.is_over.wait() for notes in at.notes))
            assert len(at.notes) == at.relay.reached == 20
            for notes in at.notes:
                assert len(set(notes.heard[Sender.CLIENT].replace(b";", b"/").split(b"/")[:-1:2])) == 1

    run(scene())


def test_one_that_never_reads_holds_its_own_writer_and_nobody_else() -> None:
    async def scene() -> None:
        written = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal written
            kind = await reader.readexactly(1)
            while kind == b"f":
                writer.write(bytes(PIECE))
                await writer.drain()
                written += PIECE
            await echo(reader, writer)

        async with place(flood) as at:
            _, silent = await at.dial()
            silent.write(b"f")
            before = -1
            while before != written or not written:  # until nothing moves any more
                before = written
                await asyncio.sleep(0.3)
            assert len(at.notes[0].heard[Sender.SERVER]) < 32 << 20
            reader, writer = await at.dial()
            writer.write(b"eHELLO")
            assert await reader.readexactly(5) == b"HELLO"
            silent.transport.abort()
            await at.notes[0].is_over.wait()
            writer.close()

    run(scene())


class Failing(Notes):
    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        raise RuntimeError("a bug")


class Mangling(Notes):
    def change(self, sender: Sender, data: bytes, at: float) -> bytes:
        return data.upper() if sender is Sender.CLIENT else data


def test_a_watcher_that_fails_is_asked_no_more_and_the_bytes_go_on() -> None:
    async def scene() -> None:
        async with place(echo, Failing) as at:
            reader, writer = await at.dial()
            for _ in range(3):
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
            assert at.relay.failed == 1
            writer.close()

    run(scene())


def test_a_watcher_may_change_what_goes_on_and_still_hears_what_came() -> None:
    async def scene() -> None:
        async with place(echo, Mangling) as at:
            reader, writer = await at.dial()
            writer.write(b"on")
            assert await reader.readexactly(2) == b"ON"
            assert at.notes[0].heard == {Sender.CLIENT: b"on", Sender.SERVER: b"ON"}
            writer.close()

    run(scene())


def test_a_broker_that_breaks_off_ends_the_device_too() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"bye")
        await writer.drain()

    async def scene() -> None:
        async with place(rude) as at:
            reader, writer = await at.dial()
            writer.write(b"hello")
            assert await reader.read(-1) == b"bye"
            writer.close()
            await at.notes[0].is_over.wait()
            assert at.notes[0].ends[0][0] is Sender.SERVER

    run(scene())


def test_a_broker_that_is_not_there_is_said_and_the_device_is_let_go() -> None:
    async def scene() -> None:
        notes: list[Notes] = []
        relay = Relay(Address("127.0.0.1", free_port()), lambda peer: notes.append(Notes()) or notes[-1])  # type: ignore[func-returns-value]
        (here,) = await relay.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(here.host, here.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await notes[0].is_over.wait()
        assert "refused" in str(notes[0].failure)
        assert (relay.reached, relay.unreachable) == (0, 1)
        writer.close()
        await relay.close()

    run(scene())


def test_one_too_many_is_turned_away() -> None:
    async def scene() -> None:
        async with place(echo, most=2) as at:
            kept = [await at.dial() for _ in range(2)]
            for reader, writer in kept:
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
            reader, writer = await at.dial()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert (at.relay.turned_away, len(at.notes)) == (1, 2)
            for _, one in [*kept, (reader, writer)]:
                one.close()

    run(scene())


@pytest.mark.parametrize(
    ("listen", "to"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "localhost")]
)
def test_a_relay_that_leads_back_to_itself_does_not_start(listen: str, to: str) -> None:
    async def scene() -> None:
        port = free_port()
        relay = Relay(Address(to, port), lambda peer: Notes())
        with pytest.raises(ConfigError, match="leads back"):
            await relay.start(listen, port)

    run(scene())


def test_where_it_cannot_listen_it_says_why() -> None:
    async def scene() -> None:
        async with place(echo) as at:
            other = Relay(Address("127.0.0.1", 1), lambda peer: Notes())
            with pytest.raises(PortTakenError):
                await other.start("127.0.0.1", at.here.port)
        for nowhere in ("192.0.2.1", "no-such-host.invalid"):
            with pytest.raises(ConfigError):
                await Relay(Address("127.0.0.1", 1), lambda peer: Notes()).start(nowhere, 0)

    run(scene())


def test_addresses_are_written_as_people_type_them() -> None:
    assert str(Address("127.0.0.1", 1884)) == "127.0.0.1:1884"
    assert str(Address("::1", 1884)) == "[::1]:1884"


def test_between_two_pieces_the_others_have_their_turn() -> None:
    """One end that sends much must hold neither the other connections nor the end of it all."""

    async def scene() -> None:
        turns = 0

        class Watched(Notes):
            def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
                super().receive_data(sender, data, at)
                seen.append(turns)

        seen: list[int] = []

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async with place(swallow, Watched) as at:
            _, writer = await at.dial()
            writer.write(bytes(40 * PIECE))
            await writer.drain()
            writer.close()
            await at.notes[0].is_over.wait()
        counting.cancel()
        assert len(seen) >= 40
        assert len(set(seen)) == len(seen), "no two pieces in one turn"

    run(scene())


def test_no_more_connections_than_there_are_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr("resource.getrlimit", lambda which: (2 + QUEUE + SPARE_FILES, -1))
        async with place(echo) as at:
            first, writer = await at.dial()
            writer.write(b"a")
            assert await first.readexactly(1) == b"a"
            second, other = await at.dial()
            with contextlib.suppress(ConnectionError):
                assert await second.read() == b""
            assert at.relay.turned_away == 1
            writer.write(b"b")
            assert await first.readexactly(1) == b"b"
            for each in (writer, other):
                each.transport.abort()

    run(scene())


def test_loopback_is_what_this_machine_alone_reaches() -> None:
    for host, alone in (("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("fe80::1%lo", False), ("x", False)):
        assert Address(host, 1).is_loopback is alone, host
