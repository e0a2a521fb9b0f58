"""The n-th step of writing fails, n = 1, 2, 3 ... until a whole scenario passes: once, and from there on for a while.

What the clients are told, what they get in the end, and what a crash leaves must be true at every n. Behind it, a real
broker whose disk is full.
"""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from durable_stage import DurableStage
from interop_homes import make_home
from remembering_clients import Publisher, Subscriber
from running import Broker
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
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from stacks import Client

LASTS = Properties(session_expiry_interval=1_000)


class Disk:
    """Fails step n: `once`, `for good` (until `repair`), or `behind` (a COMMIT went well, and says that it did not)."""

    def __init__(self, n: int, how: str) -> None:
        self.n = n
        self.how = how
        self.steps = 0
        self.broken = False

    @property
    def struck(self) -> bool:
        return self.steps >= self.n

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.n and self.how == "for good":
            self.broken = True
        if self.broken or (self.steps == self.n and self.how == "once"):
            raise sqlite3.OperationalError("database or disk is full")

    def connect(self) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            armed = False

            def execute(self, statement: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override]
                if not self.armed or statement not in ("BEGIN IMMEDIATE", "COMMIT"):
                    return super().execute(statement, *values)  # type: ignore[arg-type]
                behind = disk.how == "behind" and statement == "COMMIT"
                if not behind:
                    disk.step()
                cursor = super().execute(statement, *values)  # type: ignore[arg-type]
                if behind:
                    disk.steps += 1
                    if disk.steps == disk.n:
                        raise sqlite3.OperationalError("disk I/O error")
                return cursor

            def executemany(self, statement: str, rows: object) -> sqlite3.Cursor:  # type: ignore[override]
                if self.armed and disk.how != "behind":
                    disk.step()
                return super().executemany(statement, rows)  # type: ignore[arg-type]

        connection = sqlite3.connect(":memory:", isolation_level=None, factory=Connection)
        for statements in MIGRATIONS:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.armed = True
        return connection


class Scenario:
    """Two publishers (one for each level), a reader that is here and one that is away; all sessions last."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.stage = DurableStage(disk.connect())
        self.acknowledged: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.silent: set[bytes] = set()
        self.taken: dict[str, list[bytes]] = {"here": [], "away": []}
        self.clients: dict[str, Client] = {}

    def run(self) -> None:
        for name in ("here", "away"):
            self.subscribe(name)
        self.clients["away"].lose()
        for number in range(2):
            for level in (4, 5):
                for qos in (1, 2):
                    self.publish(level, qos, f"{level}-{qos}-{number}".encode())
            self.publish(5, 1, f"retained-{number}".encode(), retain=True)
        self.finish()

    def connect(self, name: str, level: int = 5) -> bool:
        """It comes, as often as it takes while the disk is repaired."""
        for _ in range(10):
            client = self.clients[name] = self.stage.client("operator", level, answering=False)
            client.send(Connect(name, False, level=level, properties=LASTS if level == 5 else Properties()))
            if client.expect(ConnAck).reason_code == 0:
                return True
            self.commit()
            self.repair()
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

    def subscribe(self, name: str) -> None:
        assert self.connect(name)
        for _ in range(10):
            self.clients[name].send(Subscribe(1, [Subscription("a/#", 2)]))
            self.commit()
            if self.disk.broken:
                assert not any(packet == SubAck(1, [2]) for packet in self.clients[name].received)
                self.repair()
            if self.clients[name].expect(SubAck).reason_codes == [2]:
                return
        raise AssertionError(f"{name} cannot subscribe")

    def publish(self, level: int, qos: int, payload: bytes, *, retain: bool = False) -> None:
        name = f"publisher-{level}"
        if name not in self.clients or self.clients[name].lost:
            assert self.connect(name, level)
        client = self.clients[name]
        client.received.clear()
        packet_id = client.publish("a/r" if retain else "a/1", payload, qos, retain=retain)
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
            case _:
                raise AssertionError(answers)
        if answers and self.disk.broken:
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
        """There is room again; then a crash; then everybody takes what there is."""
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
        self.stage = self.stage.crash()
        for name in ("away", "here"):
            self.take(name)
            assert self.acknowledged <= set(self.taken[name]), f"{name}: lost"
            for payload in self.acknowledged:
                if b"-2-" in payload:
                    assert self.taken[name].count(payload) == 1
        last = max((message.publish.payload for message in self.stage.broker.retained), default=b"")
        assert last >= max((payload for payload in self.acknowledged if payload.startswith(b"retained")), default=b"")
        self.repair()
        assert self.stage.connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


@pytest.mark.parametrize("how", ["once", "for good", "behind"])
def test_every_step_of_writing_fails(how: str) -> None:
    refused = silent = 0
    for n in count(1):
        disk = Disk(n, how)
        scenario = Scenario(disk)
        scenario.run()
        refused += len(scenario.refused)
        silent += len(scenario.silent)
        if not disk.struck:
            break
        assert len(scenario.acknowledged) + len(scenario.refused) + len(scenario.silent) == 12
    assert not scenario.refused
    assert not scenario.silent
    assert len(scenario.acknowledged) == 12
    print(f"\n{how}: {n - 1} steps failed; {refused} messages refused by 0x97, {silent} without an answer; 0 lost")
    assert n > 10
    assert refused
    assert silent or how != "for good"


# --- a real broker, a real full disk


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    started = Broker(make_home(tmp_path / "home", "", ()))
    try:
        yield started
        assert started.end() == 0
    finally:
        started.kill()


class Messages:
    """As many as one asks for, at one QoS."""

    def __init__(self, topic: str, qos: int) -> None:
        self.topic, self.qos, self.number, self.most = topic, qos, 0, 0

    def __call__(self) -> tuple[str, bytes, int, bool] | None:
        if self.number >= self.most:
            return None
        self.number += 1
        return self.topic, f"{self.topic}:{self.qos}:{self.number}".encode() + b"." * 500, self.qos, False


def wait_until(true: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk(broker: Broker) -> None:
    """No file of the broker's may grow any more (RLIMIT_FSIZE): to SQLite that is a disk without room."""
    context = broker.context("operator")
    away = Subscriber("away", 5, broker.port, context, "full/#")
    here = Subscriber("here", 5, broker.port, context, "free/#")
    sources = [Messages("full/1", 1), Messages("full/2", 2), Messages("full/3", 1), Messages("free", 1)]
    levels = (5, 5, 4, 5)
    publishers = [
        Publisher(f"publisher-{number}", level, broker.port, context, source, window=5)
        for number, (level, source) in enumerate(zip(levels, sources, strict=True))
    ]
    clients = [away, here, *publishers]
    here.lasts = False
    try:
        for client in clients:
            client.start()
        for subscriber in (away, here):
            assert subscriber.subscribed.wait(20)
        away.present.clear()
        for source in sources:
            source.most += 20
        wait_until(lambda: all(len(publisher.acknowledged) == 20 for publisher in publishers))
        pid = broker.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        wal = broker.home / "messages.db-wal"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(wal.stat().st_size, 65_536), unlimited[1]))
        mark = broker.mark
        for source in sources:
            source.most += 200
        at_1, at_2 = publishers[:2]
        # At QoS 2 what was passed on waits, and who has a window full of it is told nothing.
        wait_until(lambda: at_1.refused and (at_2.refused or len(at_2.unfinished) == at_2.window))
        broker.log.wait("messages cannot be written", after=mark)
        wait_until(lambda: len(publishers[3].acknowledged) == 220)  # it needs no disk
        acknowledged = [len(publisher.acknowledged) for publisher in publishers]
        time.sleep(1.5)
        assert [len(publisher.acknowledged) for publisher in publishers][2] == acknowledged[2], (
            "3.1.1 has no word for it"
        )
        assert publishers[2].unfinished
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        broker.log.wait("the disk takes messages again", after=mark)
        for source in sources:
            source.most += 20
        wait_until(lambda: all(publisher.idle for publisher in publishers) and all(s.number == s.most for s in sources))
        away.present.set()
        promised = {payload for publisher in publishers[:3] for payload in publisher.acknowledged}
        wait_until(lambda: promised <= away.taken.keys())
        twice = [p for p in publishers[1].acknowledged if away.taken[p] > 1]
        print(
            f"\nacknowledged {len(promised)}, refused with 0x97"
            f" {publishers[0].refused} at QoS 1 and {publishers[1].refused} at QoS 2; lost 0, twice at QoS 2"
            f" {len(twice)}"
        )
        assert not twice
        assert [wrong for client in clients for wrong in client.wrong] == []
        assert len([line for line in broker.log.lines if "cannot be written" in line]) == 1
    finally:
        for client in clients:
            client.stop()
