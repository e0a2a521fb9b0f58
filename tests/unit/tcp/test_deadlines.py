"""The wheel of deadlines: nobody is early, nobody is forgotten, nobody who has gone is held."""

from __future__ import annotations

import gc
import weakref

import pytest

from sealmq.tcp.deadlines import Deadlines

NOW = 1_800_000_000.0


class Owner:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline


@pytest.fixture
def wheel() -> Deadlines[Owner]:
    deadlines: Deadlines[Owner] = Deadlines()
    assert deadlines.due(NOW) == []
    return deadlines


def test_nobody_is_due_before_the_time_and_everybody_soon_after(wheel: Deadlines[Owner]) -> None:
    owner = Owner(NOW + 2.5)
    wheel.watch(owner)
    assert wheel.due(NOW + 2.4) == []
    assert wheel.due(NOW + 4.0) == [owner]
    assert wheel.due(NOW + 100) == []


def test_a_deadline_that_moved_back_is_looked_at_again_by_itself(wheel: Deadlines[Owner]) -> None:
    owner = Owner(NOW + 2)
    wheel.watch(owner)
    owner.deadline = NOW + 10
    assert wheel.due(NOW + 5) == []
    assert wheel.due(NOW + 12) == [owner]


def test_a_deadline_that_moved_forward_is_watched_once_at_its_new_time(wheel: Deadlines[Owner]) -> None:
    owner = Owner(NOW + 100)
    wheel.watch(owner)
    owner.deadline = NOW + 2
    wheel.watch(owner)
    assert len(wheel) == 1
    assert wheel.due(NOW + 4) == [owner]
    assert wheel.due(NOW + 200) == []


def test_a_deadline_in_the_past_is_due_at_the_next_second(wheel: Deadlines[Owner]) -> None:
    owner = Owner(NOW - 50)
    wheel.watch(owner)
    assert wheel.due(NOW + 1) == [owner]


def test_no_deadline_is_not_watched(wheel: Deadlines[Owner]) -> None:
    wheel.watch(Owner(float("inf")))
    assert len(wheel) == 0


def test_a_long_pause_of_the_whole_program_loses_nobody(wheel: Deadlines[Owner]) -> None:
    owners = [Owner(NOW + second) for second in range(1, 50)]
    for owner in owners:
        wheel.watch(owner)
    assert wheel.due(NOW + 1_000_000) == owners
    assert len(wheel) == 0


def test_who_is_forgotten_is_not_held_until_a_far_deadline(wheel: Deadlines[Owner]) -> None:
    owner = Owner(NOW + 31_536_000)
    wheel.watch(owner)
    held = weakref.ref(owner)
    wheel.forget(owner)
    wheel.forget(owner)
    del owner
    gc.collect()
    assert held() is None
