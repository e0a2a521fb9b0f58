"""The bytes of a message for the page: in hex, each field a box around its bytes, and the list of the fields beside.

A box and its line in the list have the same `data-f`; page.js lights both. Fields that lie (outside of the message,
over another) stay in the list and get no box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sealmq.kit.dissect.fields import Field
from sealmq.kit.handshake.draw.markup import Markup, element
from sealmq.kit.handshake.draw.words import many
from sealmq.kit.handshake.report import MessageRow

MOST_BYTES: Final = 1_536
"""Of one message that are shown."""

MOST_FIELDS: Final = 400
DEEPEST: Final = 10
ROW: Final = 16
TINTS: Final = 6


def draw_bytes(message: MessageRow) -> Markup:
    """Hex and fields side by side; nothing where there are no bytes."""
    if not message.raw:
        return Markup("")
    total = len(message.raw) // 2
    data = message.raw[: 2 * MOST_BYTES]
    shown = len(data) // 2
    writer = _Boxes(data)
    boxes = Markup("".join(writer.boxes(message.fields, 0, shown, 0)))
    offsets = "\n".join(f"{place:04x}" for place in range(0, shown, ROW))
    left = (
        element("p", f"{many(total - shown, 'more byte')} not shown", class_="quiet") if total > shown else Markup("")
    )
    return element(
        "div",
        element(
            "div",
            element(
                "div",
                element("pre", Markup(offsets), class_="offsets", aria_hidden="true"),
                element("pre", boxes, class_="hex", aria_label="bytes in hex"),
                class_="dump",
            ),
            left,
        ),
        draw_fields(message.fields),
        class_="bytes",
    )


def draw_fields(fields: Sequence[Field]) -> Markup:
    """The list of them, those inside others indented."""
    numbers = iter(range(MOST_FIELDS))
    listed = _listed(fields, numbers, 0, 0, "")
    total = _count(fields)
    if total > MOST_FIELDS:
        listed = Markup(listed + element("p", f"{many(total - MOST_FIELDS, 'more field')} not shown", class_="quiet"))
    return element("div", listed, class_="fields")


def _listed(fields: Sequence[Field], numbers: Iterator[int], depth: int, tint: int, above: str) -> Markup:
    """above: the value of what these fields are in; whatever is made of others need not say it again."""
    lines = []
    for place, field in enumerate(fields):
        number = next(numbers, None)
        if number is None:
            break
        mine = place % TINTS if depth == 0 else tint
        inside = Markup("")
        if field.inside and depth < DEEPEST:
            inside = _listed(field.inside, numbers, depth + 1, mine, field.value)
        name = element("code", field.name)
        where = element("small", f"{field.offset} +{field.length}")
        said = "" if field.inside and field.value == above else field.value
        value = element("span", said, class_="value") if said else Markup("")
        line = element("div", name, " ", where, " ", value, class_=f"field t{mine}", data_f=number, tabindex="0")
        lines.append(element("li", line, inside))
    return element("ul", Markup("".join(lines)))


def _count(fields: Sequence[Field]) -> int:
    """How many there are, those inside too; as deep as the list goes."""
    total, level = 0, [(each, 0) for each in fields]
    while level:
        field, depth = level.pop()
        total += 1
        if depth < DEEPEST:
            level += [(each, depth + 1) for each in field.inside]
    return total


class _Boxes:
    """Writes each byte once, in order, with boxes around those of a field."""

    def __init__(self, data: str) -> None:
        self._data = data
        self._number = -1

    def boxes(self, fields: Sequence[Field], start: int, end: int, depth: int) -> Iterator[str]:
        """The bytes from `start` to `end`, with the fields that lie in order between them."""
        at = start
        for place, field in enumerate(fields):
            if self._number >= MOST_FIELDS - 1:
                break
            self._number += 1
            number = self._number
            last = min(field.offset + field.length, end)
            fits = at <= field.offset < last
            if fits:
                yield self._plain(at, field.offset)
                yield f'<b data-f="{number}" class="t{place % TINTS}">' if depth == 0 else f'<b data-f="{number}">'
            first = field.offset if fits else 0
            inside = field.inside if depth < DEEPEST else ()
            inner = "".join(self.boxes(inside, first, last if fits else 0, depth + 1))
            if fits:
                yield inner + "</b>"
                at = last
        yield self._plain(at, end)

    def _plain(self, start: int, end: int) -> str:
        pairs = []
        for place in range(start, end):
            pairs.append(self._data[2 * place : 2 * place + 2])
            pairs.append("\n" if place % ROW == ROW - 1 else " ")
        return "".join(pairs)
