"""Reminders: the earliest for each key, none early, none kept for long behind its use."""

from __future__ import annotations

from math import inf

from sealmq.broker.agenda import STALE_AT_LEAST, Agenda


def test_each_is_looked_at_when_its_time_has_come() -> None:
    agenda: Agenda[str] = Agenda()
    for key, when in (("one", 30.0), ("two", 10.0), ("three", inf)):
        agenda.remind(key, when)
    assert list(agenda.due(9.9)) == []
    assert list(agenda.due(10.0)) == ["two"]
    assert list(agenda.due(29.0)) == []
    assert list(agenda.due(1e12)) == ["one"]
    assert len(agenda) == 0


def test_one_reminder_counts_for_each_key() -> None:
    agenda: Agenda[str] = Agenda()
    for when in (50.0, 60.0, 40.0, 45.0):
        agenda.remind("one", when)
    assert list(agenda.due(40.0)) == ["one"]
    assert list(agenda.due(100.0)) == []


def test_what_came_too_early_is_reminded_of_again() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.remind("one", 10.0)
    for key in agenda.due(10.0):
        agenda.remind(key, 20.0)
    assert list(agenda.due(19.0)) == []
    assert list(agenda.due(20.0)) == ["one"]


def test_what_is_gone_is_forgotten() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.remind("one", 10.0)
    agenda.forget("one")
    agenda.forget("one")
    assert list(agenda.due(100.0)) == []


def test_what_is_not_taken_out_stays_due() -> None:
    agenda: Agenda[int] = Agenda()
    for key in range(5):
        agenda.remind(key, float(key))
    assert next(agenda.due(10.0)) == 0
    assert list(agenda.due(10.0)) == [1, 2, 3, 4]


def test_memory_does_not_grow_with_reminders_that_no_longer_count() -> None:
    agenda: Agenda[str] = Agenda()
    keepers = [f"k{number}" for number in range(10)]
    for number, key in enumerate(keepers):
        agenda.remind(key, 1_000_000.0 + number)
    for number in range(10_000):
        agenda.remind(f"g{number}", 500_000.0)
        agenda.forget(f"g{number}")
    for number in range(10_000):
        agenda.remind(keepers[0], 900_000.0 - number)
    assert len(agenda) <= STALE_AT_LEAST + 2 * len(keepers) + 2
    assert list(agenda.due(2_000_000.0)) == keepers
