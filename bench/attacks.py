"""Attacks that need many links or none that was let in: slow readers, idle links, those who wait, garbage, a storm.

An attack is a generator: it prepares itself and yields; goes to work and yields what came of it; and holds what it has
until it is closed. Each is bounded in time and count, and stops by itself.
"""

from __future__ import annotations

import itertools
import os
import random
import select
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

from clients import ATTACKER, ATTACKING, LEVEL, Scene, Visitor, device_address, gather, packets, pump

from sealmq.mqtt.packets import Connect, Publish
from sealmq.mqtt.writer import write_packet
from sealmq.tls.openssl import client_connection

Outcome: TypeAlias = dict[str, object]
Attack: TypeAlias = Iterator[Outcome | None]

BURST = 100_000
IDLE = 2_000
WAITING = 200
GARBAGE = 10_000
HELD = 11.5
"""Seconds that those who wait, wait: longer than the broker's deadlines for handshake and CONNECT."""


# -- slow readers --------------------------------------------------------------------------------------------------


def slow_reader_qos0(scene: Scene) -> Attack:
    """A subscriber that stops reading; 100,000 messages of 1 KiB at QoS 0 to it."""
    return _burst(scene, qos=0, clean=True)


def slow_reader_qos1(scene: Scene) -> Attack:
    """The same at QoS 1."""
    return _burst(scene, qos=1, clean=True)


def slow_reader_persistent(scene: Scene) -> Attack:
    """The same at QoS 1 with a persistent session: it goes to the disk."""
    return _burst(scene, qos=1, clean=False)


def _burst(scene: Scene, *, qos: int, clean: bool) -> Attack:
    topic = f"devices/{ATTACKING}/burst"
    reader = scene.subscriber("slow-reader", [topic], qos=qos, clean=clean)
    writer = scene.connect(Connect("writer", level=LEVEL))
    count, batch = scene.times(BURST), 100
    body = b"x" * 1024

    def batches() -> Iterator[bytes]:
        for first in range(0, count, batch):
            numbers = range(first, min(first + batch, count))
            yield b"".join(
                write_packet(Publish(topic, body, qos, packet_id=number % 65_535 + 1 if qos else 0), LEVEL)
                for number in numbers
            )

    yield None
    began = time.monotonic()
    done = pump(writer, batches(), 25.0, patience=10.0)
    yield {
        "published": min(done.packets * batch, count),
        "acknowledged": done.heard // 4 if qos else "-",
        "seconds": round(time.monotonic() - began, 2),
        "writer held at most s": round(done.longest_hold, 2),
        "end": done.end,
    }
    reader.close()


# -- links that are idle -------------------------------------------------------------------------------------------


def visitors(scene: Scene, count: int) -> list[Visitor]:
    """Every device once, each from its own address."""
    words = [packets(Connect(f"idle-{number:04}", level=LEVEL, keep_alive=3_600)) for number in range(count)]
    return [Visitor(words[n], source=device_address(n), context=scene.context(f"device-{n:04}")) for n in range(count)]


def idle_links(scene: Scene) -> Attack:
    """2,000 devices connect, 50 at a time, and say nothing."""
    devices = visitors(scene, min(scene.devices, scene.times(IDLE)))
    yield None
    came = gather(scene.port, devices, 40.0, at_once=50)
    yield {
        "links": len(came.standing),
        "seconds": came.seconds,
        "slowest ms": came.worst_wait(),
        "not in": dict(came.ends),
    }


def reconnect_storm(scene: Scene) -> Attack:
    """2,000 devices that stand lose their links and all come back at once; who does not get in tries again."""
    devices = visitors(scene, min(scene.devices, scene.times(IDLE)))
    stood = gather(scene.port, devices, 60.0, at_once=50, again=True)
    yield None
    for visitor in stood.standing:
        visitor.close()
    came = gather(scene.port, stood.standing, 40.0, at_once=len(devices), again=True, patience=30.0)
    yield {
        "stood": len(stood.standing),
        "back": len(came.standing),
        "seconds": came.seconds,
        "slowest ms": came.worst_wait(),
        "turned away": dict(came.ends),
    }


# -- those who wait ------------------------------------------------------------------------------------------------


def _wait_for_ends(sockets: list[socket.socket], seconds: float, each_second: Callable[[], None]) -> Counter[str]:
    """Hold the sockets, until all are cut or the time is over; how many were cut in which second."""
    poll = select.poll()
    standing = {each.fileno(): each for each in sockets}
    for number in standing:
        poll.register(number, select.POLLIN)
    ends: Counter[str] = Counter()
    began = told = time.monotonic()
    while standing and (now := time.monotonic()) < began + seconds:
        if now - told >= 1.0:
            told += 1.0
            each_second()
        for number, _ in poll.poll(100):
            try:
                data = standing[number].recv(4096)
            except ssl.SSLWantReadError:
                continue
            except OSError:
                data = b""
            if not data:
                ends[f"cut after {now - began:.0f} s"] += 1
                poll.unregister(number)
                del standing[number]
    ends["still there"] = len(standing)
    return ends


def one_byte(scene: Scene) -> Attack:
    """200 clients that send one byte of a ClientHello and wait."""
    return _tcp_waiters(scene, lambda: b"\x16")


def client_hello(scene: Scene) -> Attack:
    """200 clients that send a whole ClientHello, have the broker do its part, and wait."""
    context = scene.context(ATTACKING)
    return _tcp_waiters(scene, lambda: client_connection(context, "localhost").data_to_send())


def _tcp_waiters(scene: Scene, words: Callable[[], bytes]) -> Attack:
    said = [words() for _ in range(scene.times(WAITING))]
    yield None
    began = time.monotonic()
    sockets = []
    for each in said:
        raw = scene.open(ATTACKER)
        raw.sendall(each)
        sockets.append(raw)
    opened = round(time.monotonic() - began, 2)
    ends = _wait_for_ends(sockets, HELD, lambda: None)
    yield {"clients": len(sockets), "seconds to open": opened, **ends}


def no_connect(scene: Scene) -> Attack:
    """200 clients that finish TLS and never say CONNECT."""
    return _tls_waiters(scene, trickle=False)


def slow_connect(scene: Scene) -> Attack:
    """200 clients that finish TLS and send one byte of CONNECT each second."""
    return _tls_waiters(scene, trickle=True)


def _tls_waiters(scene: Scene, *, trickle: bool) -> Attack:
    yield None
    began = time.monotonic()
    links = []
    for _ in range(scene.times(WAITING)):
        tls = scene.context(ATTACKING).wrap_socket(scene.open(ATTACKER), server_hostname="localhost")
        tls.setblocking(False)
        links.append(tls)
    opened = round(time.monotonic() - began, 2)
    words = packets(Connect("slow", level=LEVEL))
    place = itertools.count()

    def say_one_byte() -> None:
        at = next(place)
        for tls in links:
            try:
                tls.send(words[at : at + 1])
            except OSError:
                pass

    ends = _wait_for_ends(list(links), HELD, say_one_byte if trickle else lambda: None)
    yield {"clients": len(links), "seconds to open": opened, **ends}


# -- garbage -------------------------------------------------------------------------------------------------------


def garbage(scene: Scene) -> Attack:
    """10,000 connections, 50 at a time: random bytes, HTTP, MQTT without TLS, TLS without a certificate."""
    stranger = scene.stranger()
    plain = packets(Connect("plain", level=LEVEL))
    dice = random.Random(66)
    visitors = []
    for number in range(scene.times(GARBAGE)):
        kind = number % 4
        words = (dice.randbytes(dice.randrange(1, 2_000)), b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n", plain, plain)[
            kind
        ]
        context = stranger if kind == 3 else None
        visitors.append(Visitor(words, source=ATTACKER, context=context, stays=False))
    yield None
    came = gather(scene.port, visitors, 40.0, at_once=50, patience=5.0)
    yield {
        "connections": sum(came.ends.values()),
        "seconds": came.seconds,
        "a second": round(sum(came.ends.values()) / came.seconds),
        "ends": dict(came.ends),
    }


def half_open(scene: Scene) -> Attack:
    """10,000 connections that are reset as soon as they stand, 50 at a time."""
    yield None
    began = time.monotonic()
    count = failures = 0
    while count < scene.times(GARBAGE) and time.monotonic() < began + 20.0:
        batch = []
        for _ in range(50):
            try:
                batch.append(scene.open(ATTACKER, 3.0))
            except OSError:
                failures += 1
        for raw in batch:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.close()
        count += 50
    yield {"connections": count, "failed": failures, "seconds": round(time.monotonic() - began, 2), "pid": os.getpid()}
