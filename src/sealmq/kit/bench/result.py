"""What a workload came to, and what did not allow more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sealmq.kit.bench.crew import Used

BUSY: Final = 0.9
"""Share of a processor from which on a process is said to have no more of it to give."""

WAITING: Final = 0.15
"""Share of the time for which a broker may wait for a processor before we say that the machine is too small."""

IDLE: Final = Used(0.0, 0.0)


@dataclass(slots=True)
class Result:
    """One workload's figures.

    unit:        what was counted: "messages" that were delivered, "acknowledged" ones, "connections" that were made.
    count:       how many. seconds: from the beginning to the last one.
    cpu:         seconds of a processor that the broker used for them; None where its process is not known.
    waited:      seconds for which the broker could have run and others did.
    written:     bytes that it had the system write to a disk; None where only the broker's owner may know.
    peak:        most bytes of memory that the broker had.
    latency:     milliseconds by name: p50, p99, p99.9, worst.
    load:        what the load's processes used of the time, by what they did.
    is_paced:    the load does not try to send more: the rate says nothing.
    extra:       figures that only this workload has, by name.
    notes:       sentences about it.
    failure:     why it could not be measured; then nothing else counts.
    """

    workload: str
    told: str
    unit: str = "messages"
    count: int = 0
    seconds: float = 0.0
    cpu: float | None = None
    waited: float = 0.0
    written: int | None = None
    peak: int = 0
    latency: dict[str, float] = field(default_factory=dict)
    lost: int = 0
    duplicated: int = 0
    load: dict[str, Used] = field(default_factory=dict)
    is_paced: bool = False
    extra: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failure: str = ""

    @property
    def rate(self) -> float:
        """Messages or connections a second."""
        return self.count / self.seconds if self.seconds else 0.0

    @property
    def cost(self) -> float | None:
        """Microseconds of a processor that the broker used for each."""
        return self.cpu / self.count * 1e6 if self.cpu is not None and self.count else None

    @property
    def broker_share(self) -> float | None:
        """Share of a processor that the broker used."""
        return self.cpu / self.seconds if self.cpu is not None and self.seconds else None

    def limit(self) -> tuple[str, str]:
        """What did not allow more, in a word and in a sentence: broker, load, machine, pace, or not known."""
        who, load = max(self.load.items(), key=lambda one: one[1].share + one[1].waited, default=("the load", IDLE))
        broker = self.broker_share
        beside = "" if broker is None else f", the broker {broker:.0%}"
        if load.share >= BUSY and (broker is None or broker < BUSY):
            return "load", f"{who} used {load.share:.0%} of a processor{beside}: a faster load might get more out of it"
        if self.is_paced:
            return "pace", "the load keeps a pace: this says how long it takes, not how much is possible"
        if broker is not None and broker >= BUSY:
            return "broker", f"the broker used {broker:.0%} of a processor"
        waited = self.waited / self.seconds if self.seconds else 0.0
        if broker is not None and waited >= WAITING:
            return "machine", (
                f"the broker used {broker:.0%} of a processor and waited {waited:.0%} of the time for one: "
                "others wanted it, the load among them"
            )
        if load.waited >= WAITING:
            return "machine", (
                f"{who} used {load.share:.0%} of a processor and waited {load.waited:.0%} of the time for one{beside}: "
                "there are too few of them"
            )
        if broker is None:
            return "not known", "the broker's process is not known: --pid says which it is, if it runs here"
        return "round trips", f"nobody was busy ({who} {load.share:.0%}{beside}): all waited for answers"

    def as_json(self) -> dict[str, Any]:
        """Everything, with names that say their units."""
        if self.failure:
            return {"workload": self.workload, "description": self.told, "failure": self.failure}
        word, sentence = self.limit()
        cost, share = self.cost, self.broker_share
        return {
            "workload": self.workload,
            "description": self.told,
            "unit": self.unit,
            "count": self.count,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.rate, 1),
            "broker_cpu_us_each": None if cost is None else round(cost, 3),
            "broker_cpu_share": None if share is None else round(share, 3),
            "broker_waited_share": round(self.waited / self.seconds, 3) if self.seconds else 0.0,
            "broker_written_bytes": self.written,
            "broker_peak_bytes": self.peak or None,
            "latency_ms": {name: round(value, 3) for name, value in self.latency.items()},
            "lost": self.lost,
            "duplicated": self.duplicated,
            "load_cpu_share": {name: round(used.share, 3) for name, used in self.load.items()},
            "load_waited_share": {name: round(used.waited, 3) for name, used in self.load.items()},
            "limited_by": word,
            "limited_because": sentence,
            **{name: round(value, 3) for name, value in self.extra.items()},
            "notes": self.notes,
        }
