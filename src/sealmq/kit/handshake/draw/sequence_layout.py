"""Where everything of a sequence diagram stands: places and heights, no drawing.

A message's arrow is as high as the square root of its bytes, the distance between two messages as long as the square
root of the time between them: 1 byte and 16 kilobytes, 10 microseconds and 2 seconds fit on one page. Both are bounded.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.words import encrypted_from, in_bytes, in_time, many
from sealmq.kit.handshake.report import Flight, MessageRow, Report

MOST_MESSAGES: Final = 80
"""Of one diagram; the rest is counted."""

TOP: Final = 196
LABEL: Final = 19
WORDS: Final = 19
SLANT: Final = 10
"""How much lower an arrow arrives than it leaves: time goes downwards."""

SHORTEST_GAP: Final = 10.0
LONGEST_GAP: Final = 72.0
THINNEST: Final = 4.0
THICKEST: Final = 44.0
TOLD_GAP: Final = 24.0
"""Pixels from which on a gap is told in digits, too."""


SIGN: Final = 22
"""Pixels for the words 'from here on encrypted'."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message in the diagram.

    above: where the row begins. label: baseline of its name. top, bottom: of its arrow where it leaves. words: baseline
    of its words. below: where the row ends. gap: of the time before it, "" where that is not told.
    """

    message: MessageRow
    above: float
    label: float
    top: float
    bottom: float
    words: float
    below: float
    gap: str


@dataclass(frozen=True, slots=True)
class Span:
    """A brace: from the first to the last row of a flight, or of a round trip. lines: what stands beside it."""

    sender: Sender
    above: float
    below: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole.

    sealed_from: the row from which on all are encrypted. left_out: messages that are not drawn. end: of the last row.
    """

    rows: tuple[Row, ...]
    flights: tuple[Span, ...]
    round_trips: tuple[Span, ...]
    sealed_from: int | None
    left_out: int
    end: float


def thickness(size: int) -> float:
    """Of a message's arrow, pixels."""
    return min(THINNEST + 0.8 * math.sqrt(max(size - 1, 0)), THICKEST)


def distance(seconds: float) -> float:
    """Between two messages, pixels."""
    return min(SHORTEST_GAP + 11.0 * math.sqrt(max(seconds, 0.0) * 1e3), LONGEST_GAP)


def lay_out(report: Report) -> Layout:
    """Everything in its place."""
    rows: list[Row] = []
    y = float(TOP)
    shown = report.messages[:MOST_MESSAGES]
    sealed_from = encrypted_from(shown)
    for message in shown:
        gap = distance(message.gap) if rows else SHORTEST_GAP
        y += SIGN if len(rows) == sealed_from else 0
        above = y + gap
        top = above + LABEL
        bottom = top + thickness(message.size)
        below = bottom + SLANT + WORDS + 3
        told = f"{in_time(message.gap)} later" if rows and gap >= TOLD_GAP else ""
        rows.append(Row(message, above, above + 13, top, bottom, bottom + SLANT + 14, below, told))
        y = below
    flights = _flights(rows, {each.number: each for each in report.flights})
    return Layout(tuple(rows), flights, _round_trips(flights), sealed_from, len(report.messages) - len(rows), y)


def _flights(rows: list[Row], told: dict[int, Flight]) -> tuple[Span, ...]:
    """Rows that stand together in one flight; a flight's figures are the Report's."""
    spans: list[Span] = []
    start = 0
    for place in range(1, len(rows) + 1):
        if place < len(rows) and rows[place].message.flight == rows[start].message.flight:
            continue
        first, last = rows[start], rows[place - 1]
        flight = told.get(first.message.flight)
        lines: tuple[str, ...] = (f"flight {len(spans) + 1}",)
        if flight is not None:
            lines += (in_bytes(flight.bytes), many(flight.records, "record"), many(flight.segments_1460, "segment"))
            lines = lines[: 2 + (last.below - first.above > 60) + (last.below - first.above > 76)]
        spans.append(Span(first.message.sender, first.above + 2, last.below - 6, lines))
        start = place
    return tuple(spans)


def _round_trips(flights: tuple[Span, ...]) -> tuple[Span, ...]:
    """A flight of the client and the answer to it."""
    found: list[Span] = []
    for ask, answer in itertools.pairwise(flights):
        if ask.sender is Sender.CLIENT and answer.sender is Sender.SERVER:
            found.append(Span(Sender.CLIENT, ask.above, answer.below, (f"round trip {len(found) + 1}",)))
    return tuple(found)
