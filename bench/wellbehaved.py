"""The well-behaved, who should not notice an attack: a pair that exchanges messages, and a newcomer.

The pair sends one message at QoS 0 and one at QoS 1 every 20 ms, whether or not the last one has arrived: what waits
shows as latency. The time of sending stands in the payload. The newcomer connects again and again, with a whole
handshake each time. Both are processes of their own and run before the attackers where the system allows it; `slip` is
how late the pair itself was at worst, when the machine and not the broker kept it waiting.
"""

from __future__ import annotations

import os
import selectors
import ssl
import struct
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from clients import LEVEL, RECORD, Scene, packets

from sealmq.mqtt.packets import Connect, Publish, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet

PACE = 0.02
NEWCOMER_PACE = 0.2
GRACE = 10.0
"""Seconds after which a message that has not come is called lost."""

NEWCOMER_PATIENCE = 20.0
STAMP = struct.Struct(">Id")
PAYLOAD = 64
LEAVE = "leave"
PAIR, NEWCOMER = "pair", "newcomer"
PAIR_ADDRESS, NEWCOMER_ADDRESS = "127.20.0.1", "127.20.0.2"

Figures: TypeAlias = dict[str, float]


def in_front(pid: int, priority: int) -> None:
    """Let a process run before others, if the system does: it is the broker that is measured, not the wait for a
    processor. Where the scheduler weighs sessions (sched_autogroup) a process's own priority counts inside its session
    only, so the process must lead one of its own."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, priority)
        Path(f"/proc/{pid}/autogroup").write_text(str(priority))
    except OSError:
        pass


def figures(waits: list[float], missing: int) -> Figures:
    """Milliseconds: median, 99 of 100, worst."""
    waits.sort()
    if not waits:
        return {"count": 0, "lost": missing}
    return {
        "count": len(waits),
        "median": round(waits[len(waits) // 2] * 1e3, 2),
        "p99": round(waits[len(waits) * 99 // 100] * 1e3, 2),
        "worst": round(waits[-1] * 1e3, 2),
        "lost": missing,
    }


@dataclass
class Stage:
    """before, during or after, and when it began."""

    name: str
    began: float


class Lane:
    """Giver and taker at one QoS."""

    def __init__(self, scene: Scene, qos: int) -> None:
        self.qos = qos
        self.topic = f"devices/{PAIR}/{qos}"
        self.sent: dict[int, float] = {}
        self.waits: list[tuple[float, float]] = []
        self.number = 0
        self._unsent = b""
        self._received = bytearray()
        self.taker = self._client(scene, "taker")
        self.taker.sendall(packets(Subscribe(1, [Subscription(self.topic, qos)])))
        assert self.taker.recv(5)[:1] == b"\x90"
        self.giver = self._client(scene, "giver")
        self._size = len(self._packet(0.0))
        for tls in (self.giver, self.taker):
            tls.setblocking(False)

    def _client(self, scene: Scene, part: str) -> ssl.SSLSocket:
        return scene.connect(Connect(f"{part}-{self.qos}", level=LEVEL), device=PAIR, source=PAIR_ADDRESS)

    def _packet(self, now: float) -> bytes:
        payload = STAMP.pack(self.number, now).ljust(PAYLOAD, b".")
        identifier = self.number % 65_535 + 1 if self.qos else 0
        return write_packet(Publish(self.topic, payload, self.qos, packet_id=identifier), LEVEL)

    def give(self) -> None:
        """Send one message; what the kernel does not take waits for the next time."""
        self.number += 1
        now = time.monotonic()
        self.sent[self.number] = now
        self._unsent += self._packet(now)
        self.flush()

    def flush(self) -> None:
        """Send what was not taken before."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.giver.send(self._unsent) :]
        except ssl.SSLWantWriteError:
            pass

    def take(self) -> None:
        """Look what has come."""
        _read(self.giver)  # PUBACKs
        received = self._received
        received += _read(self.taker)
        now = time.monotonic()
        answers = b""
        while len(received) >= self._size:
            packet = bytes(received[: self._size])
            del received[: self._size]
            assert packet[0] >> 4 == 3, "only messages come here"
            number, sent = STAMP.unpack_from(packet, self._size - PAYLOAD)
            if self.sent.pop(number, None) is not None:
                self.waits.append((sent, now - sent))
            if self.qos:
                at = self._size - PAYLOAD - 2
                answers += b"\x40\x02" + packet[at : at + 2]
        if answers:
            self.taker.sendall(answers)

    def close(self) -> None:
        """Hang up."""
        self.giver.close()
        self.taker.close()


def _read(tls: ssl.SSLSocket) -> bytes:
    data = b""
    try:
        while piece := tls.recv(RECORD):
            data += piece
    except ssl.SSLWantReadError:
        return data
    raise ConnectionAbortedError("the broker ended it")


@dataclass
class Pair:
    """The pair at work. Told by `pipe`: a Stage that begins; None, upon which it reports and begins anew; LEAVE."""

    scene: Scene
    pipe: Connection
    lanes: list[Lane] = field(default_factory=list)
    lost: list[tuple[int, float]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    waits: list[tuple[int, float, float]] = field(default_factory=list)
    slips: list[tuple[float, float]] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Exchange messages until the pipe is closed."""
        in_front(os.getpid(), -15)
        self._connect()
        self.pipe.send("ready")
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self.slips.append((due, now - due))
                for lane in self.lanes:
                    self._safely(lane.give)
                due += PACE * max(1, round((now - due) / PACE))
            self._wait(max(0.0, due - time.monotonic()))
            if self.pipe.poll():
                stage = self.pipe.recv()
                if stage == LEAVE:
                    return
                if stage is None:
                    self._report()
                    due = time.monotonic()
                else:
                    self.stages.append(stage)

    def _wait(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            for lane in self.lanes:
                selector.register(lane.giver, selectors.EVENT_READ, lane)
                selector.register(lane.taker, selectors.EVENT_READ, lane)
            selector.register(self.pipe, selectors.EVENT_READ)
            ready = {key.data for key, _ in selector.select(seconds)}
        for lane in self.lanes:
            if lane in ready:
                self._safely(lane.take)
            self._safely(lane.flush)

    def _safely(self, step) -> None:  # type: ignore[no-untyped-def]
        try:
            step()
        except (ssl.SSLError, OSError) as error:
            self.cuts.append(str(error))
            self._collect()
            self._connect()

    def _connect(self) -> None:
        """Connect, and when that fails try again: a broker that is too busy is what we are here to see."""
        for lane in self.lanes:
            lane.close()
        deadline = time.monotonic() + 60.0
        while True:
            try:
                self.lanes = [Lane(self.scene, qos) for qos in (0, 1)]
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise
                self.cuts.append(f"not let in again: {error}")
                time.sleep(0.2)

    def _collect(self) -> None:
        for lane in self.lanes:
            self.waits += [(lane.qos, sent, wait) for sent, wait in lane.waits]
            self.lost += [(lane.qos, sent) for sent in lane.sent.values()]
            lane.waits.clear()
            lane.sent.clear()

    def _report(self) -> None:
        deadline = time.monotonic() + GRACE
        while any(lane.sent for lane in self.lanes) and time.monotonic() < deadline:
            self._wait(0.05)
        self._collect()
        report: dict[str, object] = {}
        for stage, (begin, end) in spans(self.stages).items():
            one: dict[str, object] = {
                "slip": round(1e3 * max((s for at, s in self.slips if begin <= at < end), default=0))
            }
            for qos in (0, 1):
                waits = [wait for q, sent, wait in self.waits if q == qos and begin <= sent < end]
                one[f"qos{qos}"] = figures(waits, sum(q == qos and begin <= sent < end for q, sent in self.lost))
            report[stage] = one
        report["cuts"] = list(self.cuts)
        self.pipe.send(report)
        for kept in (self.stages, self.waits, self.slips, self.lost, self.cuts):
            kept.clear()


def spans(stages: list[Stage]) -> dict[str, tuple[float, float]]:
    """From when to when each stage was."""
    ends = [stage.began for stage in stages[1:]] + [float("inf")]
    return {stage.name: (stage.began, end) for stage, end in zip(stages, ends, strict=True)}


def newcomer(scene: Scene, pipe: Connection) -> None:
    """Connect again and again; told by `pipe` as the pair is."""
    in_front(os.getpid(), -15)
    stages: list[Stage] = []
    attempts: list[tuple[float, float]] = []
    failures: list[tuple[float, str]] = []
    words = packets(Connect("newcomer", level=LEVEL))
    context = scene.context(NEWCOMER)
    pipe.send("ready")
    while True:
        began = time.monotonic()
        try:
            with context.wrap_socket(
                scene.open(NEWCOMER_ADDRESS, NEWCOMER_PATIENCE), server_hostname="localhost"
            ) as tls:
                tls.sendall(words)
                if tls.recv(4)[:1] != b"\x20":
                    raise ConnectionRefusedError("no CONNACK")
                attempts.append((began, time.monotonic() - began))
                tls.sendall(b"\xe0\x00")
        except OSError as error:
            failures.append((began, str(error)))
        while pipe.poll(max(0.0, began + NEWCOMER_PACE - time.monotonic())):
            stage = pipe.recv()
            if stage == LEAVE:
                return
            if stage is not None:
                stages.append(stage)
                continue
            report: dict[str, object] = {}
            for name, (begin, end) in spans(stages).items():
                why = [words for at, words in failures if begin <= at < end]
                report[name] = figures([wait for at, wait in attempts if begin <= at < end], len(why)) | {
                    "why": why[:3]
                }
            pipe.send(report)
            for kept in (stages, attempts, failures):
                kept.clear()
