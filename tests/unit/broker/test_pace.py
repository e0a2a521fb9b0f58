"""Shares of a turn."""

from __future__ import annotations

from outboxes import RememberingOutbox, session
from sealmq.broker.pace import SHARE, TURN, Pace
from sealmq.broker.sessions import Session


def made(buffered_bytes: int = 4 * SHARE) -> tuple[Pace, Session, RememberingOutbox]:
    outbox = RememberingOutbox()
    return Pace(lambda: buffered_bytes), session(outbox=outbox), outbox


def test_a_session_has_one_share_a_turn_and_comes_again_by_itself() -> None:
    pace, one, _ = made()
    assert pace.room(one) == SHARE
    pace.gave(one, 100_000, is_done=True)
    assert list(pace.unfinished) == []
    assert pace.room(one) == SHARE - 100_000
    pace.gave(one, SHARE, is_done=False)
    assert list(pace.unfinished) == [one]
    assert pace.room(one) == 0
    pace.new_turn()
    assert pace.room(one) == SHARE


def test_all_together_have_a_bound() -> None:
    pace, _, _ = made()
    for number in range(TURN // SHARE):
        assert not pace.is_over
        one = session(f"{number}", outbox=RememberingOutbox())
        pace.gave(one, pace.room(one), is_done=True)
    assert pace.is_over
    late = session("late", outbox=RememberingOutbox())
    assert pace.room(late) == 0
    assert list(pace.unfinished) == [late]


def test_a_slow_network_is_looked_at_again_at_the_next_tick() -> None:
    pace, one, outbox = made()
    outbox.unsent = SHARE
    assert pace.room(one) == 0
    assert list(pace.unfinished) == []
    pace.tick()
    assert list(pace.unfinished) == [one]
    outbox.unsent = SHARE - 1
    assert pace.room(one) == SHARE


def test_a_small_buffer_has_small_shares() -> None:
    pace, one, _ = made(1_024)
    assert pace.room(one) == 256


def test_who_is_gone_is_forgotten() -> None:
    pace, one, outbox = made()
    pace.gave(one, 2 * SHARE, is_done=False)
    pace.forget(one)
    assert list(pace.unfinished) == []
    outbox.unsent = SHARE
    pace.room(one)
    pace.forget(one)
    pace.tick()
    assert list(pace.unfinished) == []
    one.detach()
    assert pace.room(one) == 0
