"""A scenario whose disk fails at some step: what clients are told, what they get, and what a crash leaves.

Two stacks in memory (stacks.py) over a real database; who makes the disk fail, and how, is the caller's: above SQLite
(anomaly/test_failing_store.py) or below it (broken_disk.py).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from durable_stage import DurableStage
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import (
    ConnAck,
    Connect,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
)
from sealmq.mqtt.properties import Properties
from stacks import Client

LASTS = Properties(session_expiry_interval=1_000)


class FailingDisk(Protocol):
    """A database whose n-th step fails.

    struck:  it has failed by now. broken: it fails now, at every step, until somebody sets this to False.
    repairs: there is room again before the crash.
    """

    broken: bool
    repairs: bool

    @property
    def struck(self) -> bool: ...

    def connect(self) -> sqlite3.Connection:
        """The database, empty."""

    def after_crash(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """What a crash at this moment leaves; nothing fails any more."""


class NoRoomError(Exception):
    """The disk refuses, and nobody repairs it: the crash comes now."""


class Scenario:
    """Two publishers (one for each level), a reader that is here and one that is away; all sessions last."""

    def __init__(self, disk: FailingDisk) -> None:
        self.disk = disk
        self.stage = DurableStage(disk.connect())
        self.acknowledged: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.silent: set[bytes] = set()
        self.silences = 0
        self.taken: dict[str, list[bytes]] = {"here": [], "away": []}
        self.clients: dict[str, Client] = {}
        self.subscribed: set[str] = set()
        self.unfinished: dict[str, dict[int, tuple[str, bytes, int, bool]]] = {}
        self._packet_ids: Counter[str] = Counter()

    def run(self) -> None:
        try:
            self.talk()
        except NoRoomError:
            assert self.disk.struck
        self.finish()

    def talk(self) -> None:
        for name in ("here", "away"):
            self.subscribe(name)
        self.clients["away"].lose()
        for number in range(2):
            for level in (4, 5):
                for qos in (1, 2):
                    self.publish(level, qos, f"{level}-{qos}-{number}".encode())
            self.publish(5, 1, f"retained-{number}".encode(), retain=True)

    def connect(self, name: str, level: int = 5) -> bool:
        """It comes, as often as it takes while the disk is repaired."""
        for _ in range(10):
            client = self.clients[name] = self.stage.client("operator", level, answering=False)
            client.send(Connect(name, False, level=level, properties=LASTS if level == 5 else Properties()))
            client._packet_id = self._packet_ids[name]  # it remembers, whatever link it comes by
            if client.expect(ConnAck).reason_code == 0:
                return True
            self.commit()
            self.repair_or_give_up()
        return False

    def commit(self) -> None:
        """What the server and its writer do: try, tell, try again."""
        store, broker = self.stage.store, self.stage.broker
        for _ in range(3):
            if store.hand_over():
                broker.committed(store.number)
                self.stage._flush()
                if store.hand_over():
                    return
            groups = list(store.writer.groups)
            try:
                self.stage.commit_group()
            except sqlite3.Error as error:
                store.writer.groups = groups  # it is tried again, whole
                store.failing = str(error)
                broker.not_committed()
                self.stage._flush()

    def repair(self) -> None:
        self.disk.broken = False
        self.commit()

    def repair_or_give_up(self) -> None:
        if not self.disk.repairs:
            raise NoRoomError
        self.repair()

    def subscribe(self, name: str) -> None:
        assert self.connect(name)
        for _ in range(10):
            self.clients[name].send(Subscribe(1, [Subscription("a/#", 2)]))
            self.commit()
            if self.stage.store.failing:
                assert not any(packet == SubAck(1, [2]) for packet in self.clients[name].received)
                self.repair_or_give_up()
            if self.clients[name].expect(SubAck).reason_codes == [2]:
                self.subscribed.add(name)
                return
        raise AssertionError(f"{name} cannot subscribe")

    def publish(self, level: int, qos: int, payload: bytes, *, retain: bool = False) -> None:
        name = f"publisher-{level}"
        if name not in self.clients or self.clients[name].lost:
            assert self.connect(name, level)
        client = self.clients[name]
        client.received.clear()
        topic = "a/r" if retain else "a/1"
        packet_id = self._packet_ids[name] = client.publish(topic, payload, qos, retain=retain)
        self.commit()
        answers = [packet for packet in client.packets() if not isinstance(packet, PubComp)]
        match answers:
            case [PubAck() | PubRec() as answer] if answer.reason_code == ReasonCode.QUOTA_EXCEEDED:
                assert level == 5
                self.refused.add(payload)
            case [PubAck() | PubRec() as answer]:
                assert answer.packet_id == packet_id
                self.acknowledged.add(payload)
                if qos == 2:
                    client.send(PubRel(packet_id))
            case []:
                assert self.disk.struck
                self.silent.add(payload)
                self.silences += 1
                self.unfinished.setdefault(name, {})[packet_id] = (topic, payload, qos, retain)
            case _:
                raise AssertionError(answers)
        if answers and self.stage.store.failing:
            assert answers[0].reason_code == ReasonCode.QUOTA_EXCEEDED, "acknowledged, and not safe"  # type: ignore[union-attr]

    def take(self, name: str) -> None:
        assert self.connect(name)
        client = self.clients[name]
        for _ in range(50):
            self.commit()
            if self.disk.broken:
                self.repair()
            packets = client.packets()
            if not packets:
                return
            for packet in packets:
                if isinstance(packet, Publish):
                    self.taken[name].append(packet.payload)
                    client.send(PubAck(packet.packet_id) if packet.qos == 1 else PubRec(packet.packet_id))
                elif isinstance(packet, PubRel):
                    client.send(PubComp(packet.packet_id))

    def finish(self) -> None:
        """Perhaps there is room again; then a crash; then everybody takes what there is."""
        if self.disk.repairs:
            self.repair()
            assert not self.stage.store.failing
            for level in (4, 5):  # and it goes on
                self.publish(level, 1, f"after-{level}".encode())
            struck_just_now = bool((self.refused | self.silent) & {b"after-4", b"after-5"})
            assert struck_just_now or {b"after-4", b"after-5"} <= self.acknowledged
            self.repair()
        for client in self.clients.values():
            client.lose()
        self.commit()
        self.stage = self.stage.crash(connection=self.disk.after_crash(self.stage.connection))
        promised = set(self.acknowledged)
        last = self._last_retained(message.publish.payload for message in self.stage.broker.retained)
        assert last >= self._last_retained(self.acknowledged)
        for level in (4, 5):
            self.send_again(level)
        assert not self.silent
        for name in ("away", "here"):
            self.take(name)
            if name in self.subscribed:
                assert promised <= set(self.taken[name]), f"{name}: lost"
            for payload in self.acknowledged | self.refused:
                if b"-2-" in payload:
                    assert self.taken[name].count(payload) <= 1, f"{name}: twice"
        self.repair()
        assert self.stage.connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        assert self.stage.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def _last_retained(self, payloads: Iterable[bytes]) -> bytes:
        return max((payload for payload in payloads if payload.startswith(b"retained")), default=b"")

    def send_again(self, level: int) -> None:
        """What was not answered, as MQTT has it: under its packet identifier, in its order."""
        name = f"publisher-{level}"
        unfinished = self.unfinished.pop(name, {})
        if not unfinished:
            return
        assert self.connect(name, level)
        client = self.clients[name]
        for packet_id, (topic, payload, qos, retain) in unfinished.items():
            client.send(Publish(topic, payload, qos, retain, dup=True, packet_id=packet_id))
            self.commit()
            answer = client.expect(PubAck if qos == 1 else PubRec)
            assert answer.packet_id == packet_id
            assert answer.reason_code < 0x80
            if qos == 2:
                client.send(PubRel(packet_id))
            self.silent.discard(payload)
            self.acknowledged.add(payload)
