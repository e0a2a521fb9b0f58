"""Terminals for tests: of any width, with and without colour, with and without more than ASCII."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console


def console(width: int, *, encoding: str = "utf-8", colour: bool = False) -> Console:
    """A terminal that keeps what is written on it."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    return Console(width=width, file=file, force_terminal=colour, color_system="standard" if colour else None)


def written(on: Console) -> str:
    """All that was."""
    assert isinstance(on.file, io.TextIOWrapper)
    raw = on.file.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode(on.file.encoding)


def widest(text: str) -> int:
    """Columns of the longest line."""
    return max((cell_len(line) for line in text.split("\n")), default=0)
