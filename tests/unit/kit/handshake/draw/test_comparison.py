"""Runs side by side: medians of what was measured, and "-" for what was not."""

from __future__ import annotations

import dataclasses
import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from consoles import console, widest, written
from sealmq.kit.handshake.draw.comparison import (
    Cell,
    Column,
    Comparison,
    Row,
    as_json,
    rows,
    show_comparison,
    signatures_made,
    signatures_verified,
    spread,
)
from sealmq.kit.handshake.report import Report


def slower(report: Report, factor: float) -> Report:
    handshake = report.timing.handshake
    assert handshake is not None
    return dataclasses.replace(report, timing=dataclasses.replace(report.timing, handshake=handshake * factor))


COMPARISON = Comparison(
    (
        Column("TLS 1.2", (reports.classic(),)),
        Column("TLS 1.3", tuple(slower(reports.good(), factor) for factor in (1.0, 3.0, 1.5)), "with mTLS"),
        Column("refused", (reports.refused(), reports.unreachable())),
    )
)
HOSTILE = Comparison(tuple(Column(words, (reports.hostile(),), words) for words in reports.HOSTILE))


def row(identity: str, comparison: Comparison = COMPARISON) -> Row:
    return next(each for each in rows(comparison) if each.id == identity)


def test_of_several_runs_the_median_stands_there_with_its_spread() -> None:
    cell = row("time").cells[1]
    assert cell.value == pytest.approx(0.00558)
    assert cell.text == "5.58 ms (3.72 ms to 11.16 ms)"
    assert row("time").cells[0] == Cell("86.20 ms", 0.0862, 0.0862, 0.0862)


def test_another_library_is_named_once() -> None:
    assert as_json(COMPARISON)["library"] == ""
    named = dataclasses.replace(COMPARISON, library="OpenSSL 4.0.3 by pyOpenSSL 26.4.0")
    assert as_json(named)["library"] == named.library
    on = console(120)
    show_comparison(named, on)
    assert written(on).count(f"dialled with {named.library}") == 1


def test_what_did_not_end_well_counts_for_nothing_but_its_outcome() -> None:
    assert row("outcome").cells[2].text == "refused or unreachable"
    assert {row(key).cells[2] for key in ("time", "sent", "made", "verified", "certificates")} == {Cell("-")}


def test_figures_are_those_of_the_report() -> None:
    told = {each.id: [cell.text for cell in each.cells[:2]] for each in rows(COMPARISON)}
    assert told["version"] == ["TLS 1.2", "TLS 1.3"]
    assert told["round-trips"] == ["2", "1"]
    assert told["flights"] == ["6", "4"]
    assert told["largest-record"] == ["1,124 B", "1,124 B"]
    assert told["certificates"] == ["1,082 B", "1,643 B"]
    assert told["made"] == ["0", "1"]
    assert told["resumed"] == ["no", "no"]


def test_signatures_are_counted_as_the_client_has_them() -> None:
    assert signatures_made(reports.good()) == 1
    assert signatures_verified(reports.good()) == 3  # one proof, two certificates
    assert signatures_verified(dataclasses.replace(reports.good(), chain=None)) == 0
    assert signatures_made(reports.unreachable()) is signatures_verified(reports.unreachable()) is None


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_the_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    cell = spread(values, "")
    assert cell.least is not None
    assert cell.value is not None
    assert cell.most is not None
    assert cell.least <= cell.value <= cell.most
    assert cell.value == statistics.median(values)


def test_nothing_measured_is_no_zero() -> None:
    assert spread([], "bytes") == Cell("-")
    assert spread([0], "bytes").text == "0 B"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("comparison", [COMPARISON, HOSTILE, Comparison(())], ids=["three", "hostile", "none"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_line_is_wider_than_the_terminal(comparison: Comparison, width: int, encoding: str) -> None:
    on = console(width, encoding=encoding)
    show_comparison(comparison, on)
    assert widest(written(on)) <= width
    assert written(on).replace("\n", "").isprintable()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_stands_in_the_table_or_below_its_name(width: int) -> None:
    on = console(width)
    show_comparison(COMPARISON, on)
    words = " ".join(written(on).split())
    for each in ("TLS 1.2", "3 runs", "signatures verified", "largest record", "with mTLS", "5.58 ms"):
        assert each in words
    assert (width == 60) == ("handshake: 86.20 ms" in words)


def test_json_has_all_of_it() -> None:
    made = json.loads(json.dumps(as_json(COMPARISON), allow_nan=False))
    assert [each["runs"] for each in made["columns"]] == [1, 3, 2]
    assert [each["id"] for each in made["rows"]] == [each.id for each in rows(COMPARISON)]
    assert made["rows"][5]["cells"][2] == {"text": "-", "value": None, "least": None, "most": None}
    json.dumps(as_json(HOSTILE)).encode()
