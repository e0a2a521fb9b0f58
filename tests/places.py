"""Receptions and places for tests of what lies above them."""

from __future__ import annotations

import time
from typing import Any

from sealmq.broker.limits import Limits
from sealmq.tcp.admission import Admission, Place, _Address
from sealmq.tcp.listener import Reception

NOWHERE = Place(Admission(Limits, lambda: None, str), _Address("192.0.2.7"))
"""A place that nobody counts any more."""
NOWHERE.left()


class Refused(list[tuple[str, str]]):
    """Who was turned away, and by which limit."""

    def __call__(self, peer: str, met: str) -> None:
        self.append((peer, met))


def reception(refused: Refused | None = None, exhausted: Any = None, **limits: Any) -> Reception:
    """A reception with the usual limits, or these."""
    bounds = Limits(**limits)
    refused = Refused() if refused is None else refused
    return Reception(lambda: bounds, time.monotonic, str, refused, exhausted or (lambda error: None))
