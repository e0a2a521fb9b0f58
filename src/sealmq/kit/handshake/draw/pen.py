"""Writes lines on a terminal: wrapped to its width, in characters that it has, and never a stranger's markup.

Rule: text becomes a `rich.text.Text` here and nowhere else; rich reads markup in a str, and none in a Text.
"""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from sealmq.kit.handshake.draw.words import one_line

WIDEST: Final = 140
"""Columns; a line longer than that is hard to read."""

NARROWEST: Final = 40
LABEL: Final = 10
"""Columns of the word before a paragraph."""

_ASCII: Final = str.maketrans(
    {
        "✓": "+", "✗": "x", "·": "-", "…": "...", "│": "|", "─": "-", "═": "=", "▶": ">", "◀": "<", "🔒": "[enc]",
        "→": "->", "←": "<-", "├": "|", "┤": "|", "┄": "-", "µ": "u",
        **{chr(0x2460 + place): f"({place + 1})" for place in range(10)},
    }
)  # fmt: skip
"""What stands for our own signs where the terminal has only ASCII; a stranger's become escapes."""

Part = str | tuple[str, str] | Text
"""Words, words with a style, or what was made of them already."""


class Pen:
    """A console with its width."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only
        self.width = max(min(console.width, WIDEST), NARROWEST)

    def words(self, *parts: Part, most: int = 2_000) -> Text:
        """The parts as one Text. most: characters of each."""
        made = Text()
        for part in parts:
            if isinstance(part, Text):
                made.append_text(part)
                continue
            words, style = (part, "") if isinstance(part, str) else part
            words = one_line(words, most)
            if self._ascii:
                words = words.translate(_ASCII).encode("ascii", "backslashreplace").decode()
            made.append(words, style or None)
        return made

    def print(self, text: Text | None = None) -> None:
        """One line that fits already."""
        if text is None:
            self._console.print()
        else:
            text.rstrip()
            self._console.print(text, no_wrap=True, overflow="ignore", crop=False, highlight=False, soft_wrap=True)

    def wrapped(self, text: Text, room: int) -> list[Text]:
        """The text on lines of at most so many columns; a word that is longer than a line is cut."""
        lines: list[Text] = []
        for line in text.wrap(self._console, max(room, 1), overflow="fold"):
            line.rstrip()
            if cell_len(line.plain) <= room:
                lines.append(line)
            else:
                lines += [Text(piece, style=line.style) for piece in chop_cells(line.plain, max(room, 2))]
        return lines or [Text()]

    def paragraph(self, *parts: Part, indent: int = 0, hanging: int | None = None) -> None:
        """Words, wrapped. hanging: columns before all lines but the first."""
        hanging = indent if hanging is None else hanging
        room = self.width - max(indent, hanging)
        for place, line in enumerate(self.wrapped(self.words(*parts), room)):
            self.print(Text(" " * (hanging if place else indent)).append_text(line))

    def labelled(self, label: str, *parts: Part, deeper: int = 0) -> None:
        """A paragraph with a word before it; "" continues the one above. deeper: more columns to the right."""
        room = self.width - LABEL - deeper
        for place, line in enumerate(self.wrapped(self.words(*parts), room)):
            head = self.fit(self.words((label if not place else "", "bold")), LABEL - 1)
            self.print(Text().append_text(head).append(" " * (1 + deeper)).append_text(line))

    def fit(self, text: Text, room: int) -> Text:
        """At most so many columns of it, filled up with spaces."""
        room = max(room, 0)
        if cell_len(text.plain) > room:
            dots = "..." if self._ascii else "…"
            text = text.copy()
            text.truncate(max(room - len(dots), 0), overflow="crop")
            text.append(dots[: max(room - cell_len(text.plain), 0)])
        return text.copy().append(" " * (room - cell_len(text.plain)))
