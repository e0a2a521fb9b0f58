"""Results in a form that is written down, read again and compared: what a case came to, in a few words.

Of a refusal the alert is written down, and what the other side heard where that is something else; of a stranger only
that it was refused, as noise may break off a handshake at one place or another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from sealmq.kit.middleware.outcome import Outcome, Result

Record: TypeAlias = dict[str, str]
"""Of one pair, or of one middleware alone: "CASE TLSv1.x" or "CASE TLSv1.x SIDE" -> what it came to."""

SILENT: Final = "no alert"


def record(results: Iterable[Result]) -> Record:
    """All of it, in the order in which it was tried."""
    return {_key(each): _value(each) for each in results}


def outcome_of(value: str) -> Outcome:
    """The outcome that a value of a Record stands for."""
    return Outcome(value.split(":", 1)[0])


def words_of(value: str) -> str:
    """What stands behind it: the alert, or the reason; "" for nothing."""
    return value.partition(": ")[2]


def _key(result: Result) -> str:
    key = f"{result.case} {result.version}"
    if not result.client:
        return f"{key} server"
    return key if result.server else f"{key} client"


def _value(result: Result) -> str:
    if result.outcome is Outcome.REFUSED and result.client and result.server:
        heard = "" if result.heard == result.alert else f", heard: {result.heard or SILENT}"
        return f"{result.outcome}: {result.alert or SILENT}{heard}"
    if result.why and result.outcome is not Outcome.REFUSED:
        return f"{result.outcome}: {result.why}"
    return str(result.outcome)
