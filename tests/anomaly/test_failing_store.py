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

from failing_scenario import Scenario
from interop_homes import make_home
from remembering_clients import Publisher, Subscriber
from running import Broker, wait_until
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS


class Disk:
    """Fails step n: `once`, `for good` (until `repair`), or `behind` (a COMMIT went well, and says that it did not)."""

    repairs = True

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

    def after_crash(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        return connection


@pytest.mark.parametrize("how", ["once", "for good", "behind"])
def test_every_step_of_writing_fails(how: str) -> None:
    refused = silent = 0
    for n in count(1):
        disk = Disk(n, how)
        scenario = Scenario(disk)
        scenario.run()
        refused += len(scenario.refused)
        silent += scenario.silences
        if not disk.struck:
            break
        assert len(scenario.acknowledged) + len(scenario.refused) == 12
    assert not scenario.refused
    assert not scenario.silences
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
