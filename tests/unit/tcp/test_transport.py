"""TCP under a link, over real loopback sockets: what arrives, what leaves, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import select
import socket
import struct
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from places import NOWHERE
from sealmq.tcp import transport as transport_module
from sealmq.tcp.poller import Poller
from sealmq.tcp.transport import Transport

WAIT = 10.0


class Recorder:
    """A floor that writes down what it is told."""

    def __init__(self, wire: Transport) -> None:
        self.wire = wire
        self.received = b""
        self.buffers: list[object] = []
        self.told: list[str] = []
        self.changed = asyncio.Event()

    def bytes_received(self, ciphertext: memoryview) -> None:
        self.received += ciphertext
        self.buffers.append(ciphertext.obj)
        self.changed.set()

    def full(self) -> None:
        self.told.append("full")
        self.changed.set()

    def drained(self) -> None:
        self.told.append("drained")
        self.changed.set()

    def lost(self, why: str) -> None:
        self.told.append(f"lost {why}".rstrip())
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Peer:
    """The other end: a plain socket."""

    def __init__(self, plain: socket.socket) -> None:
        self.socket = plain
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(WAIT):
            await self._loop.sock_sendall(self.socket, data)

    async def receive(self, most: int = 65_536) -> bytes:
        async with asyncio.timeout(WAIT):
            return await self._loop.sock_recv(self.socket, most)

    async def receive_all(self) -> bytes:
        data = b""
        while piece := await self.receive():
            data += piece
        return data


@asynccontextmanager
async def connected(buffered_bytes: int = 1_024) -> AsyncIterator[tuple[Recorder, Peer]]:
    """A floor on a Transport, and its peer."""
    floors: list[Recorder] = []

    def make_floor(wire: Transport) -> Recorder:
        floors.append(Recorder(wire))
        return floors[0]

    async with listening(make_floor, buffered_bytes) as peer:
        yield floors.pop(), peer


@asynccontextmanager
async def listening(make_floor: Callable[[Transport], Any], buffered_bytes: int = 1_024) -> AsyncIterator[Peer]:
    poller = Poller(lambda: None, fail)
    poller.open()
    plain = socket.socket()
    plain.setblocking(False)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            plain.connect_ex(server.getsockname())
            accepted, _ = server.accept()
        accepted.setblocking(False)
        Transport(accepted, "192.0.2.7:1", poller, make_floor, buffered_bytes, NOWHERE)
        del accepted
        yield Peer(plain)
    finally:
        plain.close()
        poller.close()


def fail(error: Exception) -> None:
    raise error


def test_what_arrives_goes_up_and_the_peers_end_is_told_without_a_reason() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            await peer.send(b"hello")
            await floor.until(lambda: floor.received == b"hello")
            peer.socket.close()
            await floor.until(lambda: floor.told == ["lost"])

    asyncio.run(main())


def test_every_connection_receives_into_the_same_buffer() -> None:
    async def main() -> None:
        async with connected() as (floor, peer), connected() as (other_floor, other_peer):
            await peer.send(b"hello")
            await other_peer.send(b"hello")
            await floor.until(lambda: bool(floor.buffers))
            await other_floor.until(lambda: bool(other_floor.buffers))
            assert floor.buffers[0] is other_floor.buffers[0]

    asyncio.run(main())


def test_the_last_words_arrive_although_the_peer_has_sent_more_than_was_read() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.pause_reading()
            await peer.send(bytes(100_000))
            floor.wire.write(b"the alert")
            floor.wire.finish()
            assert await peer.receive_all() == b"the alert"
            peer.socket.close()
            await floor.until(lambda: "lost" in floor.told)
            assert floor.received == b"", "what comes behind the goodbye is nobody's"

    asyncio.run(main())


def test_what_the_kernel_has_not_taken_is_waiting() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            assert floor.wire.waiting() == 0
            floor.wire.write(bytes(30_000_000))
            assert 0 < floor.wire.waiting() < 30_000_000
            while floor.wire.waiting():
                await peer.receive()
            floor.wire.abort()

    asyncio.run(main())


def test_all_of_a_long_goodbye_leaves_before_the_end() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.write(bytes(4_000_000))
            floor.wire.finish()
            floor.wire.write(b"too late")
            assert len(await peer.receive_all()) == 4_000_000
            floor.wire.write(b"much too late")
            assert floor.told.count("lost") == 0

    asyncio.run(main())


@pytest.mark.parametrize("how", ["silent", "not reading", "half closed and not reading"])
def test_a_peer_that_does_not_go_is_cut_when_its_time_is_over(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LINGER", 0.05)

    async def main() -> None:
        async with connected() as (floor, peer):
            if how != "silent":
                floor.wire.write(bytes(20_000_000))
            if how == "half closed and not reading":
                peer.socket.shutdown(socket.SHUT_WR)
            else:
                floor.wire.finish()
            await floor.until(lambda: "lost" in floor.told)

    asyncio.run(main())


def test_what_the_kernel_holds_for_a_peer_that_is_cut_is_not_delivered_any_more() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.write(bytes(20_000_000))
            floor.wire.abort()
            await floor.until(lambda: "lost" in floor.told)
            with pytest.raises(ConnectionResetError):
                await peer.receive_all()

    asyncio.run(main())


def test_a_slow_peer_is_told_once_when_full_and_once_when_drained() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            while not floor.told:
                floor.wire.write(bytes(65_536))
            floor.wire.write(bytes(65_536))
            assert floor.told == ["full"]
            while "drained" not in floor.told:
                assert await peer.receive()
            assert floor.told == ["full", "drained"]

    asyncio.run(main())


def test_reading_can_be_paused_and_resumed_however_often() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.pause_reading()
            floor.wire.pause_reading()
            await peer.send(b"later")
            floor.wire.resume_reading()
            floor.wire.resume_reading()
            await floor.until(lambda: floor.received == b"later")

    asyncio.run(main())


def test_a_connection_that_is_gone_takes_every_verb_in_silence() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            peer.socket.close()
            await floor.until(lambda: bool(floor.told))
            for verb in ("pause_reading", "resume_reading", "finish", "abort"):
                getattr(floor.wire, verb)()
            floor.wire.write(b"nobody hears this")
            assert floor.told == ["lost"]

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True], ids=["there is no room", "it fails"])
def test_without_a_floor_the_connection_is_closed(fails: bool) -> None:
    ours, theirs = socket.socketpair()

    def make_floor(wire: Transport) -> None:
        if fails:
            raise MemoryError("no room for TLS")

    async def main() -> None:
        poller = Poller(lambda: None, fail)
        raises = pytest.raises(MemoryError) if fails else contextlib.nullcontext()
        with raises:
            Transport(ours, "192.0.2.7:1", poller, make_floor, 1_024, NOWHERE)
        await asyncio.sleep(0)
        assert ours.fileno() == -1
        assert theirs.recv(1) == b""

    asyncio.run(main())
    theirs.close()


def test_a_connection_whose_options_cannot_be_set_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "STALLED", -1)  # which no socket takes

    async def main() -> None:
        with pytest.raises(OSError, match="Invalid argument"):
            async with listening(Recorder):
                pass

    asyncio.run(main())


def test_a_mistake_of_ours_ends_the_connection_and_is_told() -> None:
    told: list[Exception] = []

    async def main() -> None:
        async with connected() as (floor, peer), connected() as (other, other_peer):
            floor.bytes_received = lambda ciphertext: 1 / 0  # type: ignore[assignment,method-assign,return-value]
            monkeypatch = pytest.MonkeyPatch()
            monkeypatch.setattr(floor.wire._poller, "_failed", told.append)
            await peer.send(b"hello")
            await floor.until(lambda: floor.told == ["lost an error of the broker"])
            await other_peer.send(b"hello")
            await other.until(lambda: other.received == b"hello")

    asyncio.run(main())
    assert [type(each) for each in told] == [ZeroDivisionError]


class Eager(Recorder):
    """A floor that has much to say before anybody has come, and does not listen."""

    def __init__(self, wire: Transport) -> None:
        super().__init__(wire)
        wire.write(bytes(4_000_000))


def test_what_a_floor_says_while_it_is_built_leaves() -> None:
    async def main() -> None:
        async with listening(Eager) as peer:
            left = 4_000_000
            while left:
                left -= len(await peer.receive())

    asyncio.run(main())


def test_a_peer_to_whom_goodbye_was_said_is_read_to_its_end_whatever_is_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport_module, "LINGER", 10 * WAIT)  # it is the peer's own end that is told

    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.finish()
            floor.wire.pause_reading()
            assert await peer.receive_all() == b""
            peer.socket.close()
            await floor.until(lambda: floor.told == ["lost"])

    asyncio.run(main())


def test_a_connection_for_which_the_kernel_has_no_room_is_closed_and_its_floor_is_told() -> None:
    floors: list[Recorder] = []

    def make_floor(wire: Transport) -> Recorder:
        floors.append(Recorder(wire))
        return floors[0]

    async def main() -> None:
        ours, theirs = socket.socketpair()
        poller = Poller(lambda: None, fail)
        epoll = poller._epoll
        poller._epoll = select.epoll()
        poller._epoll.close()  # takes nobody any more
        with pytest.raises(ValueError, match="closed epoll"):
            Transport(ours, "192.0.2.7:1", poller, make_floor, 1_024, NOWHERE)
        await asyncio.sleep(0)
        assert [floor.told for floor in floors] == [["lost"]]
        assert ours.fileno() == -1
        theirs.close()
        epoll.close()

    asyncio.run(main())


def test_a_reset_is_told_with_its_reason() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.socket.close()
            await floor.until(lambda: floor.told == ["lost Connection reset by peer"])

    asyncio.run(main())


def test_who_is_not_read_from_and_resets_is_noticed_when_it_is_read_again() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.pause_reading()
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.socket.close()
            for _ in range(3):
                await asyncio.sleep(0)
            assert floor.told == [], "and the loop was not kept busy with it"
            floor.wire.resume_reading()
            await floor.until(lambda: floor.told == ["lost Connection reset by peer"])

    asyncio.run(main())


def test_nothing_of_a_connection_remains_when_it_is_gone() -> None:
    async def main() -> None:
        async with connected() as (floor, peer):
            floor.wire.finish()  # starts the clock that would hold it
            peer.socket.close()
            told = floor.told
            await floor.until(lambda: "lost" in told)
            remains = [weakref.ref(thing) for thing in (floor, floor.wire, floor.wire._connection)]
            del floor
            await asyncio.sleep(0)
            gc.collect()
            assert [remaining() for remaining in remains] == [None, None, None]

    asyncio.run(main())


def test_a_peer_that_takes_nothing_is_given_up_by_the_kernel() -> None:
    async def main() -> None:
        async with connected() as (floor, _):
            connection = floor.wire._connection
            stalled = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert stalled == transport_module.STALLED * 1_000

    asyncio.run(main())


def test_nothing_that_was_written_waits_for_more() -> None:
    async def main() -> None:
        async with connected() as (floor, _):
            connection = floor.wire._connection
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1

    asyncio.run(main())
