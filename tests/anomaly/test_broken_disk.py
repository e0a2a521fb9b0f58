"""Each write, sync and truncation below SQLite fails in turn: what clients are told, and what is there afterwards.

    SEALMQ_EVERY_STEP=1 pytest -s -n 2 tests/anomaly/test_broken_disk.py

walks through every step in every way, which takes a quarter of an hour with whole brokers; else samples are taken.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest

from broken_disk import HOWS, LEAVES, WRITE, BrokenDisk, How, library
from interop_homes import make_home
from ports import free_port
from remembering_clients import Publisher, Subscriber
from running import Broker, wait_until

EVERY_STEP = os.environ.get("SEALMQ_EVERY_STEP") == "1"
WALKS = [
    ("full, for good", "power"),
    ("full in the middle of a write, once", "kill"),
    ("sync fails, once", "power"),
    ("sync fails, for good", "power"),
    ("broken, once", "power"),
    ("broken, for good", "kill"),
]
"""What is walked through wholly even when nobody asks: each kind of failure once, and the harder of what it leaves."""

SAMPLES = {
    "full, once": 2,
    "full, for good": 3,
    "sync fails, once": 2,
    "sync fails, for good": 3,
    "broken, for good": 3,
}
"""Ways in which the disk of a whole broker fails, and at how many steps, chosen by chance, when nobody asks for all."""

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("how", "leaves"), [(h, x) for h in HOWS for x in LEAVES] if EVERY_STEP else WALKS)
def test_every_step_below_sqlite_fails(tmp_path: Path, how: str, leaves: str, record_property) -> None:
    disk = BrokenDisk(tmp_path)
    script = Path(__file__).parent.parent / "broken_disk.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path, how, leaves],
        env=disk.environment(library(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        record_property("said", f"disk below SQLite: {line}")
    assert "lost 0" in done.stdout


# --- whole brokers, clients over TLS


class Messages:
    """A few messages with payloads of their own, on one topic."""

    def __init__(self, topic: str, qos: int, *, retain: bool = False) -> None:
        self.topic, self.qos, self.retain = topic, qos, retain
        self.number, self.most = 0, 5

    def __call__(self) -> tuple[str, bytes, int, bool] | None:
        if self.number >= self.most:
            return None
        self.number += 1
        return self.topic, f"{self.topic}:{self.number:02}".encode(), self.qos, self.retain


class Scene:
    """One broker whose disk breaks at one step; it is killed, and started anew on what is left."""

    def __init__(self, folder: Path, home: Path, built: Path) -> None:
        self.disk = BrokenDisk(folder)
        self.home = folder / "home"
        shutil.copytree(home, self.home)
        self.environment = self.disk.environment(built)
        self.port = free_port()  # it comes back there, and nobody may have it meanwhile
        self.broker = self.start()
        self.context = self.broker.context("operator")
        self.away = Subscriber("away", 5, self.port, self.context, "disk/#")
        self.sources = [
            Messages("disk/5-1", 1),
            Messages("disk/5-2", 2),
            Messages("disk/4-2", 2),
            Messages("disk/retained", 1, retain=True),
        ]
        self.publishers = [
            Publisher(f"publisher-{source.topic}", level, self.port, self.context, source, window=1)
            for source, level in zip(self.sources, (5, 5, 4, 5), strict=True)
        ]

    def start(self) -> Broker:
        return Broker(self.home, "--listen", f"127.0.0.1:{self.port}", env=self.environment)

    def talk(self, n: int, how: How) -> None:
        """Until all is said, or the disk has refused for good and everybody has met that."""
        self.disk.arm(n, how)
        self.away.start()
        wait_until(lambda: self.away.subscribed.is_set() or (how.for_good and self.disk.struck))
        self.away.present.clear()
        if self.away.subscribed.is_set():
            for publisher in self.publishers:
                publisher.start()
            wait_until(lambda: self.all_is_said() or (how.for_good and self.disk.struck))
        if how.for_good and self.disk.struck:
            self.see_the_refusal()

    def all_is_said(self) -> bool:
        return all(one.idle for one in self.publishers) and all(one.number == one.most for one in self.sources)

    def see_the_refusal(self) -> None:
        """MQTT 5 clients are told, and what needs no disk goes on."""
        for source in self.sources:
            source.most += 3
        at_1 = self.publishers[0]
        if at_1.connects:  # it has a session: who has none is told by CONNACK
            wait_until(lambda: at_1.refused)
        free = Messages("free", 1)
        here = Subscriber("here", 5, self.port, self.context, "free")
        speaker = Publisher("speaker", 5, self.port, self.context, free)
        here.lasts = speaker.lasts = False
        try:
            here.start()
            assert here.subscribed.wait(20)
            speaker.start()
            wait_until(lambda: len(here.taken) == len(speaker.acknowledged) == free.most)
        finally:
            speaker.stop()
            here.stop()

    def acknowledged(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for publisher in self.publishers:
            found |= publisher.acknowledged  # in one step: its thread may be adding to it
        return found

    def crash(self, leaves: str) -> None:
        """kill -9, perhaps with a power failure; and a new start on a disk that is whole."""
        for client in (self.away, *self.publishers):
            client.present.clear()
        self.broker.kill()
        self.disk.disarm()
        self.disk.leave(self.home, leaves)
        self.broker = self.start()

    def check_retained(self, at_least: bytes) -> None:
        newcomer = Subscriber("newcomer", 5, self.port, self.context, "disk/retained")
        newcomer.lasts = False
        newcomer.start()
        try:
            wait_until(lambda: newcomer.subscribed.is_set() and max(newcomer.taken, default=b"") >= at_least)
        finally:
            newcomer.stop()

    def say_the_rest(self) -> None:
        for publisher in self.publishers:
            publisher.present.set()
            if not publisher.is_alive():
                publisher.start()
        wait_until(self.all_is_said)

    def take_everything(self, promised: set[bytes]) -> None:
        self.away.present.set()
        wait_until(lambda: self.away.subscribed.is_set() and promised <= self.away.taken.keys())

    def end(self) -> None:
        for client in (self.away, *self.publishers):
            if client.is_alive():
                client.stop()
        self.broker.kill()


def last_of(payloads: Iterable[bytes]) -> bytes:
    return max((payload for payload in payloads if b"retained" in payload), default=b"")


class Sums:
    def __init__(self) -> None:
        self.runs = self.acknowledged = self.refused = 0


def one_broker(folder: Path, home: Path, built: Path, n: int, how: str, leaves: str, sums: Sums) -> bool:
    """False: the scenario has less than n steps."""
    folder.mkdir()
    scene = Scene(folder, home, built)
    try:
        scene.talk(n, HOWS[how])
        struck = scene.disk.struck
        was_subscribed = scene.away.subscribed.is_set()
        first = scene.acknowledged()
        scene.crash(leaves)
        scene.check_retained(last_of(first))
        if not was_subscribed:
            scene.take_everything(set())
            scene.away.present.clear()
        scene.say_the_rest()
        promised = scene.acknowledged()
        # Nothing of what the first crash left only in the machine's memory may have been built upon.
        scene.crash("power")
        scene.check_retained(last_of(promised))
        scene.take_everything(set(promised))
        twice = [payload for payload, count in scene.away.taken.items() if count > 1 and promised.get(payload) == 2]
        assert not twice
        assert [wrong for client in (scene.away, *scene.publishers) for wrong in client.wrong] == []
        sums.runs += struck
        sums.acknowledged += len(promised)
        sums.refused += sum(publisher.refused for publisher in scene.publishers)
        return struck
    finally:
        scene.end()
        shutil.rmtree(folder)


@pytest.mark.timeout(3_600 if EVERY_STEP else 240)
@pytest.mark.parametrize("how", HOWS if EVERY_STEP else SAMPLES)
def test_a_whole_broker_whose_disk_fails_at_some_step(tmp_path: Path, how: str, record_property) -> None:
    home, built, sums = make_home(tmp_path / "home", "", ()), library(tmp_path), Sums()
    if EVERY_STEP:
        for n in count(1):
            if not one_broker(tmp_path / "scene", home, built, n, how, LEAVES[n % 2], sums):
                break
    else:
        for sample in range(SAMPLES[how]):
            # The first third has the sessions, the rest messages; nobody can know how the groups will fall.
            n = random.randint(1, 120 if HOWS[how].kinds & WRITE else 20)
            print(f"\n{how}: step {n}", end="")
            one_broker(tmp_path / "scene", home, built, n, how, LEAVES[sample % 2], sums)
    record_property(
        "said",
        f"whole brokers, {how}: {sums.runs} failures met; {sums.acknowledged} messages acknowledged,"
        f" {sums.refused} refused by 0x97; lost 0, twice at QoS 2 0, retained differences 0",
    )
