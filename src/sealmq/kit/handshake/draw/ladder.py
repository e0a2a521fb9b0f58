"""The timeline on a terminal: two lifelines, an arrow for each message, and its words.

    0.61 ms            │─ ClientHello 254 B #0 ①⑥ ─────────────▶│ offers TLS 1.3 ...
    1.94 ms  +1.33 ms  │◀───────────── ServerHello 122 B #1 ②⑥ ─│ chooses ...

`#` are the numbers of a message's records, ① those of the classic steps that it does. A double line and a lock are
encrypted, so that colour is never the only sign. Where there is no room beside the ladder the words stand in it.
"""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.text import Text

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.handshake.draw.words import Purpose, encrypted_from, in_bytes, in_time, many, purpose_of
from sealmq.kit.handshake.report import MessageRow, Report

STYLES: Final = {
    Purpose.HELLO: "blue",
    Purpose.CERTIFICATE: "yellow",
    Purpose.KEY_EXCHANGE: "magenta",
    Purpose.FINISHED: "green",
    Purpose.TICKET: "default",
    Purpose.APPLICATION: "cyan",
    Purpose.ALERT: "bold red",
    Purpose.OTHER: "default",
}
WIDE: Final = 112
"""Columns from which on the words stand beside the ladder."""

BESIDE: Final = 43
"""Columns of the ladder there, without its lifelines."""

_TIME: Final = 9
_GAP: Final = 11
MOST_MESSAGES: Final = (40, 150, 150)
"""That are shown, by verbosity."""


class Ladder:
    """Draws the messages of one report."""

    def __init__(self, pen: Pen, *, verbosity: int) -> None:
        self._pen = pen
        self._verbosity = verbosity
        self._wide = pen.width >= WIDE
        self._left = _TIME + 1 + (_GAP if pen.width >= 72 else 0)
        self._inside = BESIDE if self._wide else pen.width - self._left - 2
        self._sealed_from: int | None = None
        self._told = set[str]()

    def draw(self, report: Report) -> None:
        """All of it."""
        if not report.messages:
            return
        pen = self._pen
        self._sealed_from = encrypted_from(report.messages)
        space = " " * max(self._inside - len("client") - len("server") + 2, 1)
        pen.print(pen.words(" " * self._left, ("client", "bold"), space, ("server", "bold")))
        shown = report.messages[: MOST_MESSAGES[min(self._verbosity, 2)]]
        for place, message in enumerate(shown):
            if place == self._sealed_from:
                self._sign()
            self._message(message, first=not place)
        if len(report.messages) > len(shown):
            rest = len(report.messages) - len(shown)
            pen.print(pen.words(" " * self._left, (f"{many(rest, 'more message')}; --json has all of them", "dim")))

    def _message(self, message: MessageRow, *, first: bool) -> None:
        pen = self._pen
        line = Text()
        line.append_text(pen.words((f"{in_time(message.at):>{_TIME}} ", "dim")))
        if self._left > _TIME + 1:
            gap = "" if first else f"+{in_time(message.gap)}"
            line.append_text(pen.words((f"{gap:>{_GAP - 1}} ", "dim")))
        line.append_text(self._arrow(message))
        words = pen.words((message.line, "" if self._wide else "dim"))
        if self._wide:
            line.append(" ")
            room = pen.width - cell_len(line.plain)
            rows = pen.wrapped(words, room)[: None if self._verbosity else 2]
            pen.print(line.append_text(rows[0]))
            for row in rows[1:]:
                pen.print(self._empty().append(" ").append_text(row))
        else:
            pen.print(line)
            if message.line:
                room = self._inside - 3
                for row in pen.wrapped(words, room)[: None if self._verbosity else 2]:
                    pen.print(self._within(row))
        if self._verbosity and message.paragraph and message.paragraph not in self._told:
            self._told.add(message.paragraph)
            self._paragraph(pen.words((message.paragraph, "dim")))

    def _paragraph(self, words: Text) -> None:
        """Under the message's line: beside the ladder where there is room, else in it."""
        pen = self._pen
        if not self._wide:
            for row in pen.wrapped(words, self._inside - 3):
                pen.print(self._within(row))
            return
        for row in pen.wrapped(words, pen.width - cell_len(self._empty().plain) - 3):
            pen.print(self._empty().append("   ").append_text(row))

    def _arrow(self, message: MessageRow) -> Text:
        """From lifeline to lifeline, with the name in it."""
        pen, style = self._pen, STYLES[purpose_of(message)]
        stroke = "═" if message.protected else "─"
        label = pen.words((f" {message.name} ", f"bold {style}" if style != "default" else "bold"), most=40)
        label.append_text(pen.words((in_bytes(message.size), "")))
        if message.records and self._inside >= 42:
            more = f"-{message.records[-1]}" if len(message.records) > 1 else ""
            label.append_text(pen.words((f" #{message.records[0]}{more}", "dim")))
        steps = "".join(chr(0x245F + step) for step in message.steps[:10] if 1 <= step <= 10)
        label.append_text(pen.words((f" {steps}" if steps else "", "bold")))
        label.append_text(pen.words((" 🔒 " if message.protected else " ", "green")))
        room = self._inside - 2
        if cell_len(label.plain) > room:
            label = pen.fit(label, room)
        rest = pen.words((stroke * (room - cell_len(label.plain)), style))
        tip = pen.words(("▶" if message.sender is Sender.CLIENT else "◀", style))
        tail = pen.words((stroke, style))
        inner = (tail, label, rest, tip) if message.sender is Sender.CLIENT else (tip, rest, label, tail)
        return pen.words(("│", "dim"), *inner, ("│", "dim"))

    def _sign(self) -> None:
        words = self._pen.words((" 🔒 from here on encrypted ", "green"))
        if cell_len(words.plain) > self._inside:
            words = self._pen.words((" encrypted ", "green"))
        rest = max(self._inside - cell_len(words.plain), 0)
        dots = ("┄" * (rest // 2), "green"), ("┄" * (rest - rest // 2), "green")
        sign = self._pen.words(("├", "dim"), dots[0], words, dots[1], ("┤", "dim"))
        self._pen.print(self._pen.words(" " * self._left, sign))

    def _empty(self) -> Text:
        return self._within(Text())

    def _within(self, words: Text) -> Text:
        """A line between the lifelines."""
        pen = self._pen
        inner = pen.fit(pen.words("  ", words), self._inside)
        return pen.words(" " * self._left, ("│", "dim"), inner, ("│", "dim"))
