"""The figures as a picture: an SVG that is readable on white and on black, with a row for each workload.

All three scales are logarithmic, as a handshake costs a thousand times what a message costs; so there are dots and no
bars, whose lengths would say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from sealmq.kit.bench.result import Result

_WIDTH: Final = 1_000
_NAMES: Final = 200
_GAP: Final = 28
_ROW: Final = 34
_TOP: Final = 96
_BOTTOM: Final = 34
_EDGE: Final = 24
_LABEL: Final = 58
"""Pixels that a value needs beside its dot."""

STYLE: Final = """
  svg { --ground: #ffffff; --ink: #1f2328; --quiet: #656d76; --line: #e4e7eb; --dot: #1f6feb; --bad: #c62828; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #12161c; --ink: #e6edf3; --quiet: #8d96a0; --line: #2b323b; --dot: #5ea0ff; --bad: #ff7b72; }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); }
  .title { font-size: 16px; font-weight: 600; }
  .head { font-weight: 600; }
  .quiet { fill: var(--quiet); font-size: 11px; }
  .bad { fill: var(--bad); font-size: 11px; }
  .ground { fill: var(--ground); }
  .line { stroke: var(--line); stroke-width: 1; }
  .range { stroke: var(--dot); stroke-width: 2; opacity: .45; }
  .dot { fill: var(--dot); }
  .ring { fill: var(--ground); stroke: var(--dot); stroke-width: 2; }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One scale.

    values: for each row the marks from left to right; none where nothing was measured.
    told:   which of the marks stands there in digits, too.
    """

    title: str
    below: str
    values: list[list[float]]
    told: int = 0

    @property
    def decades(self) -> tuple[int, int]:
        """The powers of ten at which the scale begins and ends."""
        everything = [value for row in self.values for value in row]
        low, high = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)))
        return low, max(high, low + 1)


def draw(results: Sequence[Result], *, title: str = "sealmq bench") -> str:
    """The picture, as the text of an SVG file."""
    rows = [each for each in results if not each.failure]
    panels = list(_panels(rows))
    height = _TOP + _ROW * max(len(rows), 1) + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        f'<text class="title" x="{_EDGE}" y="34">{escape(title)}</text>',
    ]
    for place, row in enumerate(rows):
        parts += _name(row, _middle(place))
    width = (_WIDTH - 2 * _EDGE - _NAMES - _GAP * (len(panels) - 1)) / max(len(panels), 1)
    for place, panel in enumerate(panels):
        parts += _draw_panel(panel, _EDGE + _NAMES + place * (width + _GAP), width, height - _BOTTOM)
    if not rows:
        parts.append(f'<text class="quiet" x="{_EDGE}" y="{_middle(0)}">nothing could be measured</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panels(rows: Sequence[Result]) -> Iterator[Panel]:
    """Those that have something to show."""
    marks = ("p50", "p99", "p99.9")
    rates = [[row.rate] if row.rate and not row.is_paced else [] for row in rows]
    costs = [[row.cost] if row.cost and not row.is_paced else [] for row in rows]
    waits = [[max(row.latency[mark], 1e-3) for mark in marks] if row.latency else [] for row in rows]
    for panel in (
        Panel("a second", "messages, or connections", rates),
        Panel("broker CPU, µs", "for each message, or connection", costs),
        Panel("latency, ms", "● p50   ○ p99, in digits   — to p99.9", waits, told=1),
    ):
        if any(panel.values):
            yield panel


def _middle(place: int) -> int:
    return _TOP + place * _ROW + _ROW // 2


def _name(row: Result, y: int) -> list[str]:
    parts = [f'<text x="{_EDGE}" y="{y + 4}">{escape(row.workload)}</text>']
    if row.lost or row.duplicated:
        words = ", ".join(
            f"{count:,} {word}" for count, word in ((row.lost, "lost"), (row.duplicated, "twice")) if count
        )
        parts = [
            f'<text x="{_EDGE}" y="{y - 2}">{escape(row.workload)}</text>',
            f'<text class="bad" x="{_EDGE}" y="{y + 12}">{words}</text>',
        ]
    return parts


def _draw_panel(panel: Panel, left: float, width: float, bottom: int) -> list[str]:
    low, high = panel.decades

    def across(value: float) -> float:
        return left + (math.log10(value) - low) / (high - low) * width

    parts = [
        f'<text class="head" x="{left:.1f}" y="{_TOP - 32}">{escape(panel.title)}</text>',
        f'<text class="quiet" x="{left:.1f}" y="{_TOP - 16}">{escape(panel.below)}</text>',
    ]
    step = 1 if high - low <= 6 else 2
    for power in range(low, high + 1, step):
        x = across(10.0**power)
        anchor = "start" if power == low else "end" if power == high else "middle"
        parts += [
            f'<line class="line" x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}"/>',
            f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="{anchor}">{in_short(10.0**power)}</text>',
        ]
    for place, marks in enumerate(panel.values):
        if marks:
            told = in_short(marks[panel.told])
            parts += _draw_marks([across(mark) for mark in marks], told, _middle(place), left + width)
    return parts


def _draw_marks(xs: list[float], told: str, y: int, right: float) -> list[str]:
    """A dot, or a range with a dot at its beginning and a ring in it; what is told in digits beside it."""
    parts = []
    if len(xs) > 1:
        parts.append(f'<line class="range" x1="{xs[0]:.1f}" y1="{y}" x2="{xs[-1]:.1f}" y2="{y}"/>')
        parts += [f'<circle class="ring" cx="{x:.1f}" cy="{y}" r="4"/>' for x in xs[1:-1]]
    parts.append(f'<circle class="dot" cx="{xs[0]:.1f}" cy="{y}" r="5"/>')
    fits = xs[-1] + _LABEL < right
    x, anchor = (xs[-1] + 9, "start") if fits else (xs[0] - 9, "end")
    parts.append(f'<text class="quiet" x="{x:.1f}" y="{y + 4}" text-anchor="{anchor}">{told}</text>')
    return parts


def in_short(value: float) -> str:
    """1,234,567 is 1.23M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
