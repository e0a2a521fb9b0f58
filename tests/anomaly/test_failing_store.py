"""The n-th step of writing fails, n = 1, 2, 3 ... until a whole scenario passes: once, and from there on for a while.

What the clients are told, what they get in the end, and what a crash leaves must be true at every n. Behind it, a real
broker whose disk is full.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pytest

from failing_scenario import Scenario
from interop_homes import make_home
from ports import free_port
from remembering_clients import Publisher, Subscriber
from running import Broker, program, wait_until
from sealmq.store.schema import APPLICATION_ID, MIGRATIONS
from written_by_hand import Forgotten


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

        class Connection(Forgotten):
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


class Limit:
    """No file of the broker's may grow any more (RLIMIT_FSIZE): to SQLite that is a disk without room."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"

    def fill(self, broker: Broker) -> None:
        self._pid = broker.process.pid
        self._before = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        wal = self.home / "messages.db-wal"
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (min(wal.stat().st_size, 65_536), self._before[1]))

    def make_room(self) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._before)

    def close(self) -> None:
        """Nothing is left."""


def write_for_ever(file: BinaryIO, data: bytes) -> None:
    while True:
        file.write(data)


class SmallDisk:
    """A file system of its own, in memory, that a file fills to its last byte."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "small"
        self._place.mkdir()
        mount = [program("mount", "mount"), "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", self._place]
        done = subprocess.run([str(word) for word in mount], capture_output=True, text=True, check=False)
        if done.returncode:
            words = f"no file system may be mounted: {done.stderr.strip()}"
            if os.environ.get("SEALMQ_CI") == "1" and os.getuid() == 0:
                pytest.fail(words)
            pytest.skip(words)
        self.home = self._place / "home"

    def fill(self, _: Broker) -> None:
        with (self._place / "filler").open("wb", buffering=0) as filler:
            for size in (65_536, 4_096):
                with pytest.raises(OSError, match="No space"):
                    write_for_ever(filler, bytes(size))

    def make_room(self) -> None:
        (self._place / "filler").unlink()

    def close(self) -> None:
        subprocess.run(["umount", str(self._place)], check=True)


@pytest.fixture(params=[Limit, pytest.param(SmallDisk, marks=pytest.mark.interop)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Limit | SmallDisk]:
    made = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture
def broker(disk: Limit | SmallDisk) -> Iterator[Broker]:
    started = Broker(make_home(disk.home, "", ()))
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
def test_a_full_disk(disk: Limit | SmallDisk, broker: Broker, record_property) -> None:
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
        mark = broker.mark  # what was acknowledged at QoS 2 is not over: its PUBREL may meet the full disk at once
        disk.fill(broker)
        for source in sources:
            source.most += 200
        at_1, at_2 = publishers[:2]
        # At QoS 2 what was passed on waits, and who has a window full of it is told nothing.
        wait_until(lambda: at_1.refused and (at_2.refused or len(at_2.unfinished) == at_2.window))
        broker.log.wait("messages cannot be written", after=mark)
        wait_until(lambda: len(publishers[3].acknowledged) == 220)  # it needs no disk
        wait_until(lambda: publishers[2].unfinished)
        time.sleep(1.5)
        assert len(publishers[2].acknowledged) == 20, "3.1.1 has no word for it"
        assert publishers[2].unfinished
        disk.make_room()
        broker.log.wait("the disk takes messages again", after=mark)
        for source in sources:
            source.most += 20
        wait_until(lambda: all(publisher.idle for publisher in publishers) and all(s.number == s.most for s in sources))
        away.present.set()
        promised = {payload for publisher in publishers[:3] for payload in publisher.acknowledged}
        wait_until(lambda: promised <= away.taken.keys())
        twice = [p for p in publishers[1].acknowledged if away.taken[p] > 1]
        record_property(
            "said",
            f"full disk ({'a tmpfs' if isinstance(disk, SmallDisk) else 'a limit'}): {len(promised)} acknowledged,"
            f" {publishers[0].refused} refused by 0x97 at QoS 1 and {publishers[1].refused} at QoS 2, the client of"
            f" 3.1.1 told nothing; lost 0, twice at QoS 2 {len(twice)}",
        )
        assert not twice
        assert [wrong for client in clients for wrong in client.wrong] == []
        assert len([line for line in broker.log.lines if "cannot be written" in line]) == 1
    finally:
        for client in clients:
            client.stop()


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_was_killed_starts_on_a_disk_that_is_still_full(tmp_path: Path) -> None:
    """What is on the disk must not need room to be read."""
    disk = SmallDisk(tmp_path)
    try:
        broker = Broker(make_home(disk.home, "", ()), "--listen", f"127.0.0.1:{free_port()}")
        away = Subscriber("away", 5, broker.port, broker.context("operator"), "full")
        source = Messages("full", 1)
        source.most = 20
        publisher = Publisher("publisher", 5, broker.port, broker.context("operator"), source)
        again = None
        try:
            away.start()
            assert away.subscribed.wait(20)
            away.present.clear()
            publisher.start()
            wait_until(lambda: len(publisher.acknowledged) == 20)
            publisher.present.clear()
            disk.fill(broker)
            broker.kill()
            again = Broker(disk.home, "--listen", f"127.0.0.1:{broker.port}")
            away.present.set()
            wait_until(lambda: publisher.acknowledged.keys() <= away.taken.keys())
            source.most += 5
            publisher.present.set()
            wait_until(lambda: publisher.refused or not publisher.idle)
            again.log.wait("messages cannot be written")  # else there is room before it has met the full disk
            disk.make_room()
            again.log.wait("the disk takes messages again")
            wait_until(lambda: publisher.idle)
            assert away.wrong == publisher.wrong == []
            assert again.end() == 0
        finally:
            away.stop()
            publisher.stop()
            broker.kill()
            if again is not None:
                again.kill()
    finally:
        disk.close()
