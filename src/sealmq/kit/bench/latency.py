"""How long messages took: a histogram with buckets that are 2 % wide, so that a billion waits cost no more than one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

_SHORTEST: Final = 1e-6
_PER_E: Final = 50
"""Buckets for each factor of e: the next one begins 2 % later."""

_BUCKETS: Final = 1_000
"""The last one begins after 478 seconds: longer than anything here waits."""


@dataclass(slots=True)
class Latencies:
    """Waits in seconds, each as often as it was."""

    counts: list[int] = field(default_factory=lambda: [0] * _BUCKETS)
    count: int = 0
    worst: float = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """`times` messages took so long."""
        bucket = int(math.log(seconds / _SHORTEST) * _PER_E) if seconds > _SHORTEST else 0
        self.counts[min(bucket, _BUCKETS - 1)] += times
        self.count += times
        if seconds > self.worst:
            self.worst = seconds

    def merge(self, other: Latencies) -> None:
        """Add all that `other` has."""
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, other.counts, strict=True)]
        self.count += other.count
        self.worst = max(self.worst, other.worst)

    def percentile(self, percent: float) -> float:
        """Seconds that `percent` of the messages did not exceed; 0.0 when there were none."""
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for bucket, times in enumerate(self.counts):
            seen += times
            if times and seen >= wanted:
                return min(_SHORTEST * math.exp((bucket + 1) / _PER_E), self.worst)
        return 0.0

    def in_milliseconds(self) -> dict[str, float]:
        """Median, 99 and 99.9 of 100, and the worst; empty when there were no messages."""
        if not self.count:
            return {}
        marks = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
        return {name: self.percentile(percent) * 1e3 for name, percent in marks.items()} | {"worst": self.worst * 1e3}
