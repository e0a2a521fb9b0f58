"""The bytes of a message on a terminal: a line for each field with its offset, its bytes, its name and value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sealmq.kit.dissect.fields import Field
from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.handshake.draw.words import in_bytes, many
from sealmq.kit.handshake.report import MessageRow

MOST_LINES: Final = 300
"""Of one message."""

MOST_ROWS: Final = 4
"""Of the bytes of one field."""

DEEPEST: Final = 10


@dataclass(frozen=True, slots=True)
class Segment:
    """Some bytes with their field. name: "" for what belongs to no field: lengths that stand before a vector.

    data: "" where the field is made of others, or lies outside of the message.
    """

    offset: int
    data: str
    depth: int
    name: str
    value: str


def segments(raw: str, fields: Sequence[Field]) -> Iterator[Segment]:
    """All bytes of a message, in order, each once. raw: in hex."""
    yield from _inside(raw, fields, 0, len(raw) // 2, 0, "")


def _inside(raw: str, fields: Sequence[Field], start: int, end: int, depth: int, above: str) -> Iterator[Segment]:
    """above: the value of what these fields are in; whatever is made of others need not say it again."""
    at = start
    for field in fields:
        last = min(field.offset + field.length, end)
        value = "" if field.inside and field.value == above else field.value
        if not at <= field.offset <= last:
            yield Segment(field.offset, "", depth, field.name, value)
            continue
        if field.offset > at:
            yield Segment(at, raw[2 * at : 2 * field.offset], depth, "", "")
        if field.inside and depth < DEEPEST:
            yield Segment(field.offset, "", depth, field.name, value)
            yield from _inside(raw, field.inside, field.offset, last, depth + 1, field.value)
        else:
            yield Segment(field.offset, raw[2 * field.offset : 2 * last], depth, field.name, value)
        at = last
    if at < end:
        yield Segment(at, raw[2 * at : 2 * end], depth, "", "")


def show_bytes(message: MessageRow, pen: Pen) -> None:
    """The message with all of its fields; nothing where there are no bytes."""
    if not message.raw:
        return
    way = f"{message.sender} to {message.sender.other}"
    pen.print()
    pen.paragraph((message.name, "bold"), f", {in_bytes(message.size)}, {way}")
    each = 16 if pen.width >= 120 else 8 if pen.width >= 72 else 4
    lines = 0
    for segment in segments(message.raw, message.fields):
        if lines >= MOST_LINES:
            pen.print(pen.words(("      the rest is not shown; --json and --html have it", "dim")))
            return
        lines += _show(segment, each, pen)


def _show(segment: Segment, each: int, pen: Pen) -> int:
    """One segment; how many lines that took."""
    rows = [segment.data[at : at + 2 * each] for at in range(0, len(segment.data), 2 * each)] or [""]
    left = max(len(segment.data) // 2 - MOST_ROWS * each, 0)
    for place, row in enumerate(rows[:MOST_ROWS]):
        pairs = " ".join(row[at : at + 2] for at in range(0, len(row), 2))
        head = pen.words((f"{segment.offset + place * each:04x}  ", "dim"), f"{pairs:<{3 * each + 1}}")
        if not place:
            head.append_text(pen.words("  " * segment.depth))
            if segment.name:
                head.append_text(pen.words((segment.name, "cyan"), " ", segment.value))
            else:
                head.append_text(pen.words(("length", "dim")))
        pen.print(pen.fit(head, pen.width))
    if left:
        pen.print(pen.words((f"      {many(left, 'more byte')}", "dim")))
    return min(len(rows), MOST_ROWS) + bool(left)
