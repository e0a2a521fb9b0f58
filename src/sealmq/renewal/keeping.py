"""A thread that looks after one bundle while a program does its work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Self

from sealmq.errors import Error
from sealmq.renewal.keeper import Keeper

log = logging.getLogger("sealmq.renewal")

LONGEST_REST: Final = 24 * 3600.0
"""Seconds between two looks at most: the machine may have slept, or its clock been set."""


class Keeping:
    """Looks at once, and then whenever something is due. Ends with `close`, or with the program.

    clock: Unix seconds. dice: a number from 0 to 1.
    """

    def __init__(self, keeper: Keeper, clock: Callable[[], float], dice: Callable[[], float]) -> None:
        self._keeper = keeper
        self._clock = clock
        self._dice = dice
        self._woken = threading.Event()
        self._closed = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._work, name="sealmq-renewal", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def close(self) -> None:
        """Look no more. A renewal that has begun is finished first."""
        self._closed = True
        self._woken.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _work(self) -> None:
        while not self._closed:
            rest = self._look()
            self._woken.wait(rest)
            self._woken.clear()

    def _look(self) -> float:
        """Look once; seconds until the next time."""
        now = self._clock()
        try:
            kept = self._keeper.look(now)
        except Error as error:
            self._tell(error)
            return self._keeper.wait(now, self._dice())
        except Exception:  # a mistake of ours must not end the program's renewals for ever
            log.exception("an error of our own while renewing %s", self._keeper.bundle)
            return self._keeper.wait(now, self._dice())
        self._trouble = ""
        return min(max(1.0, kept.due_at - self._clock()), LONGEST_REST)

    def _tell(self, error: Error) -> None:
        """Once, for as long as it stays the same."""
        words = f"{error.what}{f' ({error.why})' if error.why else ''}"
        if words != self._trouble:
            self._trouble = words
            log.warning("%s%s", words, f"; next: {error.remedy}" if error.remedy else "")
