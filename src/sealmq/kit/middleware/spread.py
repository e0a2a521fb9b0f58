"""A figure that was measured many times: its median, and how far it spreads."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """median, and what a tenth of the values is below (`low`) and a tenth above (`high`); of `count` values."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """At least one value."""
        ordered = sorted(values)
        last = len(ordered) - 1
        return cls(statistics.median(ordered), ordered[round(last * 0.1)], ordered[round(last * 0.9)], len(ordered))

    @property
    def percent(self) -> int:
        """Half of the way from `low` to `high`, in percent of the median."""
        return round(50 * (self.high - self.low) / self.median) if self.median else 0
