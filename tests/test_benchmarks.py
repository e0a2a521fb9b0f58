"""docs/benchmarks.md says what was measured, and nothing else: it is what bench/page.py makes of results.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import charts
import flame
import page
import pytest
import targets

DOCS = Path(__file__).parent.parent / "docs"
RESULTS = DOCS / "benchmarks" / "results.json"


def run(broker: str, workload: str, **figures: Any) -> dict[str, Any]:
    """One round."""
    found = {
        "broker": broker,
        "workload": workload,
        "bearer": "tls",
        "round": 0,
        "description": f"what {workload} is",
        "per_second": 1_000.0,
        "broker_cpu_us_each": 10.0,
        "broker_cpu_share": 1.0,
        "broker_peak_bytes": 1_000_000,
        "latency_ms": {"p50": 1.0, "p99": 2.0, "p99.9": 3.0},
        "lost": 0,
        "duplicated": 0,
        "load_cpu_share": {"who publishes": 0.5},
        "limited_by": "broker",
        "limited_because": "the broker used 100% of a processor",
        "notes": [],
    }
    return found | figures


def facts(*runs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What beside.py writes."""
    machine = {"cpu": "a processor", "cores": 2, "memory_bytes": 2**34, "kernel": "Linux 6", "python": "3.11",
               "openssl": "OpenSSL 3", "date": "2026-01-01"}  # fmt: skip
    names = ("SealMQ", "mosquitto", "nats-server", "amqtt")
    said = {
        "machine": machine,
        "versions": dict.fromkeys(names, "1.0") | {"nats-server": ""},
        "settings": dict.fromkeys(names, "nothing"),
        "rounds": 1,
        "seconds": 3.0,
        "command": "make bench",
        "runs": list(runs),
    }
    return said | more


def measured(found: dict[str, Any], what: str) -> targets.Line:
    (line,) = [line for line in targets.lines(page.Figures(found)) if line.what == what]
    return line


@pytest.mark.parametrize("workload", [name for name, _ in targets.FASTER])
@pytest.mark.parametrize(
    ("times_cpu", "times_rate", "reached"),
    [(1.01, 1.01, "yes"), (1.01, 0.99, "by CPU alone"), (0.99, 1.01, "by rate alone"), (0.99, 0.99, "**no**")],
)
def test_a_target_is_reached_by_processor_time_and_by_rate(
    workload: str, times_cpu: float, times_rate: float, reached: str
) -> None:
    wanted = dict(targets.FASTER)[workload]
    found = facts(
        run("SealMQ", workload, broker_cpu_us_each=10.0, per_second=1_000 * wanted * times_rate),
        run("mosquitto", workload, broker_cpu_us_each=10.0 * wanted * times_cpu),
    )
    assert measured(found, workload).reached == reached


def test_of_several_rounds_the_median_counts() -> None:
    rounds = [run("SealMQ", "pairs", per_second=rate) for rate in (10.0, 9_000.0, 3_000.0)]
    figures = page.Figures(facts(*rounds))
    assert figures.get("SealMQ", "pairs", "per_second") == 3_000.0
    assert figures.get("SealMQ", "pairs", "latency_ms.p99.9") == 3.0
    assert figures.get("mosquitto", "pairs", "per_second") is None


def test_what_was_not_measured_is_not_said_to_be_reached() -> None:
    found = targets.lines(page.Figures(facts(run("SealMQ", "pairs"))))
    assert {line.reached for line in found} == {"-"}
    assert {line.measured for line in found} == {targets.NOT_MEASURED}


def test_a_lost_message_after_a_kill_is_a_target_missed() -> None:
    recovery = {"broker": "SealMQ", "queued": 10, "acknowledged": 10, "lost": 1}
    found = facts(run("SealMQ", "durable", per_second=6_000.0), recovery=[recovery])
    assert measured(found, "acknowledged and lost by `kill -9` with 10 queued").reached == "**no**"
    assert measured(found, "durable: each for one of 100 absent sessions").reached == "yes"


def test_a_storm_is_compared_with_the_calm_before_it_and_with_the_other_broker() -> None:
    found = facts(
        run("SealMQ", "storm", p99_before_ms=1.0, latency_ms={"p99": 2.9}),
        run("mosquitto", "storm", p99_before_ms=1.0, latency_ms={"p99": 2.0}),
    )
    assert measured(found, "storm: the pairs' p99 during it").reached == "yes"
    assert measured(found, "storm: the same, beside mosquitto").reached == "**no**"


def test_what_is_left_out_or_failed_or_was_not_the_brokers_limit_is_said() -> None:
    found = facts(
        run("SealMQ", "pairs", limited_by="load", limited_because="who publishes used 99% of a processor"),
        {"broker": "amqtt", "bearer": "tls", "round": 0, "workload": "pairs", "failure": "it ended"},
        profiles=[{"workload": "pairs", "failure": "py-spy is not installed"}],
    )
    text = "\n".join(page.page(page.Figures(found)))
    assert "**nats-server**: not installed here, and left out" in text
    assert "- not measured: amqtt, pairs: it ended" in text
    assert "SealMQ was not the limit: who publishes used 99% of a processor" in text
    assert "py-spy is not installed" in text


def test_charts_and_flame_graphs_are_svg() -> None:
    rows = [("pairs", {"SealMQ": 2.0, "mosquitto": 5.0}), ("none", {}), ("fan-in", {"SealMQ": 2_000.0})]
    chart = ElementTree.fromstring(charts.draw("CPU & more", "less", rows, ["SealMQ", "mosquitto"]))
    dots = [each for each in chart.iter("{http://www.w3.org/2000/svg}circle") if each.get("r") == "5.5"]
    assert len(dots) == 3
    stacks = {"a (x.py);b (broker/y.py)": 90, "a (x.py)": 10, "<c> (z.py)": 0}
    boxes = list(ElementTree.fromstring(flame.draw(stacks, "a <title>")).iter("{http://www.w3.org/2000/svg}rect"))
    assert len(boxes) == 1 + 3  # the ground, all, a, b
    assert flame.top(stacks)[0] == ("b (broker/y.py)", 0.9, 0.9)
    assert flame.top(stacks)[1] == ("a (x.py)", 0.1, 1.0)


def test_the_page_is_fresh(tmp_path: Path) -> None:
    written = page.write(json.loads(RESULTS.read_text()), tmp_path / "benchmarks")
    assert len(written) >= 4
    for path in written:
        assert path.read_text() == (DOCS / path.relative_to(tmp_path)).read_text(), (
            "run: .venv/bin/python bench/beside.py --page-only"
        )
