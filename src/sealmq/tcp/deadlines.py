"""One clock tick for all deadlines, instead of a timer for each connection.

A deadline moves with every packet that arrives, so moving it must cost nothing: its owner only writes the new time into
its own attribute. The wheel looks at it when the old time comes, and puts it further back.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class HasDeadline(Protocol):
    """deadline: when something is due, on the caller's clock in seconds."""

    deadline: float


Owner = TypeVar("Owner", bound=HasDeadline)


class Deadlines(Generic[Owner]):
    """Who is due when, in steps of one second. Each owner stands in the wheel once, or not at all."""

    def __init__(self) -> None:
        self._wheel: dict[int, set[Owner]] = {}
        self._slots: dict[Owner, int] = {}
        self._reached = 0

    def __len__(self) -> int:
        """How many are watched."""
        return len(self._slots)

    def watch(self, owner: Owner) -> None:
        """Look at the owner when its deadline comes. To call again when the deadline moves forward, not when back."""
        self.forget(owner)
        if owner.deadline != float("inf"):
            slot = max(int(owner.deadline) + 1, self._reached + 1)
            self._slots[owner] = slot
            self._wheel.setdefault(slot, set()).add(owner)

    def forget(self, owner: Owner) -> None:
        """The owner is gone: hold it no longer. Its deadline may lie far ahead, and all that hangs on it would wait."""
        slot = self._slots.pop(owner, None)
        if slot is not None:
            owners = self._wheel[slot]
            owners.discard(owner)
            if not owners:
                del self._wheel[slot]

    def due(self, now: float) -> list[Owner]:
        """Those whose deadline has passed; they are watched no longer. Late by up to a second and a tick."""
        expired: list[Owner] = []
        second = int(now)
        steps = range(self._reached + 1, second + 1)
        slots = steps if len(steps) < len(self._wheel) else sorted(slot for slot in self._wheel if slot <= second)
        self._reached = max(self._reached, second)
        for slot in slots:
            for owner in self._wheel.pop(slot, ()):
                del self._slots[owner]
                if owner.deadline <= now:
                    expired.append(owner)
                else:
                    self.watch(owner)
        return expired
