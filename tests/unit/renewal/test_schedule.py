"""When to renew and when to try again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.renewal.schedule import FIRST_PAUSE, LONGEST_PAUSE, due_at, pause_after

DAY = 86_400.0


@given(st.text(alphabet="0123456789abcdef", min_size=32, max_size=32), st.floats(3_600, 400 * DAY))
def test_it_is_due_at_two_thirds_of_its_life_ten_percent_sooner_or_later(serial: str, life: float) -> None:
    moment = due_at(1_000.0, 1_000.0 + life, serial)
    assert 0.599 * life <= moment - 1_000.0 <= 0.734 * life
    assert moment == due_at(1_000.0, 1_000.0 + life, serial), "a program that starts anew comes to the same"


def test_a_fleet_that_was_enrolled_in_one_moment_does_not_come_back_in_one() -> None:
    moments = sorted(due_at(0.0, 365 * DAY, f"{number:032x}") for number in range(1_000))
    assert moments[-1] - moments[0] > 45 * DAY
    in_one_hour = max(sum(a <= b < a + 3_600 for b in moments) for a in moments[::50])
    assert in_one_hour < 10


def test_pauses_grow_and_have_an_end() -> None:
    pauses = [pause_after(failures, 300 * DAY, 0.5) for failures in range(1, 12)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE == pause_after(10_000, 300 * DAY, 0.5)
    assert pause_after(1, DAY, 0.0) == 45.0
    assert pause_after(1, DAY, 1.0) == 75.0


def test_a_certificate_that_ends_soon_is_tried_often() -> None:
    left, tries = 8 * 3_600.0, 0
    while left > 60:
        left -= pause_after(50, left, 1.0)
        tries += 1
    assert tries > 8
    assert pause_after(1, 0.5, 0.5) == 1.0
    assert pause_after(50, -DAY, 0.5) == LONGEST_PAUSE, "it has expired: what is left to do is EST, or a person"
