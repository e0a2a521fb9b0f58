"""What an observer tells while it watches, in words that are safe to print whatever the peers wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sealmq.kit.dissect.conversation import Sender

LONGEST_TEXT = 200
"""Characters of a topic, a name, a reason that are shown; a longer one ends in an ellipsis."""

LONGEST_PAYLOAD = 64
"""Bytes of a payload that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that was seen.

    connection: its number, 1 first. at: seconds since it was begun.
    sender:     who did it; None: the tool, or nobody.
    name:       "CONNECT", "record", "opened", "closed", "changed" ...
    line:       one line for a person. details: names and values, for a program.
    """

    connection: int
    at: float
    sender: Sender | None
    name: str
    line: str
    details: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {
            "event": self.name,
            "connection": self.connection,
            "at": round(self.at, 6),
            "sender": None if self.sender is None else self.sender.value,
            "line": self.line,
            "details": dict(self.details),
        }


Tell: TypeAlias = Callable[[Event], None]
"""Where events go; it returns at once."""


def excerpt(data: bytes | str, most: int = LONGEST_PAYLOAD) -> str:
    """The beginning of something a peer wrote, safe to print: quoted text where it can be printed, else hex."""
    cut = data[:most]
    more = "..." if len(data) > most else ""
    if isinstance(cut, bytes):
        # A character that the cut went through is no reason to show hex: UTF-8 has at most four bytes in one.
        for back in range(4 if more else 1):
            try:
                text = cut[: len(cut) - back].decode()
            except UnicodeDecodeError:
                continue
            if text.isprintable():
                return f"'{text}{more}'"
            break
        return f"{cut.hex()}{more}" if cut else "''"
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in cut)
    return f"'{shown}{more}'"
