"""The front, with real sockets and real TLS on loopback: what it tells, when, and that nothing of it is in the way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ports import free_port
from sealmq.errors import ConfigError, PortTakenError
from sealmq.kit.dissect.conversation import ContentType, Sender
from sealmq.kit.eavesdrop.front import ENDED, LASTED, QUIET_NOW, STOPPED, Passed, Stood, stand_in_front
from sealmq.kit.eavesdrop.relay import Address
from tls_pairs import Trust
from wiretap import contexts

WAIT = 20.0
FINISHED = 20
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Place:
    """A front that runs, and what it has told."""

    here: Address
    task: asyncio.Task[Stood]
    stop: asyncio.Event
    passed: list[Passed] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def told(self, count: int = 1) -> Passed:
        """The last of so many."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: len(self.passed) >= count), WAIT)
        return self.passed[count - 1]

    async def result(self) -> Stood:
        return await asyncio.wait_for(self.task, WAIT)


@contextlib.asynccontextmanager
async def front(serve: Serve | None, *, tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[Place]:
    """A broker that does `serve` (None: nobody is there), and a front before it."""
    port = free_port()

    serving: set[asyncio.Task[Any]] = set()

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert serve is not None
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await serve(reader, writer)
        writer.transport.abort()

    broker = await asyncio.start_server(serve_and_close, "127.0.0.1", port, ssl=tls) if serve else None
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    notes: list[Passed] = []
    changed = asyncio.Condition()

    def tell(passed: Passed) -> None:
        notes.append(passed)

        async def notify() -> None:
            async with changed:
                changed.notify_all()

        notified.append(asyncio.create_task(notify()))

    notified: list[asyncio.Task[None]] = []
    options = {"tell": tell, "quiet": None, "long_enough": None, "started": listening.set_result, "stop": stop} | more
    standing = stand_in_front(Address("127.0.0.1", 0), Address("127.0.0.1", port), **options)
    task = asyncio.create_task(standing)
    try:
        (here,) = await asyncio.wait_for(listening, WAIT)
        yield Place(here, task, stop, notes, changed)
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        if broker is not None:
            broker.close()
        await asyncio.wait_for(asyncio.gather(*serving, *notified, return_exceptions=True), WAIT)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def say(place: Place, data: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Connect, say something, hear it back, leave."""
    name = "localhost" if tls else None
    reader, writer = await asyncio.open_connection(place.here.host, place.here.port, ssl=tls, server_hostname=name)
    writer.write(data)
    heard = await asyncio.wait_for(reader.readexactly(len(data)), WAIT)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return heard


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("with_keys", [True, False])
def test_tls_goes_through_and_is_read(trust: Trust, version: str, with_keys: bool, tmp_path: Path) -> None:
    """With certificates on both sides: one changed byte, and no handshake would come to its end."""

    async def main() -> Passed:
        client, server = contexts(trust, version)
        client.keylog_filename = str(tmp_path / "keys")
        keys = tmp_path / "keys" if with_keys else None
        async with front(echo, tls=server, key_log=keys, count=1) as place:
            assert await say(place, b"hello inside", client) == b"hello inside"
            passed = await place.told()
            stood = await place.result()
            assert (stood.told, stood.reached) == (1, 1)
        return passed

    passed = asyncio.run(main())
    seen = passed.conversation
    assert (passed.told, passed.failure, passed.cut) == (ENDED, "", False)
    assert passed.client.host == "127.0.0.1"
    assert passed.over is not None
    assert seen.opened is with_keys
    assert (seen.application[Sender.CLIENT] == b"hello inside") is with_keys
    assert bool(seen.find(Sender.CLIENT, ContentType.HANDSHAKE, FINISHED)) is with_keys
    assert seen.find(Sender.CLIENT, ContentType.HANDSHAKE, 1) is not None
    assert seen.find(Sender.SERVER, ContentType.HANDSHAKE, 2) is not None
    for sender in Sender:
        assert sum(len(one.data) for one in passed.pieces if one.sender is sender) == seen.sent[sender] > 500
    assert [one.at for one in passed.pieces] == sorted(one.at for one in passed.pieces)
    label = "CLIENT_RANDOM" if version == "TLSv1.2" else "CLIENT_TRAFFIC_SECRET_0"
    assert (label in passed.keys) is with_keys
    for secret in ("hello inside", *passed.keys.split()[2:3]):
        assert secret not in repr(passed)


def test_keys_that_are_written_after_the_end_still_open_it(
    trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device writes them into another file, and a moment later that is ours."""
    monkeypatch.setattr("sealmq.kit.eavesdrop.front.LATE_KEYS", 2.0)  # a machine may be busy for longer than usual

    async def main() -> Passed:
        client, server = contexts(trust, "TLSv1.3")
        client.keylog_filename = str(tmp_path / "elsewhere")
        async with front(echo, tls=server, key_log=tmp_path / "keys", count=1) as place:
            await say(place, b"hello inside", client)
            (tmp_path / "elsewhere").replace(tmp_path / "keys")
            return await place.told()

    assert asyncio.run(main()).conversation.application[Sender.CLIENT] == b"hello inside"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_device_that_does_not_trust_the_broker_breaks_off_where_it_is_seen(trust: Trust, version: str) -> None:
    """Its alert lies open, in TLS 1.3 too: OpenSSL has no keys to write with yet. There the Certificate is sealed."""

    def dial(here: Address) -> None:  # by a blocking socket: asyncio's TLS throws the alert away
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
        with socket.create_connection((here.host, here.port), WAIT) as plain:
            context.wrap_socket(plain, server_hostname="localhost")

    async def main() -> Passed:
        async with front(echo, tls=contexts(trust, version)[1], count=1) as place:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(dial, place.here)
            return await place.told()

    seen = asyncio.run(main()).conversation
    names = [(one.sender, one.kind, one.type) for one in seen.messages]
    assert (Sender.CLIENT, ContentType.HANDSHAKE, FINISHED) not in names
    certificate, alert = (Sender.SERVER, ContentType.HANDSHAKE, 11), (Sender.CLIENT, ContentType.ALERT, 48)
    assert names[-1] == alert, "unknown_ca"
    if version == "TLSv1.2":
        assert certificate in names
    else:
        sealed = [one.number for one in seen.records if one.sender is Sender.SERVER and one.protected]
        assert certificate not in names
        assert sealed
        assert max(sealed) < seen.messages[-1].records[0]


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its clock can be put forward: what is to be quiet for long need not be quick before."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_a_connection_that_is_quiet_is_told_of_and_goes_on() -> None:
    async def main() -> None:
        async with front(echo, quiet=1_000.0) as place:
            reader, writer = await asyncio.open_connection(place.here.host, place.here.port)
            writer.write(b"\x16\x03")
            assert await reader.readexactly(2) == b"\x16\x03"
            loop.ahead += 1_000.0
            passed = await place.told()
            assert (passed.told, passed.over, passed.ends) == (QUIET_NOW, None, ())
            assert b"".join(one.data for one in passed.pieces) == b"\x16\x03" * 2
            writer.write(b"more")
            assert await reader.readexactly(4) == b"more"
            writer.close()
        assert len(place.passed) == 1, "it is told of once"

    loop = LeapingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def test_somebody_who_says_nothing_is_told_of() -> None:
    async def main() -> Passed:
        async with front(echo, quiet=0.1) as place:
            _, writer = await asyncio.open_connection(place.here.host, place.here.port)
            passed = await place.told()
            writer.close()
            return passed

    passed = asyncio.run(main())
    assert (passed.told, passed.pieces, passed.conversation.records) == (QUIET_NOW, (), [])
    assert passed.connected is not None


def test_a_connection_that_is_never_quiet_is_told_of() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"!")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def main() -> str:
        async with front(chatter, quiet=5.0, long_enough=0.2) as place:
            _, writer = await asyncio.open_connection(place.here.host, place.here.port)
            passed = await place.told()
            writer.close()
            return passed.told

    assert asyncio.run(main()) == LASTED


def test_what_still_goes_on_is_told_of_when_it_is_stopped() -> None:
    async def main() -> None:
        async with front(echo) as place:
            reader, writer = await asyncio.open_connection(place.here.host, place.here.port)
            writer.write(b"x")
            await reader.readexactly(1)
            place.stop.set()
            assert (await place.result()).told == 1
            writer.close()
        assert (place.passed[0].told, place.passed[0].over) == (STOPPED, None)

    asyncio.run(main())


def test_time_is_enough_as_well() -> None:
    async def main() -> Stood:
        async with front(echo, seconds=0.05) as place:
            return await place.result()

    assert asyncio.run(main()) == Stood()


def test_a_broker_that_is_not_there_is_told_of() -> None:
    async def main() -> tuple[Passed, Stood]:
        async with front(None, count=1, quiet=0.1) as place:
            reader, writer = await asyncio.open_connection(place.here.host, place.here.port)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            return await place.told(), await place.result()

    passed, stood = asyncio.run(main())
    assert (passed.told, passed.connected) == (ENDED, None)
    assert "refused" in passed.failure
    assert (stood.told, stood.reached, stood.unreachable) == (1, 0, 1)


def test_only_the_first_bytes_are_kept_and_all_go_through() -> None:
    async def main() -> Passed:
        async with front(echo, most_kept=1_000, count=1) as place:
            data = bytes(100_000)
            assert await say(place, data) == data
            return await place.told()

    passed = asyncio.run(main())
    assert passed.cut
    assert sum(len(one.data) for one in passed.pieces) == 1_000
    assert sum(passed.conversation.sent.values()) == 1_000
    assert next(kind for _, _, kind in passed.ends) in ("closed", "reset")


def test_a_piece_for_each_byte_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealmq.kit.eavesdrop.front.MOST_PIECES", 10)

    async def main() -> Passed:
        async with front(echo, count=1) as place:
            reader, writer = await asyncio.open_connection(place.here.host, place.here.port)
            for _ in range(20):
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
            writer.close()
            return await place.told()

    passed = asyncio.run(main())
    assert (len(passed.pieces), passed.cut, sum(passed.conversation.sent.values())) == (10, True, 10)


def test_noise_is_read_as_what_it_is() -> None:
    async def main() -> Passed:
        async with front(echo, count=1) as place:
            await say(place, b"GET / HTTP/1.1\r\n\r\n")
            return await place.told()

    assert asyncio.run(main()).conversation.trouble[0].kind == "not TLS"


def test_more_than_are_allowed_at_once_are_turned_away() -> None:
    async def main() -> Stood:
        async with front(echo, most=1) as place:
            first = await asyncio.open_connection(place.here.host, place.here.port)
            first[1].write(b"x")
            await first[0].readexactly(1)
            second = await asyncio.open_connection(place.here.host, place.here.port)
            with contextlib.suppress(ConnectionError):
                assert await second[0].read() == b""
            first[1].close()
            second[1].close()
            place.stop.set()
            return await place.result()

    assert asyncio.run(main()) == Stood(told=1, reached=1, unreachable=0, turned_away=1)


def test_no_more_are_told_than_were_asked_for() -> None:
    async def main() -> int:
        async with front(echo, count=1) as place:
            streams = [await asyncio.open_connection(place.here.host, place.here.port) for _ in range(3)]
            for reader, writer in streams:
                writer.write(b"x")
                await reader.readexactly(1)
            streams[0][1].close()
            stood = await place.result()
            for _, writer in streams[1:]:
                writer.close()
            return stood.told + 10 * len(place.passed)

    assert asyncio.run(main()) == 11


@pytest.mark.parametrize("quiet", [None, 0.05])
def test_who_cannot_be_told_ends_it(quiet: float | None) -> None:
    """Such as a pipe that is closed: by the end of a connection, and by the clock."""

    def tell(passed: Passed) -> None:
        raise BrokenPipeError

    async def main() -> None:
        async with front(echo, tell=tell, quiet=quiet) as place:
            reader, writer = await asyncio.open_connection(place.here.host, place.here.port)
            writer.write(b"x")
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # the clock may be faster
                await reader.readexactly(1)
            if quiet is None:
                writer.close()
            with pytest.raises(BrokenPipeError):
                await place.result()
            writer.close()

    asyncio.run(main())


def test_it_says_where_it_cannot_listen_and_what_is_no_key_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with front(echo) as place:
            with pytest.raises(PortTakenError):
                await stand_in_front(place.here, Address("127.0.0.1", 1), tell=lambda passed: None)
        with pytest.raises(ConfigError, match="not a file"):
            await stand_in_front(
                Address("127.0.0.1", 0), Address("127.0.0.1", 1), tell=lambda passed: None, key_log=tmp_path
            )

    asyncio.run(main())


def test_a_client_by_ipv6_is_named() -> None:
    from sealmq.kit.eavesdrop.front import _address

    assert _address("[::1]:5123") == Address("::1", 5123)
    assert _address("192.0.2.7:5123") == Address("192.0.2.7", 5123)
    assert _address("an unknown address") == Address("an unknown address", 0)
