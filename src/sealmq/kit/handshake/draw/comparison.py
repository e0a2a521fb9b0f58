"""Several connections side by side: TLS 1.2 beside 1.3, with and without a client certificate, resumed, post-quantum.

Rule 1: of several runs the median stands there, with the least and the most beside it; nothing is left out, and a run
        that did not end well counts for no figure but its outcome.
Rule 2: what was not measured is "-", never 0.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.handshake.draw.words import in_bytes, in_time, many, one_line
from sealmq.kit.handshake.flights import SEGMENTS, segments
from sealmq.kit.handshake.report import Chain, Kind, Report

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Column:
    """Runs of the same kind. name: what was done otherwise here. note: one sentence, or "" for none."""

    name: str
    reports: tuple[Report, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is compared. library: by which TLS library it was dialled, "" for Python's own."""

    columns: tuple[Column, ...]
    library: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one column: the median of its runs, the least and the most; None: not measured.

    text: the same in words.
    """

    text: str
    value: float | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all columns. unit: "bytes", "seconds", "" for a number or for words."""

    id: str
    title: str
    unit: str
    cells: tuple[Cell, ...]


Measure = Callable[[Report], float | None]
"""A figure of one run."""


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """Everything that is compared, row by row."""
    told = [_told(identity, title, tell, comparison) for identity, title, tell in _WORDS]
    figures = [_figure(identity, title, unit, of, comparison) for identity, title, unit, of in _FIGURES]
    return (*told, *figures)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as what `json.dumps` takes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "library": one_line(comparison.library),
        "columns": [
            {"name": one_line(each.name), "note": one_line(each.note), "runs": len(each.reports)}
            for each in comparison.columns
        ],
        "rows": [
            {
                "id": row.id,
                "title": row.title,
                "unit": row.unit,
                "cells": [dataclasses.asdict(cell) for cell in row.cells],
            }
            for row in rows(comparison)
        ],
    }  # fmt: skip


def show_comparison(comparison: Comparison, console: Console) -> None:
    """A table with a column for each; where there is no room for it, one block for each column."""
    pen = Pen(console)
    found = rows(comparison)
    if pen.width < 22 + 18 * len(comparison.columns):
        for place, column in enumerate(comparison.columns):
            pen.paragraph((column.name, "bold"), f" ({many(len(column.reports), 'run')})")
            for row in found:
                pen.paragraph((f"{row.title}: ", "dim"), row.cells[place].text, indent=2, hanging=4)
    else:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, safe_box=True)
        table.add_column(no_wrap=True)
        for column in comparison.columns:
            heading = pen.words((column.name, "bold"), (f", {many(len(column.reports), 'run')}", "dim"), most=60)
            table.add_column(heading, overflow="fold")
        for row in found:
            table.add_row(pen.words(row.title), *(pen.words(cell.text) for cell in row.cells))
        console.print(table, width=pen.width)
    if comparison.library:
        pen.paragraph(("dialled with ", "dim"), comparison.library)
    for column in comparison.columns:
        if column.note:
            pen.paragraph((f"{column.name}: ", "bold"), column.note, hanging=2)


# --- what is compared


def _agreed(name: str) -> Callable[[Report], str]:
    return lambda report: str(getattr(report.negotiated, name)) if report.negotiated else ""


def _resumed(report: Report) -> str:
    return ("yes" if report.negotiated.resumed else "no") if report.negotiated else ""


def _largest_record(report: Report) -> float | None:
    cost = report.cost
    return max(cost.largest_record_sent, cost.largest_record_received) if cost else None


def signatures_made(report: Report) -> float | None:
    """By the client: one if it proved its key."""
    return _count(report, Sender.CLIENT, ("CertificateVerify",)) if report.messages else None


def signatures_verified(report: Report) -> float | None:
    """By the client: the server's proof of its key, and one for each certificate that it showed; 0 without any."""
    if not report.messages:
        return None
    proofs = _count(report, Sender.SERVER, ("CertificateVerify", "ServerKeyExchange"))
    return proofs + len(report.chain.certificates) if report.chain else 0


def _count(report: Report, sender: Sender, names: Sequence[str]) -> int:
    return sum(one.sender is sender and one.name in names for one in report.messages)


def _certificate_bytes(report: Report) -> float | None:
    def size(chain: Chain | None) -> int:
        return sum(each.size for each in chain.certificates) if chain else 0

    return size(report.chain) + size(report.client_chain) if report.messages else None


def _shares(report: Report) -> float | None:
    """Of both ends: what is sent for the keys alone."""
    exchange = report.key_exchange
    return exchange.client_bytes + exchange.server_bytes if exchange else None


def _hello(report: Report) -> float | None:
    first = next((one for one in report.messages if (one.sender, one.name) == (Sender.CLIENT, "ClientHello")), None)
    if first is None:
        return None
    return sum(one.length for one in report.records if one.number in first.records) or first.size


def _hello_segments(report: Report) -> float | None:
    size = _hello(report)
    return None if size is None else segments(round(size), SEGMENTS[1])


_WORDS: Final[tuple[tuple[str, str, Callable[[Report], str]], ...]] = (
    ("outcome", "outcome", lambda report: report.outcome.kind.value),
    ("version", "version", _agreed("version")),
    ("suite", "suite", _agreed("suite")),
    ("group", "group", _agreed("group")),
    ("resumed", "resumed", _resumed),
)
_FIGURES: Final[tuple[tuple[str, str, str, Measure], ...]] = (
    ("time", "handshake", "seconds", lambda report: report.timing.handshake),
    ("processor", "our processor", "seconds", lambda report: report.timing.processor),
    ("connack", "until CONNACK", "seconds", lambda report: report.timing.connack),
    ("flights", "flights", "", lambda report: len(report.flights) if report.flights else None),
    ("round-trips", "round trips", "", lambda report: report.cost.round_trips if report.cost else None),
    ("sent", "sent", "bytes", lambda report: report.cost.sent if report.cost else None),
    ("received", "received", "bytes", lambda report: report.cost.received if report.cost else None),
    ("shares", "key exchange", "bytes", _shares),
    ("hello", "ClientHello", "bytes", _hello),
    ("hello-segments", "its segments of 536 B", "", _hello_segments),
    ("largest-record", "largest record", "bytes", _largest_record),
    ("certificates", "certificates", "bytes", _certificate_bytes),
    ("made", "signatures made", "", signatures_made),
    ("verified", "signatures verified", "", signatures_verified),
)


def _told(identity: str, title: str, tell: Callable[[Report], str], comparison: Comparison) -> Row:
    """What the runs say in words; each word once."""
    cells = []
    for column in comparison.columns:
        said = list(dict.fromkeys(one_line(word, 60) for word in map(tell, column.reports) if word))
        cells.append(Cell(" or ".join(said[:3]) or "-"))
    return Row(identity, title, "", tuple(cells))


def _figure(identity: str, title: str, unit: str, of: Measure, comparison: Comparison) -> Row:
    return Row(identity, title, unit, tuple(_cell(column, unit, of) for column in comparison.columns))


def _cell(column: Column, unit: str, of: Measure) -> Cell:
    good = [report for report in column.reports if report.outcome.kind is Kind.CONNECTED]
    values = [value for value in map(of, good) if value is not None]
    return spread(values, unit)


def spread(values: Sequence[float], unit: str) -> Cell:
    """Median, least and most. unit: as in Row."""
    if not values:
        return Cell("-")
    middle, least, most = statistics.median(values), min(values), max(values)
    text = _in_words(middle, unit)
    if least < most:
        text += f" ({_in_words(least, unit)} to {_in_words(most, unit)})"
    return Cell(text, middle, least, most)


def _in_words(value: float, unit: str) -> str:
    return in_time(value) if unit == "seconds" else in_bytes(round(value)) if unit == "bytes" else f"{value:g}"
