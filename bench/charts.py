"""One figure of several brokers as a picture: a row for each workload, a dot for each broker, a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from sealmq.kit.bench.chart import STYLE, in_short

WIDTH = 900
NAMES = 190
EDGE = 24
TOP = 92
ROW = 30
BOTTOM = 34
LIGHT = ("#1f6feb", "#c4701c", "#2b8a57", "#8e4fb0")
DARK = ("#5ea0ff", "#f0a35e", "#5cc48d", "#c792e0")
"""By the brokers' order, on white and on black."""

Rows = Sequence[tuple[str, Mapping[str, float]]]


def draw(title: str, below: str, rows: Rows, brokers: Sequence[str]) -> str:
    """The picture, as the text of an SVG file."""
    rows = [(name, values) for name, values in rows if values]
    everything = [value for _, values in rows for value in values.values()] or [1.0]
    low = math.floor(math.log10(min(everything)))
    high = max(math.ceil(math.log10(max(everything))), low + 1)
    height = TOP + ROW * max(len(rows), 1) + BOTTOM

    def across(value: float) -> float:
        return EDGE + NAMES + (math.log10(value) - low) / (high - low) * (WIDTH - 2 * EDGE - NAMES)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}{_colours(len(brokers))}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{EDGE}" y="32">{escape(title)}</text>',
        f'<text class="quiet" x="{EDGE}" y="50">{escape(below)}</text>',
        *_legend(brokers),
    ]
    for power in range(low, high + 1):
        x = across(10.0**power)
        parts += [
            f'<line class="line" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - BOTTOM}"/>',
            f'<text class="quiet" x="{x:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">'
            f"{in_short(10.0**power)}</text>",
        ]
    for place, (name, values) in enumerate(rows):
        parts += _row(name, values, brokers, TOP + place * ROW + ROW // 2, across)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(name: str, values: Mapping[str, float], brokers: Sequence[str], y: int, across) -> list[str]:  # type: ignore[no-untyped-def]
    """A line from the least to the most, a dot for each, and the figure of the first broker beside its dot."""
    xs = [across(value) for value in values.values()]
    parts = [
        f'<text x="{EDGE}" y="{y + 4}">{escape(name)}</text>',
        f'<line class="line" x1="{min(xs):.1f}" y1="{y}" x2="{max(xs):.1f}" y2="{y}"/>',
    ]
    for broker, value in sorted(values.items(), key=lambda each: -brokers.index(each[0])):
        told = f"{escape(broker)}: {in_short(value)}"
        parts.append(
            f'<circle class="b{brokers.index(broker)}" cx="{across(value):.1f}" cy="{y}" r="5.5"><title>{told}</title>'
            "</circle>"
        )
    return parts


def _legend(brokers: Sequence[str]) -> list[str]:
    parts, x = [], EDGE
    for place, name in enumerate(brokers):
        parts.append(f'<circle class="b{place}" cx="{x + 5}" cy="68" r="5"/>')
        parts.append(f'<text class="quiet" x="{x + 16}" y="72">{escape(name)}</text>')
        x += 40 + 7 * len(name)
    return parts


def _colours(count: int) -> str:
    light = "  circle { stroke: var(--ground); }\n"  # dots that lie on one another are two
    light += "".join(f"  .b{place} {{ fill: {LIGHT[place % len(LIGHT)]}; }}\n" for place in range(count))
    dark = "".join(f" .b{place} {{ fill: {DARK[place % len(DARK)]}; }}" for place in range(count))
    return f"{light}  @media (prefers-color-scheme: dark) {{{dark} }}\n"
