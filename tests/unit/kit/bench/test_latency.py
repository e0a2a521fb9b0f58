"""The histogram of waits: exact counts, percentiles within its 2 %."""

from __future__ import annotations

import pytest

from sealmq.kit.bench.latency import Latencies


def test_no_messages_have_no_latency() -> None:
    assert Latencies().in_milliseconds() == {}
    assert Latencies().percentile(50) == 0.0


def test_percentiles_are_those_of_the_sorted_waits() -> None:
    latencies = Latencies()
    waits = [number / 1e4 for number in range(1, 10_001)]
    for wait in waits:
        latencies.add(wait)
    for percent, place in ((50, 5_000), (99, 9_900), (99.9, 9_990)):
        assert latencies.percentile(percent) == pytest.approx(waits[place - 1], rel=0.021)
    assert latencies.worst == 1.0


def test_a_wait_counts_as_often_as_it_is_said_to() -> None:
    latencies = Latencies()
    latencies.add(0.001, 99)
    latencies.add(1.0)
    assert latencies.count == 100
    assert latencies.percentile(99) == pytest.approx(0.001, rel=0.021)
    assert latencies.percentile(99.9) == 1.0


def test_two_merged_are_as_one() -> None:
    one, two, both = Latencies(), Latencies(), Latencies()
    for number, wait in enumerate((0.002, 0.5, 0.03, 4.0)):
        (one, two)[number % 2].add(wait)
        both.add(wait)
    one.merge(two)
    assert one == both


@pytest.mark.parametrize("wait", [0.0, -1e-9, 1e-7, 1e9])
def test_a_wait_beyond_the_scale_is_counted_at_its_end(wait: float) -> None:
    latencies = Latencies()
    latencies.add(wait)
    assert sum(latencies.counts) == 1
    assert latencies.in_milliseconds().keys() == {"p50", "p99", "p99.9", "worst"}
