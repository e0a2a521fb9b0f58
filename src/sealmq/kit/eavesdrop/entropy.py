"""How much a stream looks like noise: Shannon's entropy of its bytes, and the strings that `strings` would find."""

from __future__ import annotations

import math
import re
from collections import Counter

SHORTEST_STRING = 4
"""Printable characters in a row that count as a string: what the program `strings` takes, too."""

_PRINTABLE = re.compile(rb"[\x20-\x7e]+")


class Meter:
    """Counts the bytes that go by, and keeps none of them."""

    __slots__ = ("_counts", "_run", "strings", "total")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._run = 0
        self.total = 0
        self.strings = 0

    def add(self, data: bytes) -> None:
        """Count these, too; a string may go on from the piece before."""
        self._counts.update(data)
        self.total += len(data)
        carried, self._run = self._run, 0
        for found in _PRINTABLE.finditer(data):
            before = carried if found.start() == 0 else 0
            length = before + found.end() - found.start()
            if before < SHORTEST_STRING <= length:
                self.strings += 1
            if found.end() == len(data):
                self._run = length
        if not data:
            self._run = carried

    def merge(self, other: Meter) -> None:
        """Take in what another counted."""
        self._counts.update(other._counts)
        self.total += other.total
        self.strings += other.strings
        self._run = 0

    @property
    def bits(self) -> float:
        """Bits of entropy for a byte: 8 is noise, English text has about 4.5."""
        if not self.total:
            return 0.0
        return math.fsum(-count / self.total * math.log2(count / self.total) for count in self._counts.values()) + 0.0

    @property
    def most(self) -> float:
        """What noise of so few bytes could show at most: n bytes have no more than log2(n) bits."""
        return min(8.0, math.log2(self.total)) if self.total else 0.0

    def __str__(self) -> str:
        if not self.total:
            return "nothing"
        bound = "" if self.most == 8.0 else f" (of at most {self.most:.1f} for so few bytes)"
        return f"{self.bits:.1f} bits per byte{bound}, {self.strings:,} string{'' if self.strings == 1 else 's'}"
