"""Between the broker and the disk: at the end of each turn what was told is handed over, and what is safe is said.

The store's writer has a thread of its own; what it reports comes back to the loop before anything happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from sealmq.house import House
from sealmq.store.sqlite import SQLiteStore

log = logging.getLogger("sealmq.server")


class Safekeeping:
    """One store, and the house whose promises rest on it.

    path:      of the database, for the log.
    call_loop: runs a function on the loop's thread; called from any thread.
    house:     to be set before anything is handed over.
    """

    house: House

    def __init__(self, path: Path, call_loop: Callable[..., None]) -> None:
        self._path = path
        self._call_loop = call_loop
        self.store = SQLiteStore.open(path, self._committed, self._not_committed)

    def hand_over(self) -> None:
        """The end of a turn: what was told in it belongs together, and goes to the writer as soon as that is free."""
        store, broker = self.store, self.house.broker
        if store.hand_over() and broker.dispatch.promises.committed != store.number:  # nothing is left to be written
            broker.committed(store.number)
            self.house.flush()
            store.hand_over()  # what was told by keeping promises

    def close(self) -> None:
        """Write what is left, and let the database go."""
        why = self.store.close()
        if why:
            log.error(
                "the last changes could not be written to %s: %s; what was acknowledged is safe, what was not will be"
                " sent again",
                self._path,
                why,
            )

    def _committed(self, number: int) -> None:
        """The store's writer has made changes safe (its thread calls)."""
        self._call_loop(self._on_committed, number)

    def _not_committed(self, why: str) -> None:
        """The disk refuses (the writer's thread calls)."""
        self._call_loop(self._on_not_committed, why)

    def _on_committed(self, number: int) -> None:
        if self.store.failing:
            log.warning("the disk takes messages again")
        self.store.safe()
        self.house.broker.committed(number)
        self.house.flush()
        self.hand_over()

    def _on_not_committed(self, why: str) -> None:
        if not self.store.failing:
            log.error(
                "messages cannot be written to %s: %s; what needs the disk is refused, the rest goes on; next: %s",
                self._path,
                why,
                "make room on the disk" if "full" in why else "look after the disk (dmesg says what ails it)",
            )
        self.store.failing = why
        self.house.broker.not_committed()
        self.house.flush()
