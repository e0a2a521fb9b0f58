"""Between broker and disk: what was told is written, and what is safe is said on the loop's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealmq.mqtt.packets import PubAck, SubAck, Subscribe, Subscription
from sealmq.safekeeping import Safekeeping
from stacks import Stage


class Loop:
    """A loop whose calls the test makes."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[Any, tuple[object, ...]]] = queue.Queue()
        self.threads: set[str] = set()

    def call(self, function: Any, *arguments: object) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.put((function, arguments))

    def turn(self) -> None:
        function, arguments = self.calls.get(timeout=10)
        function(*arguments)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Safekeeping, Stage, Loop]]:
    loop = Loop()
    keeping = Safekeeping(tmp_path / "messages.db", loop.call)
    keeping.store.load(0.0)
    stage = Stage(store=keeping.store)
    keeping.house = stage.house
    yield keeping, stage, loop
    keeping.close()


def test_a_puback_leaves_when_the_writer_has_said_that_it_is_safe(kept: tuple[Safekeeping, Stage, Loop]) -> None:
    keeping, stage, loop = kept

    def make_safe() -> None:
        """Hand over, and let the writer's word come back, until nothing is left."""
        keeping.hand_over()
        while stage.broker.dispatch.promises.committed != keeping.store.number:
            loop.turn()
        stage.settle()

    absent, publisher = stage.client(), stage.client("other")
    absent.connect("absent", session_expiry_interval=100)
    absent.send(Subscribe(1, [Subscription("a", 1)]))
    assert absent.packets() == []
    make_safe()
    assert absent.expect(SubAck).reason_codes == [1]
    absent.lose()
    publisher.connect()
    publisher.publish("a", qos=1)
    assert publisher.packets() == []
    make_safe()
    assert [type(packet) for packet in publisher.packets()] == [PubAck]
    assert threading.current_thread().name not in loop.threads


def test_a_disk_that_refuses_is_told_once_and_when_it_takes_again(
    kept: tuple[Safekeeping, Stage, Loop], caplog: pytest.LogCaptureFixture
) -> None:
    keeping, _, _ = kept
    for _ in range(3):
        keeping._on_not_committed("it is full")
    assert keeping.store.failing == "it is full"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    keeping._on_committed(0)
    assert keeping.store.failing == ""
    assert caplog.messages[-1] == "the disk takes messages again"
