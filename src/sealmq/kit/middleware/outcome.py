"""How a case ended, in a form that is counted, compared and drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """PASSED: connected, and everything was as it must be. REFUSED: as it must be. IMPOSSIBLE: one of the two libraries
    has not what it takes, and says so. FAILED: a mistake, ours or a library's."""

    PASSED = "passed"
    REFUSED = "refused"
    IMPOSSIBLE = "not possible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One case with one pair.

    case:           its identifier. version: of TLS, "" where it says nothing.
    client, server: the middlewares' names; "" where nobody is on that side.
    why:            with REFUSED the words of the side that refused, with IMPOSSIBLE and FAILED the reason; a remark
                    with PASSED, "" for none.
    alert:          that went out, by its name in RFC 8446, and `heard` what the other side made of it; "" for none.
    """

    case: str
    version: str
    client: str
    server: str
    outcome: Outcome
    why: str = ""
    alert: str = ""
    heard: str = ""


def count(results: Iterable[Result]) -> dict[Outcome, int]:
    """How many ended in which way; each way is there."""
    found = Counter(each.outcome for each in results)
    return {outcome: found[outcome] for outcome in Outcome}
