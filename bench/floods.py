"""Attacks from inside: one device with a good certificate that turns against the broker.

Each is a generator as in attacks.py. All go to topics of the device's own, which the usual rules allow.
"""

from __future__ import annotations

import itertools
import random
import select
import socket
import ssl
import time
from collections.abc import Iterator

from attacks import Attack
from clients import ATTACKER, ATTACKING, LEVEL, Pumped, Scene, Visitor, gather, packets, pump

from sealmq.mqtt.packets import Connect, Publish, Subscribe, Subscription, Unsubscribe
from sealmq.mqtt.writer import write_packet

SECONDS = 3.0
OWN = f"devices/{ATTACKING}"
MANY = 5_000
FILTERS = 1_000
UNREAD = 134_217_728
"""Bytes that a client which reads no answers sends at most."""


def _told(done: Pumped, **more: object) -> dict[str, object]:
    return {
        **more,
        "MB sent": round(done.sent / 1e6, 1),
        "MB heard": round(done.heard / 1e6, 1),
        "longest hold s": round(done.longest_hold, 2),
        "end": done.end,
    }


def _up_to(size: int, piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece, max(1, size // len(piece)))


# -- pings, subscriptions ------------------------------------------------------------------------------------------


def ping_flood(scene: Scene) -> Attack:
    """PINGREQ as fast as it can; the answers are read."""
    tls = scene.connect(Connect("flood", level=LEVEL))
    batch = b"\xc0\x00" * 8_192
    yield None
    done = pump(tls, itertools.repeat(batch), SECONDS * scene.scale)
    yield _told(done, pings=done.sent // 2)
    tls.close()


def _subscriptions(name: str) -> list[Subscription]:
    return [Subscription(f"{OWN}/{name}/{number}/+", 0) for number in range(FILTERS)]


def subscribe_flood(scene: Scene) -> Attack:
    """1,000 filters with wildcards subscribed and unsubscribed, again and again; the answers are read."""
    tls = scene.connect(Connect("flood", level=LEVEL))
    filters = _subscriptions("s")
    pieces = [packets(Subscribe(1, filters)), packets(Unsubscribe(2, [each.topic_filter for each in filters]))]
    yield None
    done = pump(tls, itertools.cycle(pieces), SECONDS * scene.scale)
    yield _told(done, packets=done.packets)
    tls.close()


# -- answers that nobody reads -------------------------------------------------------------------------------------


def ping_unread(scene: Scene) -> Attack:
    """PINGREQ as fast as it can; no answer is ever read."""
    return _unread(scene, LEVEL, b"\xc0\x00" * 8_192)


def suback_unread(scene: Scene) -> Attack:
    """The same 1,000 filters again and again at MQTT 5, most of them refused with a reason; no SUBACK is ever read."""
    filters = [Subscription(f"others/{'x' * 12}/{number}", 0) for number in range(FILTERS // 4)]
    return _unread(scene, 5, write_packet(Subscribe(1, filters), 5) + write_packet(Subscribe(2, filters[:1]), 5) * 400)


def puback_unread(scene: Scene) -> Attack:
    """Small messages at QoS 1 to a topic that nobody wants; no PUBACK is ever read."""
    one = packets(Publish(f"{OWN}/n", b"", 1, packet_id=1))
    return _unread(scene, LEVEL, one * 600)


def _unread(scene: Scene, level: int, piece: bytes) -> Attack:
    tls = scene.connect(Connect("flood", level=level))
    yield None
    done = pump(tls, _up_to(scene.times(UNREAD), piece), SECONDS * 2 * scene.scale, reads=False, patience=3.0)
    yield _told(done)
    tls.close()


# -- what costs time for each message ------------------------------------------------------------------------------


def crossing_filters(scene: Scene) -> Attack:
    """3,000 filters of 30 levels that all cross (three clients of one device); 200 messages that match every one."""
    depth, dice = 30, random.Random(7)
    own = OWN.split("/")

    def crossing() -> str:
        middle = [dice.choice("a+") for _ in range(depth - len(own) - 1)]
        return "/".join([*own, *middle, "+"])

    takers = [scene.subscriber(f"crossing-{n}", [crossing() for _ in range(FILTERS)]) for n in range(3)]
    tls = scene.connect(Connect("flood", level=LEVEL))
    topics = ["/".join([*own, *"a" * (depth - len(own) - 1), str(n)]) for n in range(scene.times(200))]
    yield None
    began = time.monotonic()
    tls.sendall(b"".join(packets(Publish(topic)) for topic in topics))
    size = sum(len(packets(Publish(topic))) for topic in topics)
    got = 0
    takers[0].setblocking(False)
    while got < size and time.monotonic() < began + 30.0:
        select.select([takers[0]], [], [], 0.1)
        try:
            got += len(takers[0].recv(65_536))
        except ssl.SSLWantReadError:
            pass
    seconds = time.monotonic() - began
    yield {
        "messages": len(topics),
        "seconds": round(seconds, 2),
        "ms each": round(seconds / len(topics) * 1e3, 1),
        "delivered": "all" if got >= size else f"{got} of {size} bytes",
    }


def new_topics(scene: Scene) -> Attack:
    """Messages that nobody wants, each to a topic of its own of 250 characters: what does the broker remember?"""
    tls = scene.connect(Connect("flood", level=LEVEL))
    end = "/".join([OWN, "x" * 200])
    yield None
    batches = (
        b"".join(packets(Publish(f"{end}{number}")) for number in range(first, first + 50))
        for first in itertools.count(0, 50)
    )
    done = pump(tls, batches, SECONDS * scene.scale)
    yield _told(done, messages=done.packets * 50)
    tls.close()


def retained_flood(scene: Scene) -> Attack:
    """120,000 retained messages of 64 bytes, each to a topic of its own."""
    tls = scene.connect(Connect("flood", level=LEVEL))
    count = scene.times(120_000)
    body = b"x" * 64
    batches = (
        b"".join(packets(Publish(f"{OWN}/r/{number}", body, retain=True)) for number in range(first, first + 100))
        for first in range(0, count, 100)
    )
    yield None
    done = pump(tls, batches, 15.0)
    yield _told(done, messages=done.packets * 100)
    tls.close()


def qos2_flood(scene: Scene) -> Attack:
    """65,000 messages at QoS 2 in a persistent session, and never a PUBREL."""
    tls = scene.connect(Connect("flood", False, level=LEVEL))
    batches = (
        b"".join(packets(Publish(f"{OWN}/2", b"x", 2, packet_id=number)) for number in range(first, first + 100))
        for first in range(1, scene.times(65_000), 100)
    )
    yield None
    done = pump(tls, batches, 15.0)
    yield _told(done, messages=done.packets * 100, PUBRECs=done.heard // 4)
    tls.close()


# -- what takes room -----------------------------------------------------------------------------------------------


def big_packets(scene: Scene) -> Attack:
    """A packet of 16 MiB in pieces, 20 times; then 100 links with all but the end of a packet of 1 MiB each."""
    large, small = b"\x30\x80\x80\x80\x08" + b"\0\x01a", b"\x30\x80\x80\x3f" + b"\0\x01a"
    yield None
    taken = 0
    ends: dict[str, int] = {}
    for number in range(scene.times(20)):
        tls = scene.connect(Connect(f"big-{number}", level=LEVEL))
        done = pump(tls, itertools.chain([large], itertools.repeat(b"x" * 65_536, 256)), 3.0)
        taken += done.sent
        ends[done.end] = ends.get(done.end, 0) + 1
        tls.close()
    halves = []
    for number in range(scene.times(100)):
        halves.append(scene.connect(Connect(f"half-{number}", level=LEVEL)))
        pump(halves[-1], itertools.chain([small], itertools.repeat(b"x" * 4_096, 251)), 5.0, reads=False)
    held = len(halves) - len(select.select(halves, [], [], 0.5)[0])
    yield {"MB taken of the large ones": round(taken / 1e6, 1), "ends": ends, "halves of 1 MiB held": held}


def many_sessions(scene: Scene) -> Attack:
    """5,000 links of one certificate at a time, each a persistent session with a subscription."""
    context = scene.context(ATTACKING)
    visitors = [
        Visitor(
            packets(Connect(f"many-{n}", False, level=LEVEL), Subscribe(1, [Subscription(f"{OWN}/many/{n}/+", 1)])),
            source=ATTACKER,
            context=context,
        )
        for n in range(scene.times(MANY))
    ]
    yield None
    came = gather(scene.port, visitors, 40.0, at_once=50)
    yield {"links and sessions": len(came.standing), "seconds": came.seconds, "not in": dict(came.ends)}
    for visitor in came.standing:
        assert isinstance(visitor.socket, socket.socket)
        visitor.close()
