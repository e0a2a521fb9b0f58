"""A comparison as a picture: for each figure a group of bars, one for each column; in light and dark.

A bar begins at 0, so that its length is what it says; a thin line goes from the least to the most of several runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from sealmq.kit.handshake.draw.comparison import Comparison, Row, rows
from sealmq.kit.handshake.draw.words import many, one_line

TITLE: Final = "TLS handshakes side by side"
WIDTH: Final = 960
_EDGE: Final = 36
_NAMES: Final = 250
_VALUES: Final = 230
_BAR: Final = 20
_PITCH: Final = 27
MOST_COLUMNS: Final = 12

COLOURS: Final = (
    ("#1a5fd0", "#6cabff"),
    ("#b45309", "#f0a840"),
    ("#15803d", "#56c973"),
    ("#7c3aed", "#b99aff"),
    ("#0e7490", "#45c8e0"),
    ("#b0286e", "#ff86bd"),
)
"""On white, and on black; they begin again after the last."""


def _variables(which: int) -> str:
    grounds = (
        "--ground:#ffffff;--ink:#1b2027;--quiet:#59636e;--line:#c3cad3;",
        "--ground:#12161c;--ink:#e6edf3;--quiet:#98a3af;--line:#3c4652;",
    )
    return grounds[which] + "".join(f"--c{place}:{pair[which]};" for place, pair in enumerate(COLOURS))


STYLE: Final = "\n".join(
    [
        f".comparison{{{_variables(0)}}}",
        f"@media screen and (prefers-color-scheme:dark){{.comparison{{{_variables(1)}}}}}",
        '.comparison text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink);'
        "font-variant-numeric:tabular-nums}",
        ".comparison .title{font-size:21px;font-weight:650}",
        ".comparison .head{font-size:14px;font-weight:650}",
        ".comparison .quiet{fill:var(--quiet)}",
        ".comparison .ground{fill:var(--ground)}",
        ".comparison .axis{stroke:var(--line);stroke-width:1.5}",
        ".comparison .spread{stroke:var(--ink);stroke-width:1.5}",
        *(f".comparison .c{place}{{fill:var(--c{place})}}" for place in range(len(COLOURS))),
    ]
)


def draw_comparison_svg(comparison: Comparison, *, title: str = TITLE, titled: bool = True) -> str:
    """The picture, as the text of an SVG file.

    titled: with its title above; False where that stands there already.
    """
    comparison = Comparison(comparison.columns[:MOST_COLUMNS])
    shown = [row for row in rows(comparison) if any(cell.most for cell in row.cells)]
    body, y = list(_columns(comparison)), 96.0 + 22 * len(comparison.columns)
    for row in shown:
        body += _group(row, comparison, y)
        y += 34 + _PITCH * len(comparison.columns) + 14
    if not shown:
        body.append(f'<text class="quiet" x="{_EDGE}" y="{y}">nothing could be measured</text>')
    top = 0 if titled else 44
    height = round(y + 24) - top
    name = escape(one_line(title), {'"': "&quot;"})
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="comparison" viewBox="0 {top} {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img" aria-label="{name}">',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" y="{top}" width="{WIDTH}" height="{height}" rx="10"/>',
            f'<text class="title" x="{_EDGE}" y="48">{escape(one_line(title, 70))}</text>' if titled else "",
            *body,
            "</svg>",
        ]
    )


def _columns(comparison: Comparison) -> Iterator[str]:
    """What each colour is, with the words of its column."""
    told = {row.id: row.cells for row in rows(comparison)}
    for place, column in enumerate(comparison.columns):
        y = 80 + 22 * place
        said = [told[key][place].text for key in ("version", "group", "outcome")]
        words = " · ".join([*(each for each in said if each != "-"), many(len(column.reports), "run")])
        yield f'<rect class="c{place % len(COLOURS)}" x="{_EDGE}" y="{y - 11}" width="13" height="13" rx="3"/>'
        yield (
            f'<text x="{_EDGE + 21}" y="{y}">{escape(one_line(column.name, 40))}'
            f'<tspan class="quiet" dx="10">{escape(words[:90])}</tspan></text>'
        )


def _group(row: Row, comparison: Comparison, y: float) -> Iterator[str]:
    """The bars of one figure."""
    left, room = _EDGE + _NAMES, WIDTH - 2 * _EDGE - _NAMES - _VALUES
    most = max(cell.most or 0.0 for cell in row.cells)
    yield f'<text class="head" x="{_EDGE}" y="{y + 18:.1f}">{escape(row.title)}</text>'
    top = y + 30
    for place, cell in enumerate(row.cells):
        bar, middle = top + _PITCH * place, top + _PITCH * place + _BAR / 2
        name = escape(one_line(comparison.columns[place].name, 30))
        yield f'<text class="quiet" x="{left - 12}" y="{middle + 4.5:.1f}" text-anchor="end">{name}</text>'
        end = left
        if cell.value is not None and cell.least is not None and cell.most is not None:
            end = left + round(cell.most / most * room)
            width = cell.value / most * room
            yield (
                f'<rect class="c{place % len(COLOURS)}" x="{left}" y="{bar:.1f}" width="{width:.1f}" height="{_BAR}"'
                f' rx="3"><title>{name}: {escape(cell.text)}</title></rect>'
            )
            if cell.least < cell.most:
                start = left + cell.least / most * room
                yield f'<line class="spread" x1="{start:.1f}" y1="{middle:.1f}" x2="{end:.1f}" y2="{middle:.1f}"/>'
        yield f'<text x="{end + 9}" y="{middle + 4.5:.1f}">{escape(cell.text)}</text>'
    bottom = top + _PITCH * len(row.cells) - 4
    yield f'<line class="axis" x1="{left}" y1="{top - 3:.1f}" x2="{left}" y2="{bottom:.1f}"/>'
