"""Times: as people type them ("5m", "2h", "30d"), and as we print them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sealmq.errors import ConfigError

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)


def seconds(option: str, text: str, *, most: int) -> int:
    """The seconds that `text` means, 1 to `most`. Raises ConfigError, which names the option, when it means none."""
    found = _DURATION.fullmatch(text.strip())
    value = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 1 <= value <= most:
        raise ConfigError(
            f"{option} {text!r} is no duration between a second and {most // 86_400} days",
            remedy=f"write a number and a unit: {option} 90s, 5m, 2h, 30d or 4w",
        )
    return value


def words(duration: float) -> str:
    """A duration in words, in its largest unit that divides it: "5 minutes"."""
    left = round(duration)
    for name, unit in (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if left and left % unit == 0:
            return f"{left // unit} {name}{'' if left == unit else 's'}"
    return "0 seconds"


def moment(when: float) -> str:
    """Unix seconds as RFC 3339, UTC."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(when: float) -> str:
    """The date alone, UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")
