"""What strangers may write into our log: the first few lines of each address, then one line a minute that counts.

Everybody who reaches a listener can have something refused (a handshake, a password, a CONNECT), as often as the line
allows. Each refusal is worth a line while somebody looks for a mistake; a million are worth a number. Bounded in memory
too: addresses beyond REMEMBERED in one minute are counted together. Time is an argument (Unix seconds).
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from sealmq.addresses import address_key

TOLD: Final = 20
"""Lines of one kind for one address in a minute: who tries things out at a bench reads each answer."""

TIMES_IN_ALL: Final = 3
"""For how many such addresses there are lines in a minute: a thousand must not write twenty thousand."""

SPAN: Final = 60.0
"""Seconds."""

REMEMBERED: Final = 1_000
"""Addresses, for each kind, that are counted one by one in a minute."""

SUMMED_UP: Final = 10
"""Addresses that have a line of their own in the summary of a kind; the loudest."""


class Summary(NamedTuple):
    """A line for the log. address: the one that it is about, "" when there are several."""

    words: str
    address: str = ""


class _Kind:
    """One kind of line within one minute: what was told, and what was not, by address ("": all that are not known)."""

    __slots__ = ("_most", "told", "told_in_all", "untold")

    def __init__(self, most: int) -> None:
        self._most = most
        self.told: Counter[str] = Counter()
        self.untold: Counter[str] = Counter()
        self.told_in_all = 0

    def lets(self, address: str) -> bool:
        if address not in self.told and len(self.told) >= REMEMBERED:
            address = ""
        if address and self.told[address] < self._most and self.told_in_all < TIMES_IN_ALL * self._most:
            self.told[address] += 1
            self.told_in_all += 1
            return True
        self.told[address] += 0  # it is known from now on
        self.untold[address] += 1
        return False


class Quiet:
    """Decides which lines are told. `rest` is to be asked again and again, or nothing is ever told anew.

    told: lines of one kind for one address in a minute; it may be changed, and counts from the next minute on.
    """

    def __init__(self, told: int = TOLD) -> None:
        self.told = told
        self._kinds: dict[str, _Kind] = {}
        self._since: float | None = None

    def lets(self, kind: str, peer: str, now: float) -> bool:
        """Is this line told? kind: the plural of what happened, as the summary says it; there are few, and all ours.
        peer: "address:port" of who caused it."""
        if self._since is None:
            self._since = now
        return self._kinds.setdefault(kind, _Kind(self.told)).lets(address_key(peer))

    def rest(self, now: float) -> list[Summary]:
        """When a minute is over: what was not told in it. Then it begins anew."""
        if self._since is None or now - self._since < SPAN:
            return []
        kinds, self._kinds, self._since = self._kinds, {}, None
        return [summary for kind, seen in kinds.items() for summary in _sum_up(kind, seen.untold)]


def _sum_up(kind: str, untold: Counter[str]) -> list[Summary]:
    loudest = [(address, count) for address, count in untold.most_common(SUMMED_UP + 1) if address][:SUMMED_UP]
    lines = [Summary(f"... and {count:,} more {kind} from {who} in the last minute", who) for who, count in loudest]
    left = untold.total() - sum(count for _, count in loudest)
    if left:
        others = len(untold) - len(loudest)
        who = "many other addresses" if untold[""] else f"{others:,} other address{'es' if others > 1 else ''}"
        lines.append(Summary(f"... and {left:,} more {kind} from {who} in the last minute"))
    return lines
