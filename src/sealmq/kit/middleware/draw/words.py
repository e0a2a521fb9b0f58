"""Figures in the words that all forms of output share; "-" for what was not measured."""

from __future__ import annotations

from collections.abc import Iterable

from sealmq.kit.handshake.draw.words import in_bytes
from sealmq.kit.middleware.spread import Spread
from sealmq.tls.middleware import Version

NONE = "-"


def in_time(seconds: float) -> str:
    """11.5 ms, 1.19 ms, 0.31 ms, 73 µs: three digits."""
    milliseconds = seconds * 1e3
    if milliseconds < 0.1:
        return f"{seconds * 1e6:.0f} µs"
    return f"{milliseconds:.{2 if milliseconds < 10 else 1 if milliseconds < 100 else 0}f} ms"


def time_of(spread: Spread | None) -> str:
    """1.19 ms ±4%."""
    return NONE if spread is None else f"{in_time(spread.median)} ±{spread.percent}%"


def bytes_of(spread: Spread | None) -> str:
    """1,197 B."""
    return NONE if spread is None else in_bytes(round(spread.median))


def rate_of(bytes_a_second: float | None) -> str:
    """1,154 MB/s; 6.4 MB/s."""
    if bytes_a_second is None:
        return NONE
    rate = bytes_a_second / 1e6
    return f"{rate:,.0f} MB/s" if rate >= 10 else f"{rate:.1f} MB/s"


def count_of(a_second: float | None) -> str:
    """282,000/s: three digits that count."""
    if a_second is None:
        return NONE
    digits = max(len(str(int(a_second))) - 3, 0)
    return f"{round(a_second, -digits):,.0f}/s"


def kib_of(size: int | None) -> str:
    """24.3 KiB."""
    return NONE if size is None else f"{size / 1024:.1f} KiB"


def version_of(version: Version) -> str:
    """1.3."""
    return version.removeprefix("TLSv")


def versions_of(versions: Iterable[Version]) -> str:
    """1.2, 1.3; "no" for none."""
    return ", ".join(sorted(map(version_of, versions))) or "no"


def sum_of(first: str, second: str) -> str:
    """Two figures with their units: 0.90 + 1.20 ms; 90 µs + 0.12 ms."""
    number, _, unit = first.rpartition(" ")
    return f"{number if second.endswith(f' {unit}') else first} + {second}"
