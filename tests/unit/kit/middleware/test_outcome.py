from __future__ import annotations

from sealmq.kit.middleware.outcome import Outcome, Result, count


def test_each_outcome_is_counted_also_where_there_is_none() -> None:
    results = [
        Result("a", "TLSv1.2", "openssl", "openssl", Outcome.PASSED),
        Result("b", "TLSv1.2", "openssl", "openssl", Outcome.PASSED),
        Result("c", "TLSv1.2", "openssl", "openssl", Outcome.FAILED, "why"),
    ]
    assert count(results) == {
        Outcome.PASSED: 2,
        Outcome.REFUSED: 0,
        Outcome.IMPOSSIBLE: 0,
        Outcome.FAILED: 1,
    }
