"""What SealMQ is to reach, and whether it did: each line is computed from what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

SEALMQ, MOSQUITTO, AMQTT = "SealMQ", "mosquitto", "amqtt"
CPU, RATE, P99 = "broker_cpu_us_each", "per_second", "latency_ms.p99"


class Figures(Protocol):
    """What page.py has of the medians."""

    @property
    def workloads(self) -> list[str]: ...

    @property
    def facts(self) -> dict[str, object]: ...

    def get(self, broker: str, workload: str, key: str) -> float | None: ...

    def ratio(self, key: str, above: tuple[str, str], below: tuple[str, str]) -> float | None: ...


@dataclass(frozen=True)
class Line:
    """A target."""

    what: str
    wanted: str
    measured: str
    reached: str


NOT_MEASURED = "not measured"
FASTER = (
    ("pairs", 1.5),
    ("pairs-1k", 1.5),
    ("fan-in", 1.5),
    ("fan-out", 8.0),
    ("telemetry", 1.5),
    ("telemetry-1", 1.5),
    ("commands", 1.2),
)
"""By how much, in processor time for each message and in messages a second."""

SLOWEST = 10.0
"""By how much against amqtt, everywhere."""

GROWTH = 1.3
ACKNOWLEDGED = 5_000
HANDSHAKE, RESUMED = 1.1, 0.4
CALM = 3.0
"""How many times its p99 at rest a pair may see in a storm."""


def lines(figures: Figures) -> list[Line]:
    """All of them."""
    return [
        *(_faster(figures, workload, MOSQUITTO, wanted) for workload, wanted in FASTER),
        *_latency(figures),
        *_handshakes(figures),
        *_growth(figures),
        *_durable(figures),
        *(
            _faster(figures, workload, AMQTT, SLOWEST)
            for workload in figures.workloads
            if figures.get(AMQTT, workload, RATE) is not None
        ),
    ]


def _faster(figures: Figures, workload: str, other: str, wanted: float) -> Line:
    cpu = figures.ratio(CPU, (other, workload), (SEALMQ, workload))
    rate = figures.ratio(RATE, (SEALMQ, workload), (other, workload))
    what = workload if other == MOSQUITTO else f"{workload}, against {other}"
    told = f"at least {wanted:g} x"
    if cpu is None or rate is None:
        return Line(what, told, NOT_MEASURED, "-")
    reached = {(True, True): "yes", (True, False): "by CPU alone", (False, True): "by rate alone"}.get(
        (cpu >= wanted, rate >= wanted), "**no**"
    )
    return Line(what, told, f"CPU {cpu:.2f} x, rate {rate:.2f} x", reached)


def _at_most(what: str, value: float | None, most: float, wanted: str, measured: str) -> Line:
    if value is None:
        return Line(what, wanted, NOT_MEASURED, "-")
    return Line(what, wanted, measured, "yes" if value <= most else "**no**")


def _latency(figures: Figures) -> Iterator[Line]:
    ours, theirs = (figures.get(broker, "paced", P99) for broker in (SEALMQ, MOSQUITTO))
    ratio = figures.ratio(P99, (SEALMQ, "paced"), (MOSQUITTO, "paced"))
    yield _at_most(
        "paced: p99", ratio, 1.0, "not above mosquitto's", f"{ours or 0:.2f} ms, mosquitto {theirs or 0:.2f} ms"
    )
    before, during = (figures.get(SEALMQ, "storm", key) for key in ("p99_before_ms", P99))
    times = during / before if before and during is not None else None
    yield _at_most(
        "storm: the pairs' p99 during it", times, CALM, f"at most {CALM:g} x that before",
        f"{before or 0:.2f} ms before, {during or 0:.2f} ms during: {times or 0:.1f} x",
    )  # fmt: skip
    ratio = figures.ratio(P99, (SEALMQ, "storm"), (MOSQUITTO, "storm"))
    theirs = figures.get(MOSQUITTO, "storm", P99)
    yield _at_most(
        "storm: the same, beside mosquitto", ratio, 1.0, "below mosquitto's",
        f"{during or 0:.2f} ms, mosquitto {theirs or 0:.2f} ms",
    )  # fmt: skip


def _handshakes(figures: Figures) -> Iterator[Line]:
    for version in ("1.3", "1.2"):
        full = f"handshakes-{version}"
        ratio = figures.ratio(CPU, (SEALMQ, full), (MOSQUITTO, full))
        yield _at_most(
            f"CPU of a handshake, TLS {version}, client certificates", ratio, HANDSHAKE,
            f"at most {HANDSHAKE:g} x mosquitto's", f"{ratio or 0:.2f} x",
        )  # fmt: skip
        part = figures.ratio(CPU, (SEALMQ, f"{full}-resumed"), (SEALMQ, full))
        yield _at_most(
            f"CPU of a resumed one, TLS {version}",
            part,
            RESUMED,
            f"at most {RESUMED:.0%} of a full one",
            f"{part or 0:.0%}",
        )
    ratio = figures.ratio("bytes_per_link", (SEALMQ, "idle"), (MOSQUITTO, "idle"))
    ours, theirs = ((figures.get(broker, "idle", "bytes_per_link") or 0) / 1e3 for broker in (SEALMQ, MOSQUITTO))
    yield _at_most(
        "memory of an idle link", ratio, 1.0, "at most 1.0 x mosquitto's",
        f"{ratio or 0:.2f} x: {ours:.1f} KB, mosquitto {theirs:.1f} KB",
    )  # fmt: skip


def _growth(figures: Figures) -> Iterator[Line]:
    for workload in ("scale-exact", "scale-plus"):
        for name, words in (("known", "the same topic names"), ("new", "a new topic name each time")):
            growth = figures.get(SEALMQ, workload, f"{name}_growth")
            yield _at_most(
                f"{workload}: cost of a message, 10 to 100,000 subscriptions, {words}", growth, GROWTH,
                f"at most {GROWTH:g} x", f"{growth or 0:.2f} x",
            )  # fmt: skip


def _durable(figures: Figures) -> Iterator[Line]:
    for workload, words in (("durable", "each for one of 100 absent sessions"), ("durable-all", "each for all 100")):
        rate = figures.get(SEALMQ, workload, RATE)
        wanted = f"at least {ACKNOWLEDGED:,} acknowledged a second"
        if rate is None:
            yield Line(f"{workload}: {words}", wanted, NOT_MEASURED, "-")
        else:
            yield Line(f"{workload}: {words}", wanted, f"{rate:,.0f}", "yes" if rate >= ACKNOWLEDGED else "**no**")
    found = figures.facts.get("recovery", [])
    assert isinstance(found, list)
    for each in found:
        if each["broker"] == SEALMQ:
            yield Line(
                f"acknowledged and lost by `kill -9` with {each['acknowledged']:,} queued", "none", f"{each['lost']:,}",
                "yes" if not each["lost"] else "**no**",
            )  # fmt: skip
