"""The scripts of `make bench`, tiny: real brokers are started as it starts them, filled, killed, started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import beside
import brokers
import pytest
import recovery
from brokers import BROKERS, Setting

from ports import free_port
from running import program
from sealmq.kit.bench.workloads import find

pytestmark = pytest.mark.interop
BOTH = pytest.mark.parametrize("name", ["SealMQ", "mosquitto"])


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with beside.home_with_account() as made:
        yield made


@pytest.fixture(autouse=True)
def ports_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives a port that was given back to whoever asks next: here that is another test."""
    for module in (brokers, recovery):
        monkeypatch.setattr(module, "free_port", free_port)


def broker_of(name: str) -> beside.Peer:
    if not BROKERS[name].version():
        program(name, name)  # leaves the test out, or fails where nothing may be left out
    return BROKERS[name]


@BOTH
@pytest.mark.parametrize(
    "setting", [Setting(queues=True), Setting(plaintext=True, queues=True), Setting(keeps=True, queues=True)]
)
def test_a_broker_carries_messages_as_it_is_started(home: Path, name: str, setting: Setting) -> None:
    (flow,) = find(["telemetry"], scale=0.1)
    found = beside._one(broker_of(name), home, setting, flow, 2.0)
    assert "failure" not in found, found
    assert found["count"] > 0
    assert (found["lost"], found["duplicated"]) == (0, 0)
    assert found["broker_cpu_us_each"] > 0


@BOTH
def test_rules_are_asked_before_the_one_that_allows(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "RULES", 20)
    found = beside.measure_rules(broker_of(name), home, 1.0)
    assert found["workload"] == "scale-rules"
    assert {"known_us_1", "known_us_20", "new_us_1", "new_us_20", "known_growth", "new_growth"} < set(found)
    assert len(found["notes"]) == 4


def test_what_was_acknowledged_is_there_after_a_kill(home: Path) -> None:
    found = recovery.recover(BROKERS["SealMQ"], home, 500)
    assert (found["acknowledged"], found["lost"], found["duplicated"]) == (500, 0, 0)
    assert found["disk_bytes"] > 500 * 64


@BOTH
def test_a_recovery_is_counted_whatever_a_broker_keeps(home: Path, name: str) -> None:
    found = recovery.recover(broker_of(name), home, 200)
    assert found["acknowledged"] == 200
    assert 0 <= found["lost"] <= 200
    assert recovery.in_words(found).startswith(f"{name}: 200 acknowledged")


def test_everybody_takes_part_where_all_are_measured() -> None:
    jobs = beside.plan([], list(BROKERS), 3)
    names = [job.workload for job in jobs if not job.plaintext]
    assert len(names) == len(set(names))
    assert set(names) - {"scale-rules"} <= {each.name for each in find(["all"])}
    for job in jobs:
        assert job.of_round(0) == [each for each in BROKERS if each in job.brokers]
        assert job.of_round(2) == [each for each in beside.OURS if each in job.brokers]
        assert (set(job.brokers) > set(beside.OURS)) == (job.workload in beside.OTHERS and not job.plaintext)
