"""What one connection showed: nothing of it is shared with another."""

from __future__ import annotations

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.sight import Attempt, Sight


def test_each_sight_has_its_own_counts() -> None:
    one, other = Sight(1), Sight(2)
    one.sent[Sender.CLIENT] += 1
    one.topics.append("a")
    one.meters[Sender.CLIENT].add(b"x")
    assert (other.sent[Sender.CLIENT], other.topics, other.meters[Sender.CLIENT].total) == (0, [], 0)


def test_an_attempt_is_undecided_at_first() -> None:
    attempt = Attempt("flip", "a bit was changed", 0.5)
    assert (attempt.verdict, attempt.outcome) == ("unknown", "")
