"""A sequence diagram in Mermaid's language, for a README, a ticket or a wiki.

Rule: in a text only letters, digits, spaces and a few marks stand as they are; all else is a character reference as
      Mermaid reads it, `#59;`. So no text ends a line, a statement or a comment, and none begins a directive (`%%{`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.words import (
    OUTCOME_VERDICTS,
    SIGNS,
    encrypted_from,
    in_bytes,
    in_time,
    many,
    one_line,
    properties,
    summary,
    where,
)
from sealmq.kit.handshake.report import Kind, MessageRow, Report

MOST_MESSAGES: Final = 80
"""Of one diagram; the rest is counted."""

LONGEST: Final = 120
"""Characters of one text, before the references."""

_PLAIN: Final = frozenset(" .,-_()'/+*=?!")
_COLUMNS: Final = 40
_BREAK: Final = "<br/>"
_SHORT: Final = {Sender.CLIENT: "C", Sender.SERVER: "S"}


def draw_mermaid(report: Report) -> str:
    """The diagram, as the text of a `mermaid` block."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(report))]) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"accTitle: {quoted(f'TLS handshake with {where(report)}')}"
    yield f"accDescr: {quoted(report.outcome.what)}"
    yield "participant C as client"
    yield f"participant S as server {quoted(report.target.server_name or report.target.host, 60)}"
    shown = report.messages[:MOST_MESSAGES]
    sealed_from = encrypted_from(shown)
    for place, message in enumerate(shown):
        if place == sealed_from:
            yield "rect rgba(21, 128, 61, 0.10)"
            yield "Note over C,S: 🔒 from here on encrypted"
        yield from _message(message)
    if len(report.messages) > len(shown):
        yield f"Note over C,S: {many(len(report.messages) - len(shown), 'more message')} not drawn"
    if sealed_from is not None:
        yield "end"
    if not shown:
        yield "C-xS: no TLS message was seen"
    said = [part for part in (summary(report), ", ".join(properties(report))) if part]
    if said:
        yield f"Note over C,S: {_BREAK.join(lines(part) for part in said)}"
    verdict = SIGNS[OUTCOME_VERDICTS[report.outcome.kind]]
    yield f"Note over C,S: {verdict} {lines(report.outcome.what)}"
    if report.outcome.kind is not Kind.CONNECTED:
        for word, words in (("why", report.outcome.why), ("to do", report.outcome.remedy)):
            if words:
                told = _BREAK.join(lines(each) for each in words.split("\n"))
                yield f"Note over C,S: {word}, {told}"


def _message(message: MessageRow) -> Iterator[str]:
    """An arrow with name, size and time; dotted where it is encrypted. Its words as a note at who sent it."""
    arrow = "-->>" if message.protected else "->>"
    start, end = _SHORT[message.sender], _SHORT[message.sender.other]
    lock = " 🔒" if message.protected else ""
    words = f"{quoted(message.name, 60)}{lock}, {in_bytes(message.size)}, {in_time(message.at)}"
    yield f"{start}{arrow}{end}: {words}"
    if message.line:
        side = "left of C" if message.sender is Sender.CLIENT else "right of S"
        yield f"Note {side}: {lines(message.line)}"


def lines(text: str) -> str:
    """The text on lines that are short enough for a note."""
    pieces = textwrap.wrap(one_line(text, LONGEST), _COLUMNS) or [""]
    return _BREAK.join(quoted(piece) for piece in pieces)


def quoted(text: str, most: int = LONGEST) -> str:
    """The text on one line, with a reference for each character that Mermaid, or the HTML it makes, might read."""
    plain = (each if each.isalnum() or each in _PLAIN else f"#{ord(each)};" for each in one_line(text, most))
    return "".join(plain).strip() or "-"
