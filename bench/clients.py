"""What attackers and the well-behaved are made of: connections with prepared packets, one or thousands at a time.

Packets are prepared and counted, not parsed, so that a client costs little beside the broker. Every client has a source
address: attackers share one, devices have one each, all of them in 127.0.0.0/8. Linux only.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sealmq.mqtt.packets import Connect, Packet, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

HOST = "127.0.0.1"
ATTACKER = "127.66.0.1"
"""The address that all attackers come from."""

ATTACKING = "attacker"
"""The device whose certificate the attackers inside have."""

LEVEL = 4
RECORD = 16_384
IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: choose the port when it is known where to; else 28,000 connections would be all from one address."""

CONNECTED = b"\x20"
SILENCE = 2.0
"""Seconds without an answer after which there are no more: longer than the broker holds a writer for a slow reader."""

LAST_ANSWERS = 8.0
"""Seconds for which the answers are read after the last question at most."""


def device_address(number: int) -> str:
    """An address of its own for each device."""
    return f"127.10.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Scene:
    """Where it happens.

    devices: how many there are: device-0000 and so on.
    scale:   what every count and every duration is multiplied by.
    """

    port: int
    home: Path
    devices: int
    scale: float

    def times(self, count: int) -> int:
        """A count of the attack at this scale."""
        return max(1, round(count * self.scale))

    def context(self, device: str) -> ssl.SSLContext:
        """What the device shows and trusts."""
        return _context(self.home / "devices" / device)

    def stranger(self) -> ssl.SSLContext:
        """The context of somebody without a certificate."""
        return client_context(TLSPolicy(), root=self.home / "ca" / "root.pem")

    def open(self, source: str, timeout: float | None = 10.0) -> socket.socket:
        """A TCP connection."""
        raw = _socket(source)
        raw.settimeout(timeout)
        raw.connect((HOST, self.port))
        return raw

    def connect(self, packet: Connect, *, device: str = ATTACKING, source: str = ATTACKER) -> ssl.SSLSocket:
        """A client that was let in."""
        tls = self.context(device).wrap_socket(self.open(source), server_hostname="localhost")
        tls.sendall(write_packet(packet, packet.level))
        answer = tls.recv(RECORD)
        if answer[:1] != CONNECTED or answer[3]:
            raise ConnectionRefusedError(f"CONNACK says no: {answer.hex()}")
        return tls

    def subscriber(self, client_id: str, filters: list[str], *, qos: int = 0, clean: bool = True) -> ssl.SSLSocket:
        """A client of the attackers' with these subscriptions."""
        tls = self.connect(Connect(client_id, clean, level=LEVEL))
        tls.sendall(write_packet(Subscribe(1, [Subscription(each, qos) for each in filters]), LEVEL))
        missing = 4 + len(filters) + (len(filters) > 125)
        while missing > 0:
            missing -= len(tls.recv(missing))
        return tls


@lru_cache(maxsize=4_096)
def _context(bundle: Path) -> ssl.SSLContext:
    return client_context(
        TLSPolicy(), root=bundle / "root.pem", chain=bundle / "device-chain.pem", key=bundle / "device.key"
    )


def _socket(source: str) -> socket.socket:
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    raw.bind((source, 0))
    return raw


# -- many at a time ------------------------------------------------------------------------------------------------


class Visitor:
    """One connection on its way: TCP, TLS when it has a context, its words, the answer.

    words:   what it says as soon as it can.
    stays:   it wants a CONNACK, and then stands; else it waits for its connection to be ended.
    """

    def __init__(self, words: bytes, *, source: str, context: ssl.SSLContext | None = None, stays: bool = True) -> None:
        self.words = words
        self.source = source
        self.context = context
        self.stays = stays
        self.socket: socket.socket | None = None
        self.end = ""
        self.began = 0.0
        self._heard = b""
        self._is_connected = False
        self._has_spoken = False
        self._session: ssl.SSLSession | None = None

    def start(self, port: int) -> socket.socket:
        """Begin anew; the socket that was opened."""
        self.socket, self.end, self._heard = _socket(self.source), "", b""
        self.began = time.monotonic()
        self._is_connected = self._has_spoken = False
        self.socket.setblocking(False)
        self.socket.connect_ex((HOST, port))
        return self.socket

    def step(self) -> int:
        """Go as far as it goes now. Returns the events to wait for; 0: it stands, or `end` says why it does not."""
        assert self.socket is not None
        try:
            return self._step(self.socket)
        except ssl.SSLWantReadError:
            return select.EPOLLIN
        except ssl.SSLWantWriteError:
            return select.EPOLLOUT
        except BlockingIOError:
            return select.EPOLLIN
        except ssl.SSLError as error:
            self.end = f"TLS: {error.reason}"
        except OSError as error:
            self.end = error.strerror or type(error).__name__
        return 0

    def _step(self, connection: socket.socket) -> int:
        if not self._is_connected:
            failure = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                raise OSError(failure, os.strerror(failure))
            self._is_connected = True
            if self.context is not None:
                self.socket = connection = self.context.wrap_socket(
                    connection, server_hostname="localhost", do_handshake_on_connect=False, session=self._session
                )
        if not self._has_spoken:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self._has_spoken = True
            if self.words:
                connection.send(self.words)
        while True:
            data = connection.recv(RECORD)
            if not data:
                self.end = "ended by the broker"
                return 0
            self._heard += data
            if self.stays and len(self._heard) >= 4:
                if self._heard[:1] != CONNECTED or self._heard[3]:
                    self.end = f"CONNACK 0x{self._heard[3]:02X}"
                return 0

    def keep_session(self) -> None:
        """Come back with the ticket that was given out on this connection."""
        assert isinstance(self.socket, ssl.SSLSocket)
        self._session = self.socket.session

    def was_resumed(self) -> bool:
        """Did the broker take the ticket?"""
        return isinstance(self.socket, ssl.SSLSocket) and bool(self.socket.session_reused)

    def close(self) -> None:
        """Hang up."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


@dataclass
class Gathering:
    """What became of many visitors.

    standing: those who were let in and stand.
    ends:     why others do not, and how often.
    waits:    seconds that each needed who was let in.
    seconds:  from the first one's start to the last one's arrival.
    """

    standing: list[Visitor]
    ends: Counter[str]
    waits: list[float]
    seconds: float

    def worst_wait(self) -> float:
        """Milliseconds that the slowest needed."""
        return round(max(self.waits, default=0.0) * 1e3)


def gather(
    port: int, visitors: Iterable[Visitor], seconds: float, *, at_once: int, patience: float = 15.0, again: bool = False
) -> Gathering:
    """Let the visitors come, `at_once` of them on their way at a time, for so many seconds at most.

    patience: seconds after which one on its way gives up. again: who does not get in comes back half a second later.
    """
    began = time.monotonic()
    result = Gathering([], Counter(), [], 0.0)
    waiting = deque((0.0, visitor) for visitor in visitors)
    inside: dict[int, Visitor] = {}
    poll = select.epoll()
    swept = began

    def leave(number: int, visitor: Visitor, why: str) -> None:
        inside.pop(number)
        result.ends[why] += 1
        poll.unregister(number)
        visitor.close()
        if again:
            waiting.append((time.monotonic() + 0.5, visitor))

    while (waiting or inside) and (now := time.monotonic()) < began + seconds:
        while waiting and len(inside) < at_once and waiting[0][0] <= now:
            _, visitor = waiting.popleft()
            number = visitor.start(port).fileno()
            inside[number] = visitor
            poll.register(number, select.EPOLLOUT)
        for number, _ in poll.poll(0.02):
            visitor = inside[number]
            events = visitor.step()
            if events:
                poll.modify(number, events)
            elif visitor.end:
                leave(number, visitor, visitor.end)
            else:
                poll.unregister(number)
                del inside[number]
                result.standing.append(visitor)
                result.waits.append(time.monotonic() - visitor.began)
        if now - swept > 0.25:
            swept = now
            for number, visitor in list(inside.items()):
                if now - visitor.began > patience:
                    leave(number, visitor, "gave up waiting")
    result.seconds = round(time.monotonic() - began, 2)
    if inside or waiting:
        result.ends["not done in time"] += len(inside) + len(waiting)
    for visitor in inside.values():
        visitor.close()
    poll.close()
    return result


# -- much on one link ----------------------------------------------------------------------------------------------


@dataclass
class Pumped:
    """What one link said and heard, in bytes. end: why it is over before its time, or ""."""

    sent: int = 0
    heard: int = 0
    packets: int = 0
    end: str = ""
    longest_hold: float = 0.0


def pump(
    tls: ssl.SSLSocket, pieces: Iterator[bytes], seconds: float, *, reads: bool = True, patience: float = 5.0
) -> Pumped:
    """Say all pieces as fast as the broker takes them, for so many seconds at most; `packets` counts the pieces.

    reads:    take the answers, too, also those that come when all is said.
    patience: seconds of a broker that takes nothing after which it is enough.
    """
    tls.setblocking(False)
    result = Pumped()
    pending = memoryview(b"")
    now = moved = time.monotonic()
    deadline = now + seconds
    while now < deadline:
        wanted = select.POLLIN if reads else 0
        try:
            if reads:
                _drain(tls, result)
            if not pending:
                pending = memoryview(next(pieces, b""))
                if not pending:
                    break
                result.packets += 1
            count = tls.send(pending[:RECORD])
            pending = pending[count:]
            result.sent += count
            result.longest_hold = max(result.longest_hold, now - moved)
            moved = now = time.monotonic()
            continue
        except ssl.SSLWantWriteError:
            wanted |= select.POLLOUT
        except (ssl.SSLError, OSError) as error:
            result.end = f"cut: {getattr(error, 'reason', None) or error}"
            return result
        if now - moved > patience:
            result.end = f"the broker took nothing for {patience:.0f} s"
            break
        _wait_for(tls, wanted, 50)
        now = time.monotonic()
    result.longest_hold = max(result.longest_hold, now - moved)
    if reads and not result.end:
        _hear_out(tls, result)
    return result


def _hear_out(tls: ssl.SSLSocket, result: Pumped) -> None:
    """Everything is said: read the answers until there are no more for a while."""
    now = heard_at = time.monotonic()
    deadline = now + LAST_ANSWERS
    while now < deadline and now - heard_at < SILENCE:
        heard = result.heard
        try:
            _drain(tls, result)
        except (ssl.SSLError, OSError) as error:
            result.end = f"cut: {getattr(error, 'reason', None) or error}"
            return
        _wait_for(tls, select.POLLIN, 50)
        now = time.monotonic()
        if result.heard != heard:
            result.longest_hold = max(result.longest_hold, now - heard_at - 0.05)
            heard_at = now


def _wait_for(tls: ssl.SSLSocket, events: int, milliseconds: int) -> None:
    poll = select.poll()
    poll.register(tls, events)
    poll.poll(milliseconds)


def _drain(tls: ssl.SSLSocket, result: Pumped) -> None:
    try:
        while data := tls.recv(65_536):
            result.heard += len(data)
    except ssl.SSLWantReadError:
        return
    raise ConnectionAbortedError("the broker ended it")


def packets(*several: Packet) -> bytes:
    """Their bytes, one behind the other."""
    return b"".join(write_packet(packet, LEVEL) for packet in several)
