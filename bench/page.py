"""docs/benchmarks.md and its charts, from what beside.py has measured: no number stands there that is not in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import charts
import flame
from targets import Line, lines

SEALMQ, MOSQUITTO = "SealMQ", "mosquitto"


@dataclass(frozen=True)
class Figures:
    """What was measured, by broker, workload and bearer; of several rounds the median."""

    facts: dict[str, Any]

    @property
    def brokers(self) -> list[str]:
        """Those that were there."""
        return [name for name, version in self.facts["versions"].items() if version]

    @property
    def workloads(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(run["workload"] for run in self.facts["runs"] if run["bearer"] == "tls"))

    def runs(self, broker: str, workload: str, bearer: str = "tls") -> list[dict[str, Any]]:
        """All rounds that could be measured."""
        return [
            run
            for run in self.facts["runs"]
            if (run["broker"], run["workload"], run["bearer"]) == (broker, workload, bearer) and "failure" not in run
        ]

    def all(self, broker: str, workload: str, key: str, bearer: str = "tls") -> list[float]:
        """A figure of each round; "latency_ms.p99" is one inside another."""
        found = []
        for run in self.runs(broker, workload, bearer):
            value: Any = run
            for name in key.split(".", 1):
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None:
                found.append(float(value))
        return found

    def get(self, broker: str, workload: str, key: str, bearer: str = "tls") -> float | None:
        """The median of it; None where there is none."""
        found = self.all(broker, workload, key, bearer)
        return median(found) if found else None

    def ratio(self, key: str, above: tuple[str, str], below: tuple[str, str], bearer: str = "tls") -> float | None:
        """One broker's and workload's median by another's."""
        over, under = self.get(*above, key, bearer), self.get(*below, key, bearer)
        return over / under if over is not None and under else None

    def failures(self) -> list[str]:
        """What could not be measured, in words."""
        words = [
            f"{run['broker']}, {run['workload']}: {run['failure']}" for run in self.facts["runs"] if "failure" in run
        ]
        return list(dict.fromkeys(words))


def write(facts: dict[str, Any], folder: Path) -> list[Path]:
    """The page beside `folder`, the charts in it; what was written."""
    figures = Figures(facts)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {folder.parent / "benchmarks.md": "\n".join(page(figures)) + "\n"}
    for name, title, below, key in CHARTS:
        rows = [
            (workload, {broker: value for broker in figures.brokers if (value := figures.get(broker, workload, key))})
            for workload in figures.workloads
            if workload not in PACED or key.startswith("latency")
        ]
        texts[folder / f"{name}.svg"] = charts.draw(title, below, rows, figures.brokers)
    for found in facts.get("profiles", []):
        if "stacks" in found:
            title = f"{found['workload']}: where SealMQ's time goes"
            texts[folder / f"flame-{found['workload']}.svg"] = flame.draw(found["stacks"], title)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


CHARTS = (
    ("cpu", "Processor time of the broker for each message, µs", "or connection; less is better", "broker_cpu_us_each"),
    ("rate", "Messages a second", "or connections; more is better, and the load shares the machine", "per_second"),
    (
        "p99",
        "Latency, 99 of 100, ms",
        "less is better; where a broker is full it is that of its queue",
        "latency_ms.p99",
    ),
)
PACED = ("paced", "idle", "storm")
"""The load keeps a pace: rate and cost say nothing."""


def page(figures: Figures) -> Iterator[str]:
    """Its lines."""
    facts = figures.facts
    yield from (
        "# Benchmarks",
        "",
        "Written by `make bench` from [results.json](benchmarks/results.json), which has every round: change neither",
        "by hand. Each number was measured in that one run. `python bench/beside.py --page-only` writes it again.",
        "",
    )
    yield from _targets(lines(figures))
    yield from _machine(figures)
    yield from _how(facts)
    yield from _everything(figures, "tls", "Over TLS 1.3 with client certificates")
    yield from _charts()
    yield from _beside(figures)
    yield from _encryption(figures)
    yield from _handshakes_and_memory(figures)
    yield from _storm(figures)
    yield from _durable(figures)
    yield from _scale(figures)
    yield from _limits(figures)
    yield from _profiles(facts)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns behind the first are aligned to the right."""
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def digits(value: float | None, unit: str = "") -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    number = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{number}{unit}"


def share(value: float | None) -> str:
    """A part of a processor."""
    return "-" if value is None else f"{value:.0%}"


# -- the sections --------------------------------------------------------------------------------------------------


def _targets(found: list[Line]) -> Iterator[str]:
    yield from ("## What was to be reached, and what was", "")
    yield (
        "Against Debian's mosquitto, over TLS with client certificates, unless the line says otherwise. `x` is how many"
    )
    yield from ("times better SealMQ is: medians of all rounds, one by the other.", "")
    yield from table(
        ("", "wanted", "measured", "reached"), [(line.what, line.wanted, line.measured, line.reached) for line in found]
    )


def _machine(figures: Figures) -> Iterator[str]:
    facts = figures.facts
    machine = facts["machine"]
    yield from ("## The machine", "")
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB"
    yield f"{machine['cpu']}, {machine['cores']} cores, {memory}; {machine['kernel']}; Python {machine['python']} with"
    yield f"{machine['openssl']}; {machine['date']}. The load and the broker share the cores."
    yield ""
    for name, version in facts["versions"].items():
        yield f"- **{version or name}**: {facts['settings'][name] if version else 'not installed here, and left out'}"
    yield ""


def _how(facts: dict[str, Any]) -> Iterator[str]:
    yield from ("## How", "", "```console", f"$ {facts['command']}", "```", "")
    minutes = f" It took {facts['minutes']} minutes." if "minutes" in facts else ""
    yield from (
        f"Each workload is sent for {facts['seconds']:g} seconds, by the brokers in turn; rounds: {facts['rounds']},",
        "of what grows, what is without TLS, some that take long, and brokers beyond SealMQ and mosquitto two at most.",
        "Each broker is started afresh for it, with the same certificates, TLS 1.3 and TCP_NODELAY. The load is that",
        f"of [`sealmq bench`](howto/measure.md).{minutes}",
        "",
        "CPU µs is the broker's processor time for each message that came, or connection that was made: it holds on a",
        "busy machine too. *load* is what the busiest process of the load used of a processor: near 100 % it may be",
        "the load that allows no more, and with few cores the load takes time from the broker. *limited by* says what",
        "the run saw; *lost* and *twice* are sums of all rounds.",
        "",
    )


def _everything(figures: Figures, bearer: str, title: str) -> Iterator[str]:
    yield from (f"## {title}", "")
    heads = ("", "a second", "CPU µs (all rounds)", "CPU", "load", "p50 ms", "p99 ms", "p99.9 ms", "peak MB", "lost",
             "twice", "limited by")  # fmt: skip
    rows = []
    for workload in figures.workloads:
        known = [broker for broker in figures.brokers if figures.runs(broker, workload, bearer)]
        if not known:
            continue
        told = figures.runs(known[0], workload, bearer)[0]["description"]
        rows.append((f"**{workload}**: {told}", *[""] * (len(heads) - 1)))
        rows += [(broker, *_row(figures, broker, workload, bearer)) for broker in known]
    yield from table(heads, rows)


def _row(figures: Figures, broker: str, workload: str, bearer: str) -> tuple[str, ...]:
    def get(key: str) -> float | None:
        return figures.get(broker, workload, key, bearer)

    runs = figures.runs(broker, workload, bearer)
    costs = figures.all(broker, workload, "broker_cpu_us_each", bearer)
    spread = f" ({digits(min(costs))} to {digits(max(costs))})" if len(costs) > 1 else ""
    load = median(max(run["load_cpu_share"].values(), default=0.0) for run in runs)
    words = [run["limited_by"] for run in runs]
    peak = get("broker_peak_bytes")
    is_paced = workload in PACED
    return (
        "-" if is_paced else digits(get("per_second")),
        "-" if is_paced else f"{digits(get('broker_cpu_us_each'))}{spread}",
        share(get("broker_cpu_share")),
        share(load) if load else "-",
        *(digits(get(f"latency_ms.{mark}")) for mark in ("p50", "p99", "p99.9")),
        "-" if peak is None else f"{peak / 1e6:,.0f}",
        f"{sum(run['lost'] for run in runs):,}",
        f"{sum(run['duplicated'] for run in runs):,}",
        ", ".join(dict.fromkeys(words)),
    )


def _charts() -> Iterator[str]:
    for name, title, _, _ in CHARTS:
        yield from (f"![{title}](benchmarks/{name}.svg)", "")


def _beside(figures: Figures) -> Iterator[str]:
    others = [broker for broker in figures.brokers if broker != SEALMQ]
    yield from (
        "## SealMQ beside the others",
        "",
        "How many times as much for the same processor time, and at what rate:",
    )
    yield ""
    rows = []
    for workload in figures.workloads:
        cells = []
        for other in others:
            cpu = figures.ratio("broker_cpu_us_each", (other, workload), (SEALMQ, workload))
            rate = figures.ratio("per_second", (SEALMQ, workload), (other, workload))
            cells += [digits(cpu, " x"), digits(rate, " x")]
        if workload not in PACED and any(cell != "-" for cell in cells):
            rows.append((workload, *cells))
    heads = [head for other in others for head in (f"{other}: CPU", f"{other}: rate")]
    yield from table(("", *heads), rows)


def _encryption(figures: Figures) -> Iterator[str]:
    rows = []
    for workload in figures.workloads:
        for broker in figures.brokers:
            plain = figures.get(broker, workload, "broker_cpu_us_each", "plaintext")
            if plain is None:
                continue
            tls = figures.get(broker, workload, "broker_cpu_us_each")
            more = "-" if tls is None else f"{tls / plain:.2f} x"
            rates = [digits(figures.get(broker, workload, "per_second", bearer)) for bearer in ("plaintext", "tls")]
            rows.append((workload, broker, digits(plain), digits(tls), more, *rates))
    if rows:
        yield from ("## What encryption costs", "", "The same over plaintext on loopback, and over TLS.", "")
        heads = ("", "", "CPU µs plaintext", "CPU µs TLS", "TLS by plaintext", "a second plaintext", "a second TLS")
        yield from table(heads, rows)


def _handshakes_and_memory(figures: Figures) -> Iterator[str]:
    yield from ("## Handshakes and links", "")
    rows = []
    for broker in figures.brokers:
        cells = [broker]
        for version in ("1.3", "1.2"):
            full, resumed = f"handshakes-{version}", f"handshakes-{version}-resumed"
            part = figures.ratio("broker_cpu_us_each", (broker, resumed), (broker, full))
            cells += [digits(figures.get(broker, name, "broker_cpu_us_each")) for name in (full, resumed)]
            cells.append(share(part))
        memory = figures.get(broker, "idle", "bytes_per_link")
        cells.append("-" if memory is None else f"{memory / 1e3:.1f}")
        rows.append(cells)
    heads = ["", "CPU µs, TLS 1.3", "resumed", "part", "CPU µs, TLS 1.2", "resumed", "part", "KB for an idle link"]
    yield from table(heads, rows)
    yield from (
        "A connection is TCP, TLS, CONNECT, CONNACK and DISCONNECT. SealMQ lets nobody in who proves nothing: without",
        "a client certificate it checks a password, whose cost is meant; so handshakes without one are not compared.",
        "",
    )


def _storm(figures: Figures) -> Iterator[str]:
    rows = []
    for broker in figures.brokers:
        before, during = (figures.get(broker, "storm", key) for key in ("p99_before_ms", "latency_ms.p99"))
        back = figures.get(broker, "storm", "back_after_seconds")
        paced = figures.get(broker, "paced", "latency_ms.p99")
        if before is not None or paced is not None:
            times = digits(during / before, " x") if before and during else "-"
            rows.append((broker, digits(paced), digits(before), digits(during), times, digits(back)))
    yield from ("## At ease, and in a storm", "")
    heads = ("", "paced: p99 ms", "storm: p99 ms before", "during", "times", "all back after s")
    yield from table(heads, rows)


def _durable(figures: Figures) -> Iterator[str]:
    yield from ("## What survives", "")
    rows = []
    for workload in ("durable", "durable-all"):
        for broker in figures.brokers:
            if not figures.runs(broker, workload):
                continue
            keys = ("per_second", "broker_cpu_us_each", "latency_ms.p50", "latency_ms.p99", "written_bytes_each")
            rows.append((workload, broker, *(digits(figures.get(broker, workload, key)) for key in keys)))
    heads = ("", "", "acknowledged a second", "CPU µs each", "p50 ms to PUBACK", "p99 ms", "bytes written each")
    yield from table(heads, rows)
    yield from (
        "SealMQ acknowledges after the commit that holds the message. mosquitto acknowledges before anything is on the",
        "disk and saves every 30 minutes by default, so that it writes nothing meanwhile. The absent came back",
        "afterwards and counted: what was acknowledged and did not come stands as *lost* in the table above.",
        "",
    )
    found = figures.facts.get("recovery", [])
    if found:
        yield from (
            f"With {found[0]['queued']:,} messages queued so for 100 absent sessions, `kill -9`, and a new start:",
            "",
        )
        rows = [
            (
                each["broker"],
                f"{each['acknowledged']:,}",
                f"{each['disk_bytes'] / 1e6:,.0f}",
                digits(each["first_connack_seconds"]),
                digits(each["read_seconds"]),
                f"{each['lost']:,}",
                f"{each['duplicated']:,}",
            )
            for each in found
        ]
        heads = (
            "",
            "acknowledged",
            "MB on the disk",
            "s to the first CONNACK",
            "s until all were read",
            "lost",
            "twice",
        )
        yield from table(heads, rows)


def _scale(figures: Figures) -> Iterator[str]:
    yield from ("## What grows", "", "CPU µs for each message of the pairs, beside what does not concern them:", "")
    rows = []
    for workload in (each for each in figures.workloads if each.startswith("scale-")):
        for broker in figures.brokers:
            for name, words in (("known", "the same topic names"), ("new", "a new topic name each time")):
                steps = sorted(
                    {
                        int(key.rsplit("_", 1)[1])
                        for run in figures.runs(broker, workload)
                        for key in run
                        if key.startswith(f"{name}_us_")
                    }
                )
                if steps:
                    ends = (steps[0], steps[-1])
                    cells = [
                        f"{digits(figures.get(broker, workload, f'{name}_us_{step}'))} (beside {step:,})"
                        for step in ends
                    ]
                    growth = figures.get(broker, workload, f"{name}_growth")
                    rows.append((workload, broker, words, *cells, digits(growth, " x")))
    yield from table(("", "", "", "little", "much", "growth"), rows)
    yield from (
        "`scale-rules` compares one access rule that allows everything with 1,000 asked before it. A new topic name",
        "each time means 100,000 names in turn, more than SealMQ remembers the routes of.",
        "",
    )


def _limits(figures: Figures) -> Iterator[str]:
    yield from ("## What the run says of itself", "")
    for workload in figures.workloads:
        for run in figures.runs(SEALMQ, workload):
            if run["limited_by"] not in ("broker", "pace"):
                yield f"- {workload}, round {run['round'] + 1}: SealMQ was not the limit: {run['limited_because']}"
    notes = {
        f"- {run['broker']}, {run['workload']}: {note}"
        for run in figures.facts["runs"]
        for note in run.get("notes", [])
        if "ended" in note
        or "never" in note
        or "kept" in note
        or "late" in note
        or "not let in" in note
        or " rule" in note
    }
    yield from sorted(notes)
    yield from (f"- not measured: {words}" for words in figures.failures())
    yield ""


def _profiles(facts: dict[str, Any]) -> Iterator[str]:
    yield from ("## Where SealMQ's time goes", "")
    for found in facts.get("profiles", []):
        if "stacks" not in found:
            yield from (f"`{found['workload']}`: {found['failure']}.", "")
            continue
        count = sum(found["stacks"].values())
        yield from (f"`{found['workload']}`: {count:,} looks at the stack, {found['a_second']} a second.", "")
        yield from (f"![Flame graph of {found['workload']}](benchmarks/flame-{found['workload']}.svg)", "")
        rows = [(f"`{name}`", f"{alone:.1%}", f"{both:.1%}") for name, alone, both in flame.top(found["stacks"])]
        yield from table(("function", "itself", "with what it calls"), rows)
