"""One clock tick for all deadlines, instead of a timer for each connection.

A deadline moves with every byte that arrives, so moving it must cost nothing: its owner only writes the new time into
its own attribute. The wheel looks at it when the old time comes, and puts it further back.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class HasDeadline(Protocol):
    """deadline: when something is due, on the caller's clock in seconds."""

    deadline: float


Owner = TypeVar("Owner", bound=HasDeadline)


class Deadlines(Generic[Owner]):
    """Who is due when, in steps of one second."""

    def __init__(self) -> None:
        self._wheel: dict[int, list[Owner]] = {}
        self._reached = 0

    def watch(self, owner: Owner) -> None:
        """Look at the owner when its deadline comes. To call again when the deadline moves forward, not when back."""
        if owner.deadline != float("inf"):
            self._wheel.setdefault(max(int(owner.deadline) + 1, self._reached + 1), []).append(owner)

    def due(self, now: float) -> list[Owner]:
        """Those whose deadline has passed; they are watched no longer. Late by up to a second and a tick."""
        expired: list[Owner] = []
        if not self._reached:
            self._reached = int(now) - 1
        second = int(now)
        steps = range(self._reached + 1, second + 1)
        slots = steps if len(steps) < len(self._wheel) else [slot for slot in self._wheel if slot <= second]
        self._reached = second
        for slot in list(slots):
            for owner in self._wheel.pop(slot, ()):
                if owner.deadline <= now:
                    expired.append(owner)
                else:
                    self.watch(owner)
        return expired
