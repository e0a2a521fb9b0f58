"""SealMQ beside the other brokers that this machine has: what `make bench` runs.

    python bench/beside.py [--rounds 3] [--seconds 3] [--queued 1000000] [--brokers NAME ...] [WORKLOAD ...]
    python bench/beside.py --page-only

The brokers take turns in each round of each workload, so that a busy machine is busy for all of them. What was measured
goes to docs/benchmarks/results.json, and from there alone, by page.py, to docs/benchmarks.md and its charts:
`--page-only` writes these again. With workloads or brokers named, nothing is written but what is printed.
Loopback only, Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import page
import profiles
import recovery
from bounded import new_home, say
from brokers import BROKERS, ROOT, Peer, Setting, add_account
from clients import ATTACKING

from sealmq.errors import Error
from sealmq.kit.bench.run import Bounds, failed, run
from sealmq.kit.bench.watch import Watch
from sealmq.kit.bench.workloads import Durable, Flow, Scale, Workload, find

OURS = ("SealMQ", "mosquitto")
FLOWS = ("pairs", "pairs-1k", "fan-in", "fan-out", "fan-out-1000", "telemetry", "telemetry-1", "commands")
OTHERS = ("pairs", "pairs-1k", "fan-in", "fan-out", "telemetry", "telemetry-1", "commands", "handshakes-1.3")
"""What all brokers are measured by; the rest is for SealMQ and mosquitto."""

HANDSHAKES = ("handshakes-1.3", "handshakes-1.3-resumed", "handshakes-1.2", "handshakes-1.2-resumed")
REST = ("paced", *HANDSHAKES, "idle", "storm", "durable", "durable-all")
SCALES = ("scale-exact", "scale-plus", "scale-hash", "scale-retained", "scale-rules")
PLAINTEXT = ("pairs", "pairs-1k", "telemetry")
"""Without TLS: workloads of few connections, as SealMQ checks a password for each of them, which takes its time."""

RULES = 1_000
SELDOM = 2
"""Rounds at most of what compares a broker to itself, of what takes long, and of brokers that are none of OURS."""

IN_TWO = (*SCALES, "fan-out-1000", "handshakes-1.2", "handshakes-1.2-resumed", "idle")

RESULTS = ROOT / "docs" / "benchmarks" / "results.json"
UNFINISHED = RESULTS.with_suffix(".part")


@dataclass(frozen=True)
class Job:
    """A workload by some brokers, so many times."""

    workload: str
    brokers: tuple[str, ...]
    rounds: int
    plaintext: bool = False

    def of_round(self, number: int) -> list[str]:
        """Who takes part in this round."""
        return [each for each in self.brokers if each in OURS or number < SELDOM]


@dataclass
class Report:
    """All that was measured. It is written into `file` after each step: what ends early is not lost."""

    file: Path | None
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, found: dict[str, Any]) -> None:
        """One more."""
        self.facts.setdefault(kind, []).append(found)
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.facts, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """On what it was measured."""
    cpu = Path("/proc/cpuinfo").read_text()
    memory = Path("/proc/meminfo").read_text().split("\n", 1)[0].split()
    model = next((line.split(":", 1)[1].strip() for line in cpu.splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": int(memory[1]) * 1024,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def plan(names: list[str], brokers: list[str], rounds: int) -> list[Job]:
    """What is measured, in this order."""
    jobs = []
    for workload in (*FLOWS, *REST, *SCALES):
        measured = tuple(each for each in brokers if each in OURS or workload in OTHERS)
        jobs.append(Job(workload, measured, min(rounds, SELDOM) if workload in IN_TWO else rounds))
    ours = tuple(each for each in brokers if each in OURS)
    jobs += [Job(workload, ours, min(rounds, SELDOM), plaintext=True) for workload in PLAINTEXT]
    return [job for job in jobs if not names or job.workload in names]


def measure(job: Job, peer: Peer, home: Path, seconds: float) -> dict[str, Any]:
    """One workload by one broker that was started for it."""
    if job.workload == "scale-rules":
        return measure_rules(peer, home, seconds / 2)
    (workload,) = find([job.workload])
    keeps = isinstance(workload, Durable)
    queues = keeps or (isinstance(workload, Flow) and workload.qos > 0)
    setting = Setting(plaintext=job.plaintext, keeps=keeps, queues=queues)
    # A scale is four flows one after the other: each gets half of the time.
    return _one(peer, home, setting, workload, seconds / 2 if isinstance(workload, Scale) else seconds)


def _one(peer: Peer, home: Path, setting: Setting, workload: Workload, seconds: float) -> dict[str, Any]:
    try:
        with peer.started(home, setting) as broker:
            result = run(workload, broker.target, Watch(broker.pid), Bounds(seconds), "bench", lambda doing, part: None)
    except Error as error:
        result = failed(workload, error)
    return result.as_json()


def measure_rules(peer: Peer, home: Path, seconds: float) -> dict[str, Any]:
    """Pairs where one rule is asked, and where a thousand are asked before it."""
    (scale,) = find(["scale-exact"])
    assert isinstance(scale, Scale)
    found: dict[str, Any] = {}
    costs: dict[str, float] = {}
    notes: list[str] = []
    for rules in (1, RULES):
        # Few on their way, as a broker that asks every rule for every new name needs long for 20,000.
        for name, flow in (("new", replace(scale.new, lead=100)), ("known", scale.known)):
            found = _one(peer, home, Setting(rules=rules), flow, seconds)
            if "failure" in found:
                return found | {"workload": "scale-rules"}
            costs[f"{name}_us_{rules}"] = found["broker_cpu_us_each"]
            words = "a new topic name each time" if name == "new" else "the same topic names"
            notes.append(
                f"{rules:,} rule{'s' * (rules > 1)}, {words}:"
                f" {found['per_second']:,.0f} messages a second, {found['broker_cpu_share']:.0%} of a processor"
            )
    growths = {f"{name}_growth": costs[f"{name}_us_{RULES}"] / costs[f"{name}_us_1"] for name in ("known", "new")}
    told = f"pairs where {RULES:,} access rules are asked before the one that allows it"
    return found | {"workload": "scale-rules", "description": told, "notes": notes} | costs | growths


def in_words(found: dict[str, Any]) -> str:
    """One line."""
    if "failure" in found:
        return f"not measured: {found['failure']}"
    marks = "/".join(f"{found['latency_ms'].get(mark, 0.0):.1f}" for mark in ("p50", "p99", "p99.9"))
    return (
        f"{found['per_second']:>11,.0f}/s {found['broker_cpu_us_each'] or 0.0:>9.2f} us"
        f" {found['broker_cpu_share'] or 0.0:>5.0%}  {marks} ms  lost {found['lost']:,}  {found['limited_by']}"
        f"  load {os.getloadavg()[0]:.1f}"
    )


@contextlib.contextmanager
def home_with_account() -> Iterator[Path]:
    """A home for the whole run: its certificates are everybody's."""
    with new_home(0, operators=[ATTACKING]) as home:
        add_account(home)
        yield home


def measure_all(report: Report, options: argparse.Namespace, brokers: list[str]) -> None:
    """Everything, in turn."""
    jobs = plan(options.workloads, brokers, options.rounds)
    count = sum(len(job.of_round(number)) for job in jobs for number in range(job.rounds))
    began, place = time.monotonic(), 0
    with home_with_account() as home:
        for job in jobs:
            for number in range(job.rounds):
                for name in job.of_round(number):
                    place += 1
                    found = measure(job, BROKERS[name], home, options.seconds)
                    bearer = "plaintext" if job.plaintext else "tls"
                    report.add("runs", {"broker": name, "bearer": bearer, "round": number, **found})
                    words = f"{job.workload}{' plaintext' if job.plaintext else ''}"
                    say(f"[{place}/{count}, {time.monotonic() - began:.0f} s] {name:<12}{words:<24}{in_words(found)}")
        if not options.workloads or "recovery" in options.workloads:
            for name in [each for each in brokers if each in OURS]:
                try:
                    found = recovery.recover(BROKERS[name], home, options.queued)
                except Error as error:
                    run_ = {"broker": name, "bearer": "tls", "round": 0, "workload": "recovery"}
                    report.add("runs", run_ | {"failure": f"{error.what}: {error.why}".rstrip(": ")})
                    continue
                report.add("recovery", found)
                say(f"[recovery, {time.monotonic() - began:.0f} s] {recovery.in_words(found)}")
        if not options.workloads or "profile" in options.workloads:
            for name in profiles.WORKLOADS if "SealMQ" in brokers else ():
                say(f"[profile, {time.monotonic() - began:.0f} s] {name}")
                report.add("profiles", profiles.take(name, home, options.seconds))


def main() -> None:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="for which each one sends")
    parser.add_argument("--queued", type=int, default=1_000_000, help="messages that wait when the broker is killed")
    parser.add_argument("--brokers", nargs="+", choices=BROKERS, help="these alone")
    parser.add_argument("--page-only", action="store_true", help="write the page again, from what was measured")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="these alone; recovery and profile are two")
    options = parser.parse_args()
    if not options.page_only:
        versions = {name: BROKERS[name].version() for name in options.brokers or BROKERS}
        for name in [name for name, version in versions.items() if not version]:
            say(f"{name} is not installed here: it is left out")
        is_whole = not options.workloads and not options.brokers
        report = Report(UNFINISHED if is_whole else None)
        report.facts |= {
            "machine": machine(),
            "versions": versions,
            "settings": {name: peer.told for name, peer in BROKERS.items()},
            "rounds": options.rounds,
            "seconds": options.seconds,
            "command": f"make bench ROUNDS={options.rounds} SECONDS={options.seconds:g} QUEUED={options.queued}",
        }
        began = time.monotonic()
        measure_all(report, options, [name for name, version in versions.items() if version])
        if not is_whole:
            return
        report.facts["minutes"] = round((time.monotonic() - began) / 60, 1)
        RESULTS.write_text(json.dumps(report.facts, indent=1) + "\n")
        UNFINISHED.unlink(missing_ok=True)
    if not RESULTS.exists():
        sys.exit(f"nothing was measured yet: there is no {RESULTS}\n  next: make bench")
    written = page.write(json.loads(RESULTS.read_text()), RESULTS.parent)
    say(f"written: {', '.join(str(each.relative_to(ROOT)) for each in written)}")


if __name__ == "__main__":
    main()
