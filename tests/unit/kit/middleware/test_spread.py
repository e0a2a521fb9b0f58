from __future__ import annotations

from sealmq.kit.middleware.spread import Spread


def test_the_median_and_eight_in_ten() -> None:
    spread = Spread.of([float(value) for value in range(100, -1, -1)])
    assert (spread.median, spread.low, spread.high, spread.count) == (50, 10, 90, 101)
    assert spread.percent == 80


def test_one_value_spreads_nowhere() -> None:
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0, 1)
    assert Spread.of([2.0]).percent == 0
    assert Spread.of([0.0]).percent == 0
