"""The comparison as a picture: a panel for each question, a bar for each library; in light and dark, from no network.

A bar begins at 0, so that its length is what it says. Where two sides are measured the client's part comes first, in
the full colour, and the server's behind it, paler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from sealmq.kit.handshake.draw.comparison_svg import COLOURS
from sealmq.kit.handshake.draw.words import one_line
from sealmq.kit.middleware.comparing import Comparison, Measured
from sealmq.kit.middleware.draw.words import count_of, in_time, kib_of, rate_of, sum_of
from sealmq.kit.middleware.footprint import Footprint
from sealmq.kit.middleware.handshaking import Handshakes
from sealmq.kit.middleware.throughput import MESSAGES
from sealmq.tls.middleware import TLS12, TLS13, Version

TITLE: Final = "TLS libraries side by side"
WIDTH: Final = 1080
_EDGE: Final = 36
_GAP: Final = 48
_PANEL: Final = (WIDTH - 2 * _EDGE - _GAP) // 2
_NAMES: Final = 118
_VALUES: Final = 136
_BAR: Final = 16
_PITCH: Final = 25
_TOP: Final = 128


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. colour: its place in COLOURS. parts: the client's and the server's, or one; empty: not measured."""

    name: str
    colour: int
    parts: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question."""

    title: str
    note: str
    bars: tuple[Bar, ...]


def draw_chart(comparison: Comparison) -> str:
    """The text of an SVG file."""
    shown = [panel for panel in panels(comparison) if any(bar.parts for bar in panel.bars)]
    body: list[str] = []
    y = float(_TOP)
    for place in range(0, len(shown), 2):
        row = shown[place : place + 2]
        for column, panel in enumerate(row):
            body += _panel(panel, _EDGE + column * (_PANEL + _GAP), y)
        y += 62 + _PITCH * max(len(panel.bars) for panel in row) + 26
    height = round(y)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="middlewares" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img" aria-label="{TITLE}">',
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="12"/>',
            f'<text class="title" x="{_EDGE}" y="50">{TITLE}</text>',
            *_legend(comparison),
            *body,
            "</svg>",
            "",
        ]
    )


def panels(comparison: Comparison) -> tuple[Panel, ...]:
    """Every question that can be drawn."""
    less, more = "less is better", "more is better"

    def panel(title: str, note: str, parts: Callable[[Measured], tuple[tuple[float, ...], str]]) -> Panel:
        bars = [Bar(each.name, place, *parts(each)) for place, each in enumerate(comparison.measured)]
        return Panel(title, note, tuple(bars))

    both = f"client + server, processor time, {less}"
    return (
        panel("Full handshake, TLS 1.3", both, _cpu(TLS13)),
        panel("Full handshake, TLS 1.2", both, _cpu(TLS12)),
        panel("Resumed handshake, TLS 1.3", both, _cpu(TLS13, resumed=True)),
        panel("Resumed handshake, TLS 1.2", both, _cpu(TLS12, resumed=True)),
        panel("Bytes of a full handshake, TLS 1.3", f"up + down, mutual, {less}", _bytes(TLS13)),
        panel("Bytes of a full handshake, TLS 1.2", f"up + down, mutual, {less}", _bytes(TLS12)),
        panel(f"Small messages of {MESSAGES[0]} bytes", f"for a second of a processor, {more}", _small),
        panel("Large records of 16 KiB", f"encrypted and decrypted, {more}", _large),
        panel("Memory of an idle connection", f"client + server, {less}", _memory),
        _flash(comparison),
        _ram(comparison),
    )


def _cpu(version: Version, *, resumed: bool = False) -> Callable[[Measured], tuple[tuple[float, ...], str]]:
    def parts(each: Measured) -> tuple[tuple[float, ...], str]:
        found: Handshakes | None = each.handshake(version, resumed=resumed)
        if found is None:
            return (), "not possible"
        client, server = found.client_cpu.median, found.server_cpu.median
        return (client, server), sum_of(in_time(client), in_time(server))

    return parts


def _bytes(version: Version) -> Callable[[Measured], tuple[tuple[float, ...], str]]:
    def parts(each: Measured) -> tuple[tuple[float, ...], str]:
        found = each.handshake(version)
        if found is None:
            return (), "not possible"
        return (found.up.median, found.down.median), f"{found.up.median:,.0f} + {found.down.median:,.0f} B"

    return parts


def _small(each: Measured) -> tuple[tuple[float, ...], str]:
    found = each.messages(MESSAGES[0])
    return ((found.messages,), count_of(found.messages)) if found else ((), "-")


def _large(each: Measured) -> tuple[tuple[float, ...], str]:
    found = each.messages(MESSAGES[-1])
    return ((found.rate,), rate_of(found.rate)) if found else ((), "-")


def _memory(each: Measured) -> tuple[tuple[float, ...], str]:
    client, server = each.memory.client, each.memory.server
    if client is None or server is None:
        return (), "-"
    return (float(client), float(server)), sum_of(kib_of(client), kib_of(server))


def _flash(comparison: Comparison) -> Panel:
    bars = []
    for each in comparison.footprints:
        if "-" in each.variant:  # small buffers are of the same code
            continue
        rest = each.flash - each.library_flash
        text = f"{each.library_flash / 1024:.0f} + {rest / 1024:.0f} KiB"
        bars.append(Bar(each.title, _colour(comparison, each), (float(each.library_flash), float(rest)), text))
    return Panel("Flash on a Cortex-M4", "TLS + the rest (TCP/IP, MQTT, own code), less is better", tuple(bars))


def _ram(comparison: Comparison) -> Panel:
    bars = []
    for each in comparison.footprints:
        name = each.title.removeprefix("TLS ").removesuffix(" buffers").replace(" and ", " + ")
        text = f"{each.ram_static / 1024:.0f} + {each.stack_peak / 1024:.1f} KiB"
        bars.append(Bar(name, _colour(comparison, each), (float(each.ram_static), float(each.stack_peak)), text))
    return Panel("RAM on a Cortex-M4", "static with the heap + stack, by TLS version, less is better", tuple(bars))


def _colour(comparison: Comparison, footprint: Footprint) -> int:
    """That of the library's middleware; of the first, where it has none."""
    names = [each.name for each in comparison.measured]
    return next((place for place, name in enumerate(names) if name.startswith(footprint.library)), 0)


# --- drawing


def _variables(which: int) -> str:
    grounds = (
        "--ground:#ffffff;--ink:#1b2027;--quiet:#59636e;--line:#d5dae1;--lane:#f3f5f8;",
        "--ground:#12161c;--ink:#e6edf3;--quiet:#98a3af;--line:#333c47;--lane:#1a2028;",
    )
    return grounds[which] + "".join(f"--c{place}:{pair[which]};" for place, pair in enumerate(COLOURS))


STYLE: Final = "\n".join(
    [
        f".middlewares{{{_variables(0)}}}",
        f"@media screen and (prefers-color-scheme:dark){{.middlewares{{{_variables(1)}}}}}",
        '.middlewares text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink);'
        "font-variant-numeric:tabular-nums}",
        ".middlewares .title{font-size:22px;font-weight:650}",
        ".middlewares .head{font-size:14.5px;font-weight:650}",
        ".middlewares .quiet{fill:var(--quiet)}",
        ".middlewares .small{font-size:11.5px}",
        ".middlewares .ground{fill:var(--ground)}",
        ".middlewares .lane{fill:var(--lane)}",
        ".middlewares .rule{stroke:var(--line);stroke-width:1}",
        ".middlewares .second{opacity:.45}",
        *(f".middlewares .c{place}{{fill:var(--c{place})}}" for place in range(len(COLOURS))),
    ]
)


def _legend(comparison: Comparison) -> Iterator[str]:
    """Which colour is which library, and its version."""
    x = float(_EDGE)
    for place, each in enumerate(comparison.measured):
        words = one_line(each.abilities.title, 34)
        yield f'<rect class="c{place % len(COLOURS)}" x="{x:.0f}" y="70" width="13" height="13" rx="3"/>'
        yield (
            f'<text x="{x + 19:.0f}" y="81">{escape(each.name)}'
            f'<tspan class="quiet small" x="{x + 19:.0f}" dy="16">{escape(words)}</tspan></text>'
        )
        x += max(7.6 * len(each.name), 6.4 * len(words)) + 44


def _panel(panel: Panel, x: float, y: float) -> Iterator[str]:
    yield f'<line class="rule" x1="{x}" y1="{y - 8:.0f}" x2="{x + _PANEL}" y2="{y - 8:.0f}"/>'
    yield f'<text class="head" x="{x}" y="{y + 14:.0f}">{escape(panel.title)}</text>'
    yield f'<text class="quiet small" x="{x}" y="{y + 32:.0f}">{escape(panel.note)}</text>'
    most = max(sum(bar.parts) for bar in panel.bars) or 1.0
    left, room = x + _NAMES, _PANEL - _NAMES - _VALUES
    for place, bar in enumerate(panel.bars):
        top = y + 46 + _PITCH * place
        middle = top + _BAR / 2 + 4.5
        name = escape(one_line(bar.name, 16))
        yield f'<text class="quiet" x="{left - 10:.0f}" y="{middle:.1f}" text-anchor="end">{name}</text>'
        yield f'<rect class="lane" x="{left:.0f}" y="{top:.0f}" width="{room}" height="{_BAR}" rx="3"/>'
        at = left
        for number, part in enumerate(bar.parts):
            width = part / most * room
            second = " second" if number else ""
            yield (
                f'<rect class="c{bar.colour % len(COLOURS)}{second}" x="{at:.1f}" y="{top:.0f}" width="{width:.1f}"'
                f' height="{_BAR}" rx="2"><title>{name}: {escape(bar.text)}</title></rect>'
            )
            at += width
        quiet = "" if bar.parts else ' class="quiet"'
        yield f'<text{quiet} x="{left + room + 10:.0f}" y="{middle:.1f}">{escape(bar.text)}</text>'
