"""One table of sealmq.toml while it is read: gives out values that were checked, and complains with file and key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from sealmq.errors import ConfigError

_LONGEST_NUMBER = 1 << 40
_FEW = 10
"""Keys that an error lists although it has found the one that was meant: thirty hide what it says."""


class Table:
    """One TOML table while it is read: gives out values that were checked, and complains with file and key."""

    def __init__(self, values: dict[str, Any], source: str, place: str) -> None:
        self.values = values
        self.source = source
        self.place = place  # "[limits]", "" for the top

    def error(self, key: str, what: str, *, why: str = "", remedy: str = "") -> ConfigError:
        """An error that names file, table and key."""
        return ConfigError(f"{self.source}: {self.place} {key} {what}".replace("  ", " "), why=why, remedy=remedy)

    def expect_keys(self, *known: str) -> None:
        """Raise ConfigError for a key that is not known here, with the nearest one that is."""
        for key in self.values:
            if key in known:
                continue
            nearest = difflib.get_close_matches(key, known, n=1)
            place = f"{self.place} has no key" if self.place else "there is no key"
            raise ConfigError(
                f"{self.source}: {place} {shown(key)}",
                why="" if nearest and len(known) > _FEW else f"known here: {', '.join(known)}",
                remedy=f"did you mean {nearest[0]!r}?" if nearest else "remove it, or put it where it belongs",
            )

    def table(self, key: str) -> Table:
        """The table below `key`; an empty one where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.error(
                key, f"is {shown(value)}; it must be a table", remedy=f"write [{key}] on a line of its own"
            )
        return Table(value, self.source, f"[{key}]")

    def number(self, key: str, default: float, smallest: int, largest: int, *, whole: bool) -> float:
        """A number in a range, both ends included."""
        value = self.values.get(key, default)
        # bool is an int in Python, and "connections = true" is a mistake.
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not smallest <= value <= largest:
            kind = "a whole number" if whole else "a number"
            raise self.error(
                key,
                f"is {shown(value)}; it must be {kind} from {smallest} to {largest:_}",
                remedy=f"{key} = {default:_}",
            )
        return value if whole else float(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {shown(value)}; it must be true or false")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of some texts."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self.error(key, f"is {shown(value)}; it must be {either(choices)}")
        return value

    def text(self, key: str) -> str | None:
        """A text with something in it, None where there is none."""
        value = self.values.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.error(key, f"is {shown(value)}; it must be a text with something in it")
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts with something in them."""
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise self.error(key, f"is {shown(value)}; it must be a list of texts", remedy=f'{key} = ["...", "..."]')
        return tuple(value)


def shown(value: object) -> str:
    """The value as the error shows it: short, and on one line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > _LONGEST_NUMBER:  # repr() refuses integers of thousands of digits
        return "a far too large number"
    if isinstance(value, list | tuple):
        return "a list"
    words = repr(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


def either(choices: Sequence[str]) -> str:
    """The choices as a sentence lists them."""
    return " or ".join(f'"{choice}"' for choice in choices)
