"""What one subscriber got: counted by slices, as long as everything comes in order and once.

What a publisher sends to a topic comes in order (MQTT 5.0 section 4.6), so each lane's next number is known. A run of
messages of one lane that were sent together is checked by two comparisons; only where one fails, messages are looked at
singly.
"""

from __future__ import annotations

from typing import Final

from sealmq.kit.bench.latency import Latencies
from sealmq.kit.bench.stamps import COUNTING, STAMP

_RUN: Final = 64
"""Messages of a run at most."""

_TIME: Final = 7  # the last byte of the time, in the stamp: of two times it is the one that differs
_LANE: Final = 9  # the second byte of the lane's number, in the stamp
_LAST: Final = 13  # the last byte of the message's number


class Tally:
    """Which messages came, and which came twice. What is lost knows only who knows what was sent."""

    def __init__(self, size: int, payload: int) -> None:
        """size: bytes of a packet. payload: bytes of it behind the topic."""
        self.unique = 0
        self.duplicated = 0
        self._size = size
        self._at = size - payload
        self._next: dict[int, int] = {}
        self._gaps: dict[int, list[range]] = {}

    def take(self, packets: bytes, now: float, latencies: Latencies) -> None:
        """Whole packets, one behind the other, that came at `now`."""
        size, at = self._size, self._at
        times, lanes, lasts = (packets[at + byte :: size] for byte in (_TIME, _LANE, _LAST))
        place, count = 0, len(lasts)
        while place < count:
            sent, lane, number = STAMP.unpack_from(packets, place * size + at)
            following = lanes[place : place + _RUN]
            run = len(following) - len(following.lstrip(following[:1]))
            if run > 1:
                together = times[place : place + run]
                run -= len(together.lstrip(together[:1]))
                first = number & 255
                last, other, end = STAMP.unpack_from(packets, (place + run - 1) * size + at)
                in_order = last == sent and other == lane and end == number + run - 1
                if not in_order or lasts[place : place + run] != COUNTING[first : first + run]:
                    run = 1
            if self._next.get(lane, 0) == number:
                self._next[lane] = number + run
                self.unique += run
            else:
                self._out_of_order(lane, number, run)
            latencies.add(now - sent, run)
            place += run

    def _out_of_order(self, lane: int, number: int, run: int) -> None:
        expected = self._next.get(lane, 0)
        if number > expected:
            self._gaps.setdefault(lane, []).append(range(expected, number))
            self._next[lane] = number + run
            self.unique += run
            return
        for each in range(number, number + run):
            if each >= self._next.get(lane, 0):
                self._next[lane] = each + 1
                self.unique += 1
            elif self._fill(lane, each):
                self.unique += 1
            else:
                self.duplicated += 1

    def _fill(self, lane: int, number: int) -> bool:
        """Was it missing until now?"""
        gaps = self._gaps.get(lane, [])
        for place, gap in enumerate(gaps):
            if number in gap:
                gaps[place : place + 1] = [
                    part for part in (range(gap.start, number), range(number + 1, gap.stop)) if part
                ]
                return True
        return False
