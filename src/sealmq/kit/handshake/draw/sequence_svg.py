"""A sequence diagram of a connection, as an SVG: for a page, a report, or a printer; in light and dark.

Rule 1: it holds nothing that a browser would fetch or run: shapes, text, one <style>; no address, id, or script.
Rule 2: what colour says, words say too: the name stands at each arrow, a lock at what is encrypted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.sequence_layout import SIGN, SLANT, TOP, Layout, Row, Span, lay_out
from sealmq.kit.handshake.draw.words import (
    OUTCOME_VERDICTS,
    SIGNS,
    Purpose,
    in_bytes,
    in_time,
    many,
    one_line,
    properties,
    purpose_of,
    where,
)
from sealmq.kit.handshake.report import Kind, MessageRow, Report, Verdict

WIDTH: Final = 1_080
LIFELINES: Final = {Sender.CLIENT: 232.0, Sender.SERVER: 848.0}
EDGE: Final = 36
_HEAD: Final = 11.0
_BRACE: Final = 84.0
"""Pixels from a lifeline to the brace of a flight; between them stands the time."""

_UNTITLED: Final = 104
"""Where a diagram without title begins."""

LOCK: Final = (
    "M0 5.5a1 1 0 0 1 1-1h.8V3.4a3.7 3.4 0 0 1 7.4 0v1.1h.8a1 1 0 0 1 1 1V11a1 1 0 0 1-1 1H1a1 1 0 0 1-1-1z"
    "M3.4 4.5h4.2V3.4a2.1 1.9 0 0 0-4.2 0z"
)
"""A closed padlock, 11 pixels wide and 12 high."""

COLOURS: Final = {
    Purpose.HELLO: ("#1a5fd0", "#6cabff"),
    Purpose.CERTIFICATE: ("#b45309", "#f0a840"),
    Purpose.KEY_EXCHANGE: ("#7c3aed", "#b99aff"),
    Purpose.FINISHED: ("#15803d", "#56c973"),
    Purpose.TICKET: ("#5b6b82", "#9fb0c6"),
    Purpose.APPLICATION: ("#0e7490", "#45c8e0"),
    Purpose.ALERT: ("#c62828", "#ff7b72"),
    Purpose.OTHER: ("#626a77", "#a3acb8"),
}
"""On white, and on black."""

LEGEND: Final = {
    Purpose.HELLO: "hello",
    Purpose.CERTIFICATE: "certificate and its proof",
    Purpose.KEY_EXCHANGE: "key exchange",
    Purpose.FINISHED: "finished",
    Purpose.TICKET: "ticket",
    Purpose.APPLICATION: "application",
    Purpose.ALERT: "alert",
    Purpose.OTHER: "other",
}


def _variables(which: int) -> str:
    grounds = (
        "--ground:#ffffff;--ink:#1b2027;--quiet:#59636e;--line:#c3cad3;--soft:#f3f5f8;--sealed:#eaf6ee;--ok:#15803d;--bad:#c62828;",
        "--ground:#12161c;--ink:#e6edf3;--quiet:#98a3af;--line:#3c4652;--soft:#1b2129;--sealed:#14241c;--ok:#56c973;--bad:#ff7b72;",
    )
    return grounds[which] + "".join(f"--{_class(kind)}:{pair[which]};" for kind, pair in COLOURS.items())


def _class(purpose: Purpose) -> str:
    return purpose.value.replace(" ", "-")


STYLE: Final = "\n".join(
    [
        f".sequence{{{_variables(0)}}}",
        f"@media screen and (prefers-color-scheme:dark){{.sequence{{{_variables(1)}}}}}",
        '.sequence text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink);'
        "font-variant-numeric:tabular-nums}",
        ".sequence .title{font-size:21px;font-weight:650}",
        ".sequence .name{font-weight:650}",
        ".sequence .quiet{fill:var(--quiet)}",
        ".sequence .small{fill:var(--quiet);font-size:11.5px}",
        ".sequence .ground{fill:var(--ground)}",
        ".sequence .head{fill:var(--soft);stroke:var(--line)}",
        ".sequence .life{stroke:var(--line);stroke-width:2}",
        ".sequence .brace{fill:none;stroke:var(--line);stroke-width:1.5}",
        ".sequence .sealed{fill:var(--sealed)}",
        ".sequence .sign{fill:var(--ground);stroke:var(--ok)}",
        ".sequence .lock{fill:var(--ok)}",
        ".sequence .locked{fill:var(--ok);font-size:11.5px;font-weight:600}",
        ".sequence .ok{fill:var(--ok)}",
        ".sequence .bad{fill:var(--bad)}",
        ".sequence .lost{stroke:var(--bad);stroke-width:2;stroke-dasharray:6 5}",
        ".sequence .band{opacity:.26}",
        ".sequence .message:hover .band{opacity:.5}",
        *(
            f".sequence .{_class(kind)} polygon,.sequence rect.{_class(kind)}{{fill:var(--{_class(kind)})}}"
            f".sequence .{_class(kind)} line{{stroke:var(--{_class(kind)});stroke-width:2}}"
            for kind in COLOURS
        ),
        "@media print{.sequence .band{opacity:.35}}",
    ]
)


def draw_svg(report: Report, *, titled: bool = True) -> str:
    """The diagram, as the text of an SVG file.

    titled: with whom, what and how it ended above; False where that stands beside it already.
    """
    layout = lay_out(report)
    body = [*_sealed(layout), *_lifelines(report, layout.end + (26 if layout.rows else 80))]
    for row in layout.rows:
        body += _message(row)
    for span in layout.flights:
        body += _flight(span)
    for span in layout.round_trips:
        body += _round_trip(span)
    y = layout.end + 26
    if not layout.rows:
        body += _nothing()
        y = TOP + 88
    if layout.left_out:
        words = f"{many(layout.left_out, 'more message')} not drawn"
        body.append(_text(WIDTH / 2, layout.end + 18, words, "small", "middle"))
    foot, end = _foot(report, layout, y + 30, titled=titled)
    top = 0 if titled else _UNTITLED
    height = end - top
    name = f"Sequence diagram: {where(report)}. {one_line(report.outcome.what)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="sequence" viewBox="0 {top} {WIDTH} {height:.0f}"'
            f' width="{WIDTH}" height="{height:.0f}" role="img" aria-label="{_attribute(name)}">',
            f"<style>{STYLE}</style>",
            f"<desc>{escape(_described(layout))}</desc>",
            f'<rect class="ground" y="{top}" width="{WIDTH}" height="{height:.0f}" rx="10"/>',
            *(_title(report) if titled else ()),
            *body,
            *foot,
            "</svg>",
        ]
    )


# --- what stands around


def _title(report: Report) -> Iterator[str]:
    agreed = report.negotiated
    version = f"{one_line(agreed.version, 20)} handshake" if agreed else "TLS handshake"
    yield _text(EDGE, 46, fit(f"{version} with {where(report)}", WIDTH - 2 * EDGE, 21), "title")
    if agreed is not None:
        said = [one_line(part, 60) for part in (agreed.suite, agreed.group) if part] + properties(report)
        yield _text(EDGE, 72, fit(" · ".join(said), WIDTH - 2 * EDGE, 13), "quiet")
    verdict = OUTCOME_VERDICTS[report.outcome.kind]
    words = f"{SIGNS[verdict]}  {one_line(report.outcome.what)}"
    yield _text(EDGE, 98, fit(words, WIDTH - 2 * EDGE, 14), f"name {verdict.value}")


def _lifelines(report: Report, end: float) -> Iterator[str]:
    names = {
        Sender.CLIENT: ("client", report.meta.library or _guess(report)),
        Sender.SERVER: ("server", report.target.server_name or report.target.host),
    }
    for sender, x in LIFELINES.items():
        title, more = names[sender]
        yield f'<rect class="head" x="{x - 105:.1f}" y="126" width="210" height="48" rx="8"/>'
        yield _text(x, 146 if more else 155, title, "name", "middle")
        if more:
            yield _text(x, 163, fit(one_line(more), 196, 11.5), "small", "middle")
        yield f'<line class="life" x1="{x}" y1="174" x2="{x}" y2="{end:.1f}"/>'


def _guess(report: Report) -> str:
    """What somebody else's client looks like."""
    stack = report.fingerprint.stack if report.fingerprint is not None else ""
    return f"looks like {stack}" if stack else ""


def _sealed(layout: Layout) -> Iterator[str]:
    """The ground of what is encrypted."""
    start = layout.sealed_from
    left, width = LIFELINES[Sender.CLIENT], LIFELINES[Sender.SERVER] - LIFELINES[Sender.CLIENT]
    for place, row in enumerate(layout.rows):
        if row.message.protected and (start is None or place < start):
            height = row.below - row.above
            yield f'<rect class="sealed" x="{left}" y="{row.above:.1f}" width="{width}" height="{height:.1f}"/>'
    if start is not None:
        top = layout.rows[start].above - SIGN + 8
        height = layout.end + 12 - top
        yield f'<rect class="sealed" x="{left}" y="{top:.1f}" width="{width}" height="{height:.1f}"/>'
        yield f'<rect class="sign" x="{WIDTH / 2 - 100}" y="{top - 11:.1f}" width="200" height="22" rx="11"/>'
        yield _lock(WIDTH / 2 - 86, top - 6)
        yield _text(WIDTH / 2 + 10, top + 4, "from here on encrypted", "locked", "middle")


def _flight(span: Span) -> Iterator[str]:
    outward = -1 if span.sender is Sender.CLIENT else 1
    x = LIFELINES[span.sender] + outward * _BRACE
    ends = x - 6 * outward
    yield f'<path class="brace" d="M{ends:.1f} {span.above:.1f}H{x:.1f}V{span.below:.1f}H{ends:.1f}"/>'
    y = (span.above + span.below) / 2 - 7 * (len(span.lines) - 1) + 4
    for place, line in enumerate(span.lines):
        anchor = "end" if outward < 0 else "start"
        yield _text(x + outward * 9, y + 14 * place, line, "small" if place else "small name", anchor)


def _round_trip(span: Span) -> Iterator[str]:
    x, middle = 40, (span.above + span.below) / 2
    yield f'<path class="brace" d="M{x + 7} {span.above:.1f}H{x}V{span.below:.1f}H{x + 7}"/>'
    yield (
        f'<text class="small" x="{x - 10}" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 {x - 10} {middle:.1f})">{escape(span.lines[0])}</text>'
    )


def _foot(report: Report, layout: Layout, y: float, *, titled: bool) -> tuple[list[str], float]:
    """Why and what to do (where no page says it), totals, and what the colours mean; and where it ends."""
    parts = []
    for word, text in (("why", report.outcome.why), ("to do", report.outcome.remedy)):
        if titled and text and report.outcome.kind is not Kind.CONNECTED:
            wrapped = [line for each in text.split("\n") for line in wrap(one_line(each), WIDTH - 2 * EDGE - 60, 13)]
            for place, line in enumerate(wrapped):
                parts += [_text(EDGE, y, word, "name")] if not place else []
                parts.append(_text(EDGE + 60, y, line))
                y += 19
    if report.cost is not None:
        said = [f"sent {in_bytes(report.cost.sent)}", f"received {in_bytes(report.cost.received)}"]
        said += [f"handshake {in_time(report.timing.handshake)}"] if report.timing.handshake is not None else []
        said += [f"connecting {in_time(report.timing.tcp)}"] if report.timing.tcp is not None else []
        parts.append(_text(EDGE, y, " · ".join(said), "quiet"))
        y += 26
    x = float(EDGE)
    for purpose in dict.fromkeys(purpose_of(row.message) for row in layout.rows):
        parts.append(f'<rect class="{_class(purpose)}" x="{x:.1f}" y="{y - 10:.1f}" width="12" height="12" rx="3"/>')
        parts.append(_text(x + 18, y, LEGEND[purpose], "small"))
        x += 40 + width_of(LEGEND[purpose], 11.5)
    if layout.rows:
        parts.append(_lock(x, y - 11))
        parts.append(_text(x + 18, y, "encrypted", "small"))
        words = "An arrow is the higher the more bytes it carries; the distance grows with the time in between."
        parts.append(_text(EDGE, y + 20, words, "small"))
        y += 20
    return parts, y + 26


# --- the messages


def _message(row: Row) -> Iterator[str]:
    message, purpose = row.message, purpose_of(row.message)
    start, end = LIFELINES[message.sender], LIFELINES[message.sender.other]
    way = 1 if end > start else -1
    tip, neck = end - 2 * way, end - (2 + _HEAD) * way
    middle = (row.bottom + row.top) / 2
    if row.gap:
        yield _text(WIDTH / 2, row.above - 8, row.gap, "small", "middle")
    yield f'<g class="message {_class(purpose)}"><title>{escape(_tooltip(message))}</title>'
    band = ((start, row.top), (neck, row.top + SLANT), (neck, row.bottom + SLANT), (start, row.bottom))
    yield f'<polygon class="band" points="{_points(band)}"/>'
    yield f'<line x1="{start}" y1="{middle:.1f}" x2="{neck:.1f}" y2="{middle + SLANT:.1f}"/>'
    head = ((tip, middle + SLANT), (neck, middle + SLANT - 6), (neck, middle + SLANT + 6))
    yield f'<polygon points="{_points(head)}"/>'
    yield from _labels(row, way)
    yield "</g>"


def _labels(row: Row, way: int) -> Iterator[str]:
    """Name, size and lock above the arrow, its words below, the time outside of the lifeline."""
    message = row.message
    left = LIFELINES[Sender.CLIENT] + 16
    if message.protected:
        yield _lock(left, row.label - 11)
    name = f'<tspan class="name">{escape(fit(one_line(message.name), 300, 13))}</tspan>'
    x = left + 17 * message.protected
    size = f'<tspan class="quiet" dx="9">{in_bytes(message.size)}</tspan>'
    yield f'<text x="{x:.1f}" y="{row.label:.1f}">{name}{size}</text>'
    if message.steps:
        numbers = ", ".join(map(str, message.steps[:10]))
        words = f"step{'s' * (len(message.steps) > 1)} {numbers}"
        yield _text(LIFELINES[Sender.SERVER] - 16, row.label, words, "small", "end")
    room = LIFELINES[Sender.SERVER] - LIFELINES[Sender.CLIENT] - 32
    yield _text(left, row.words, fit(one_line(message.line), room, 11.5), "small")
    anchor = "end" if way > 0 else "start"
    yield _text(
        LIFELINES[message.sender] - 10 * way, (row.top + row.bottom) / 2 + 4, in_time(message.at), "small", anchor
    )


def _nothing() -> Iterator[str]:
    """Nobody answered."""
    y, x = TOP + 40, LIFELINES[Sender.SERVER] - 120
    yield f'<line class="lost" x1="{LIFELINES[Sender.CLIENT] + 8}" y1="{y}" x2="{x}" y2="{y}"/>'
    yield _text(x + 8, y + 7, SIGNS[Verdict.BAD], "title bad")
    yield _text(WIDTH / 2, y - 12, "no TLS message was seen", "quiet", "middle")


def _tooltip(message: MessageRow) -> str:
    lines = [
        f"{one_line(message.name)}, {in_bytes(message.size)}, {message.sender} to {message.sender.other}, at "
        f"{in_time(message.at)}" + (", encrypted" if message.protected else ", in clear"),
        one_line(message.line),
        one_line(message.paragraph),
    ]
    return "\n".join(line for line in lines if line)


def _described(layout: Layout) -> str:
    return "; ".join(
        f"{row.message.sender}: {one_line(row.message.name, 60)}, {in_bytes(row.message.size)}" for row in layout.rows
    )


# --- shapes and text


def _lock(x: float, y: float) -> str:
    return f'<path class="lock" transform="translate({x:.1f} {y:.1f})" d="{LOCK}"/>'


def _points(places: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}"{placed}>{escape(words)}</text>'


def _attribute(words: str) -> str:
    return escape(words, {'"': "&quot;", "'": "&#39;"})


_NARROW: Final = frozenset("iljtfrI.,:;'!|()[]·- ")
_BROAD: Final = frozenset("mwMW@%—")


def width_of(words: str, size: float) -> float:
    """About how many pixels the words need in a sans-serif font of that size; rather too many than too few."""
    units = sum(
        0.36
        if each in _NARROW
        else 1.12
        if each in _BROAD
        else 1.05
        if ord(each) >= 0x1100
        else 0.72
        if each.isupper()
        else 0.59
        for each in words
    )
    return units * size


def fit(words: str, room: float, size: float) -> str:
    """As many of the words as there is room for; an ellipsis says that there were more."""
    if width_of(words, size) <= room:
        return words
    while words and width_of(words, size) > room - size:
        words = words[:-1]
    return words.rstrip() + "…"


def wrap(words: str, room: float, size: float) -> list[str]:
    """The words on lines, each within the room."""
    lines: list[str] = []
    for word in words.split():
        if lines and width_of(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, room, size))
    return lines
