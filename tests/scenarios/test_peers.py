"""Peers of every kind over real sockets, and a floor that does what it likes: whatever happens in whatever order, each
connection is told its end once, nothing of it is left, and the loop goes to sleep."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from pathlib import Path

import pytest

from sealmq.broker.limits import Limits
from sealmq.tcp import transport as transport_module
from sealmq.tcp.admission import Admission, Place
from sealmq.tcp.poller import Poller
from sealmq.tcp.transport import Transport

CONNECTIONS = 8
ACTS = 4
STEPS = 60
RARELY = 0.03
WAIT = 10.0
SMALL = 4_096
"""Bytes of the kernel's buffers, so that it is often full."""


class Player:
    """A floor, its peer, and what each of them has heard."""

    def __init__(self, wire: Transport, chance: random.Random) -> None:
        self.wire = wire
        self.chance = chance
        self.written = self.received = b""
        self.told: list[str] = []
        self.is_mistaken = False
        self.is_finished = False
        self.is_quiet = False

    def bytes_received(self, ciphertext: memoryview) -> None:
        assert "lost" not in self.told
        assert not self.is_finished
        self.received += ciphertext
        if self.is_mistaken:
            raise ZeroDivisionError("ours")
        if not self.is_quiet and self.chance.random() < 0.3:
            self.act()

    def full(self) -> None:
        self.told.append("full")

    def drained(self) -> None:
        self.told.append("drained")
        if not self.is_quiet and self.chance.random() < 0.5:
            self.act()

    def lost(self, why: str) -> None:
        self.told.append("lost")
        if self.is_mistaken:
            raise ZeroDivisionError("ours, too")

    def act(self) -> None:
        if self.chance.random() < RARELY:
            self.end()
            return
        match self.chance.choice(("write", "write", "write", "pause", "resume", "resume", "accepted")):
            case "write":
                before = self.wire.waiting()
                piece = self.chance.randbytes(self.chance.choice((1, 1_000, 60_000)))
                self.wire.write(piece)
                self.written += b"" if self.is_finished else piece
                assert self.wire.waiting() <= before + len(piece)
            case "pause":
                self.wire.pause_reading()
            case "resume":
                self.wire.resume_reading()
            case _:
                self.wire.accepted()

    def end(self) -> None:
        match self.chance.choice(("finish", "finish", "abort", "mistake")):
            case "finish":
                self.is_finished = True
                self.wire.finish()
            case "abort":
                self.wire.abort()
            case _:
                self.is_mistaken = True


class Peer:
    """The other end: a plain socket that never waits."""

    def __init__(self, plain: socket.socket, chance: random.Random) -> None:
        self.plain = plain
        self.chance = chance
        self.sent = self.heard = b""

    def act(self) -> None:
        try:
            if self.chance.random() < RARELY:
                self.end()
                return
            match self.chance.choice(("send", "read", "read all")):
                case "send":
                    piece = self.chance.randbytes(self.chance.choice((1, 500, 5_000)))
                    self.sent += piece[: self.plain.send(piece)]
                case "read":
                    self.heard += self.plain.recv(self.chance.choice((1, 2_000, 20_000)))
                case _:
                    while piece := self.plain.recv(100_000):
                        self.heard += piece
        except OSError:
            pass  # it is gone, or there is nothing to read, or no room

    def end(self) -> None:
        match self.chance.choice(("half close", "close", "reset")):
            case "half close":
                self.plain.shutdown(socket.SHUT_WR)
            case "close":
                self.plain.close()
            case _:
                self.reset()

    def reset(self) -> None:
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.plain.close()


class Play:
    """A poller with its connections, their places and their peers."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.looks = 0
        self.failures: list[Exception] = []
        self.poller = Poller(self._over, self.failures.append)
        self.poller.open()
        self.admission: Admission[None] = Admission(Limits, lambda: None, lambda met: None)
        self.players: list[Player] = []
        self.peers: list[Peer] = []

    def _over(self) -> None:
        self.looks += 1

    def come(self) -> None:
        """Another connection."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            plain.connect(server.getsockname())
            accepted, _ = server.accept()
        plain.setblocking(False)
        accepted.setblocking(False)
        Transport(accepted, "192.0.2.7:1", self.poller, self._player, 10_000, self._place())
        self.peers.append(Peer(plain, self.chance))

    def _place(self) -> Place:
        assert self.admission.arrive(None, "192.0.2.7:1", time.monotonic()) == ""
        admitted = self.admission.start(time.monotonic())
        assert admitted is not None
        return admitted[1]

    def _player(self, wire: Transport) -> Player:
        self.players.append(Player(wire, self.chance))
        if self.chance.random() < 0.2:
            self.players[-1].act()  # before it is known to anybody
        return self.players[-1]

    def watched(self) -> int:
        """How many descriptors stand in the poller's epoll, as the kernel knows it."""
        return Path(f"/proc/self/fdinfo/{self.poller._epoll.fileno()}").read_text(encoding="ascii").count("tfd:")

    async def until_all_are_lost(self) -> None:
        async with asyncio.timeout(WAIT):
            while not all("lost" in player.told for player in self.players):  # noqa: ASYNC110 - its turns count
                await asyncio.sleep(0)

    async def act(self) -> None:
        for _ in range(STEPS):
            self.chance.choice([*self.players, *self.peers]).act()
            if self.chance.random() < 0.5:
                await asyncio.sleep(0)

    async def rest(self) -> None:
        """With nobody who acts, everybody goes to sleep, whatever state they were left in."""
        for player in self.players:
            player.is_quiet = True
        for _ in range(50):
            await asyncio.sleep(0)
        before = self.looks
        for _ in range(200):
            await asyncio.sleep(0)
        assert self.looks - before <= 2 * CONNECTIONS
        for player in self.players:
            player.is_quiet = False

    def check(self) -> None:
        for player, peer in zip(self.players, self.peers, strict=True):
            assert player.told.count("lost") == 1, player.told
            assert player.told[-1] == "lost"
            turns = player.told[:-1]
            assert turns == ["full", "drained"] * (len(turns) // 2) + ["full"] * (len(turns) % 2)
            assert peer.sent.startswith(player.received)
            assert player.written.startswith(peer.heard)
        assert self.watched() == 0
        assert self.poller._connections == {}
        assert (self.admission.standing, self.admission.handshakes, self.admission.waiting) == (0, 0, 0)
        assert {type(failure) for failure in self.failures} <= {ZeroDivisionError}


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("end", ["the peers leave", "the peers reset", "the poller is closed"])
@pytest.mark.parametrize("seed", range(20))
def test_each_end_is_told_once_and_nothing_is_left(seed: int, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LINGER", 0.02)

    async def main() -> None:
        before = descriptors()
        play = Play(seed)
        for _ in range(CONNECTIONS):
            play.come()
        for _ in range(ACTS):
            await play.act()
            await play.rest()
        for player in play.players:
            player.wire.resume_reading()  # who is not read from is not noticed
        if end == "the poller is closed":
            play.poller.close()
        for peer in play.peers:
            peer.reset() if end == "the peers reset" and peer.plain.fileno() >= 0 else peer.plain.close()
        await play.until_all_are_lost()
        if end != "the poller is closed":
            play.check()
            play.poller.close()
        assert descriptors() <= before
        assert (play.admission.standing, play.admission.handshakes) == (0, 0)
        assert [player.told.count("lost") for player in play.players] == [1] * CONNECTIONS

    asyncio.run(main())
