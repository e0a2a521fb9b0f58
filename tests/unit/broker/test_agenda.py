"""Reminders: the earliest for each session, none early, none kept for long behind its use."""

from __future__ import annotations

from outboxes import session
from sealmq.broker.agenda import STALE_AT_LEAST, Agenda
from sealmq.broker.sessions import NEVER


def test_a_session_is_looked_at_when_it_expires_or_its_will_is_due() -> None:
    agenda = Agenda()
    one, two, three = (session(name) for name in ("one", "two", "three"))
    one.expires_at = 30.0
    two.expires_at, two.will_at = 40.0, 10.0
    three.expires_at = NEVER
    for each in (one, two, three):
        agenda.remind(each)
    assert agenda.due(9.9) == []
    assert agenda.due(10.0) == [two.key]
    assert agenda.due(29.0) == []
    assert agenda.due(1e12) == [one.key]
    assert len(agenda) == 0


def test_one_reminder_counts_for_each_session() -> None:
    agenda = Agenda()
    one = session()
    for expires_at in (50.0, 60.0, 40.0, 45.0):
        one.expires_at = expires_at
        agenda.remind(one)
    assert agenda.due(40.0) == [one.key]
    assert agenda.due(100.0) == []


def test_what_came_too_early_is_reminded_of_again() -> None:
    agenda = Agenda()
    one = session()
    one.expires_at = 10.0
    agenda.remind(one)
    one.expires_at = 20.0
    assert agenda.due(10.0) == [one.key]
    agenda.remind(one)
    assert agenda.due(19.0) == []
    assert agenda.due(20.0) == [one.key]


def test_a_session_that_is_gone_is_forgotten() -> None:
    agenda = Agenda()
    one = session()
    one.expires_at = 10.0
    agenda.remind(one)
    agenda.forget(one.key)
    agenda.forget(one.key)
    assert agenda.due(100.0) == []


def test_sessions_at_the_same_time_need_not_be_comparable() -> None:
    agenda = Agenda()
    both = [session("b"), session("a")]
    for one in both:
        one.expires_at = 10.0
        agenda.remind(one)
    assert sorted(agenda.due(10.0)) == sorted(one.key for one in both)


def test_memory_does_not_grow_with_reminders_that_no_longer_count() -> None:
    agenda = Agenda()
    keepers = [session(f"k{number}") for number in range(10)]
    for number, one in enumerate(keepers):
        one.expires_at = 1_000_000.0 + number
        agenda.remind(one)
    for number in range(10_000):
        gone = session(f"g{number}")
        gone.expires_at = 500_000.0
        agenda.remind(gone)
        agenda.forget(gone.key)
    for number in range(10_000):
        keepers[0].expires_at = 900_000.0 - number
        agenda.remind(keepers[0])
    assert len(agenda) <= STALE_AT_LEAST + 2 * len(keepers) + 2
    assert agenda.due(2_000_000.0) == [one.key for one in keepers]
