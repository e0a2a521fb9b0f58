"""A flame graph as an SVG that needs no script: a box's width is its time, and what stands below it was called by it.

Point at one to read its name and share. Readable on white and on black.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from sealmq.kit.bench.chart import STYLE

WIDTH = 1_200
EDGE = 12
ROW = 17
TOP = 52
FUNCTIONS = 15
"""Of the list of those that were at work most often."""

NARROWEST = 1.0
"""Pixels below which a box, and what it called, is left out."""

BOXES = "  .box text { font-size: 11px; fill: #ffffff; }\n  .box rect { stroke: var(--ground); }\n"
LETTER = 6.4
"""Pixels that a letter takes, about."""

COLOURS = {
    "broker": "#c9822b",
    "mqtt": "#b35c9e",
    "tls": "#3f8f5f",
    "tcp": "#3b7fc4",
    "store": "#8a6d3b",
    "link": "#7a6cc2",
    "house": "#7a6cc2",
}
"""By the room of the package; everything else is grey."""


@dataclass
class Box:
    """A function in its place: what was seen with the same callers above it."""

    name: str
    count: int = 0
    below: dict[str, Box] = field(default_factory=dict)


def grow(stacks: dict[str, int]) -> Box:
    """The boxes of all stacks."""
    root = Box("all")
    for stack, count in stacks.items():
        root.count += count
        box = root
        for frame in stack.split(";"):
            box = box.below.setdefault(frame, Box(frame))
            box.count += count
    return root


def top(stacks: dict[str, int]) -> list[tuple[str, float, float]]:
    """Functions, the share of the time for which each was at work itself, and with all that it called."""
    alone: Counter[str] = Counter()
    with_all: Counter[str] = Counter()
    for stack, count in stacks.items():
        frames = stack.split(";")
        alone[frames[-1]] += count
        for frame in set(frames):
            with_all[frame] += count
    everything = max(sum(stacks.values()), 1)
    return [(name, count / everything, with_all[name] / everything) for name, count in alone.most_common(FUNCTIONS)]


def draw(stacks: dict[str, int], title: str) -> str:
    """The picture, as the text of an SVG file."""
    root = grow(stacks)
    scale = (WIDTH - 2 * EDGE) / max(root.count, 1)
    parts: list[str] = []
    height = TOP + ROW * (_place(root, EDGE, 0, scale, root.count, parts) + 1) + EDGE
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}{BOXES}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{EDGE}" y="24">{escape(title)}</text>',
        f'<text class="quiet" x="{EDGE}" y="42">{root.count:,} looks at the stack; callers above, what they call below'
        "</text>",
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _place(box: Box, left: float, depth: int, scale: float, everything: int, parts: list[str]) -> int:
    """Draw a box and what it called; how deep it goes."""
    width = box.count * scale
    if width < NARROWEST:
        return depth - 1
    top = TOP + depth * ROW
    share = box.count / max(everything, 1)
    letters = int((width - 6) / LETTER)
    name = box.name if len(box.name) <= letters else box.name.partition(" (")[0]
    told = escape(name if len(name) <= letters else f"{name[: letters - 1]}…" if letters > 3 else "")
    parts.append(
        f'<g class="box"><title>{escape(box.name)}: {share:.1%}</title>'
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" rx="2" fill="{_colour(box.name)}"/>'
        + (f'<text x="{left + 4:.1f}" y="{top + 12}">{told}</text>' if told else "")
        + "</g>"
    )
    deepest = depth
    for called in sorted(box.below.values(), key=lambda each: each.name):
        deepest = max(deepest, _place(called, left, depth + 1, scale, everything, parts))
        left += called.count * scale
    return deepest


def _colour(name: str) -> str:
    path = name.partition(" (")[2].rstrip(")")
    return COLOURS.get(path.partition("/")[0].removesuffix(".py"), "#6b7280")
