"""Figures, and the sentence that says what did not allow more."""

from __future__ import annotations

import json

import pytest

from sealmq.kit.bench.crew import Used
from sealmq.kit.bench.result import Result


def result(**more: object) -> Result:
    return Result("pairs", "ten pairs", count=1_000_000, seconds=4.0, **more)  # type: ignore[arg-type]


def test_rates_and_costs_are_divisions() -> None:
    one = result(cpu=2.0)
    assert (one.rate, one.cost, one.broker_share) == (250_000.0, 2.0, 0.5)


def test_nothing_divides_by_nothing() -> None:
    empty = Result("pairs", "", cpu=1.0)
    assert (empty.rate, empty.cost, empty.broker_share) == (0.0, None, None)
    assert result().cost is None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"cpu": 3.9, "load": {"who publishes": Used(0.3, 0.0)}}, "broker"),
        ({"cpu": 3.9, "load": {"who publishes": Used(0.99, 0.0)}}, "broker"),
        ({"cpu": 1.0, "load": {"who publishes": Used(0.3, 0.0), "who subscribes": Used(0.97, 0.0)}}, "load"),
        ({"cpu": None, "load": {"who subscribes": Used(0.97, 0.0)}}, "load"),
        ({"cpu": None, "load": {"who subscribes": Used(0.5, 0.0)}}, "not known"),
        ({"cpu": 2.4, "waited": 1.2, "load": {"who subscribes": Used(0.5, 0.0)}}, "machine"),
        ({"cpu": 2.4, "load": {"who publishes": Used(0.6, 0.0), "who subscribes": Used(0.4, 0.5)}}, "machine"),
        ({"cpu": 1.0, "load": {"who subscribes": Used(0.2, 0.0)}}, "round trips"),
        ({"cpu": 1.0, "load": {"who subscribes": Used(0.2, 0.0)}, "is_paced": True}, "pace"),
        ({"cpu": 1.0}, "round trips"),
    ],
)
def test_it_says_who_was_busy(more: dict[str, object], word: str) -> None:
    found, sentence = result(**more).limit()
    assert found == word
    assert len(sentence) > 20


def test_who_loads_and_is_full_is_named_with_its_share() -> None:
    _, sentence = result(cpu=1.0, load={"who subscribes": Used(0.97, 0.0)}).limit()
    assert sentence.startswith("who subscribes used 97% of a processor, the broker 25%")


def test_json_has_every_figure() -> None:
    one = result(
        cpu=2.0, latency={"p50": 1.23456}, lost=3, duplicated=2, peak=5, extra={"links": 4.0}, notes=["a sentence"]
    )
    told = json.loads(json.dumps(one.as_json()))
    assert told["per_second"] == 250_000.0
    assert told["broker_cpu_us_each"] == 2.0
    assert told["latency_ms"] == {"p50": 1.235}
    assert (told["lost"], told["duplicated"], told["broker_peak_bytes"], told["links"]) == (3, 2, 5, 4.0)
    assert told["notes"] == ["a sentence"]


def test_what_could_not_be_measured_has_no_figures() -> None:
    assert Result("pairs", "", failure="no").as_json().keys() == {"workload", "description", "failure"}
