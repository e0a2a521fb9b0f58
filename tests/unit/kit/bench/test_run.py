"""What publishers and subscribers say, as a result. With real brokers in tests/interop/test_bench.py."""

from __future__ import annotations

from sealmq.errors import HomeError
from sealmq.kit.bench.crew import Used
from sealmq.kit.bench.givers import Given
from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.result import Result
from sealmq.kit.bench.run import _fill_in, _fill_in_durable, _of_scale, failed
from sealmq.kit.bench.takers import Taken
from sealmq.kit.bench.workloads import Flow, Scale, find

USED = Used(0.1, 0.0)
FAN_OUT = Flow("fan-out", "", 1, 200, 1)
TELEMETRY = Flow("telemetry", "", 50, 1, 50, qos=1, window=20)


def filled(flow: Flow, given: Given, unique: int, *, duplicated: int = 0, cut: int = 0) -> Result:
    latencies = Latencies()
    latencies.add(0.002, max(unique, 1))
    result = Result(flow.name, "")
    _fill_in(result, flow, given, Taken(unique, duplicated, 1.0, USED, {"": latencies}, cut))
    return result


def test_each_subscriber_should_get_each_message() -> None:
    given = Given(sent=100, acknowledged=0, used=USED, late=0.0, cut=0)
    assert filled(FAN_OUT, given, 20_000).lost == 0
    assert filled(FAN_OUT, given, 19_990, duplicated=4).lost == 10
    assert filled(FAN_OUT, given, 19_990, duplicated=4).duplicated == 4


def test_what_was_cut_or_never_acknowledged_is_said() -> None:
    given = Given(sent=100, acknowledged=98, used=USED, late=0.0, cut=1)
    assert filled(TELEMETRY, given, 100, cut=2).notes == [
        "the broker ended 3 of the connections",
        "2 messages were never acknowledged",
    ]


def test_a_load_that_was_late_says_so() -> None:
    given = Given(sent=100, acknowledged=0, used=USED, late=0.2, cut=0)
    assert "late by up to 200 ms" in filled(FAN_OUT, given, 20_000).notes[0]


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    given = Given(sent=100, acknowledged=90, used=USED, late=0.0, cut=0)
    result = Result("durable", "", written=9_000)
    _fill_in_durable(result, TELEMETRY, given, Taken(85, 2, 1.0, USED, {"": Latencies()}, 0))
    assert (result.count, result.lost, result.duplicated) == (90, 5, 2)
    assert result.extra == {"written_bytes_each": 100.0}
    assert result.notes[1:] == ["10 messages were never acknowledged"]


def test_what_was_not_acknowledged_and_is_there_is_no_loss() -> None:
    given = Given(sent=100, acknowledged=90, used=USED, late=0.0, cut=0)
    result = Result("durable", "")
    _fill_in_durable(result, TELEMETRY, given, Taken(95, 0, 1.0, USED, {"": Latencies()}, 0))
    assert (result.lost, result.extra) == (0, {})


def test_a_scale_compares_the_last_step_with_the_first() -> None:
    (scale,) = find(["scale-exact"])
    assert isinstance(scale, Scale)

    def at(cost: float, lost: int) -> Result:
        return Result("pairs", "", count=1_000_000, seconds=1.0, cpu=cost, lost=lost, peak=int(cost))

    result = _of_scale(scale, {"known": [at(2.0, 0), at(3.0, 1)], "new": [at(8.0, 0), at(10.0, 2)]}, ["kept"])
    assert (result.workload, result.cost, result.lost, result.peak) == ("scale-exact", 3.0, 3, 10)
    assert result.extra["known_us_10"] == 2.0
    assert result.extra["known_us_100000"] == 3.0
    assert (result.extra["known_growth"], result.extra["new_growth"]) == (1.5, 1.25)
    assert result.notes[0] == "kept"


def test_what_cannot_be_measured_says_why() -> None:
    (pairs,) = find(["pairs"])
    assert failed(pairs, HomeError("no broker", why="it has ended")).failure == "no broker: it has ended"
    assert failed(pairs, HomeError("no broker")).failure == "no broker"
