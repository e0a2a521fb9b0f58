"""Whose turn it is in a group."""

from __future__ import annotations

from outboxes import RememberingOutbox, held, session
from sealmq.broker.groups import Group
from sealmq.broker.sessions import Session


def everybody(_: Session) -> bool:
    return True


def nobody(_: Session) -> bool:
    return False


def group(here: int, away: int = 0, qos: int = 1) -> tuple[Group, list[Session]]:
    made = Group()
    sessions = [
        session(f"{number}", outbox=RememberingOutbox() if number < here else None) for number in range(here + away)
    ]
    for one in sessions:
        made.join(one, held("$share/g/a", qos))
    return made, sessions


def test_members_take_turns() -> None:
    made, sessions = group(3)
    assert [made.next(0, everybody) for _ in range(6)] == sessions * 2


def test_who_is_not_ready_is_passed_over() -> None:
    made, (one, two, three) = group(3)
    assert [made.next(1, lambda each: each is not two) for _ in range(4)] == [one, three, one, three]


def test_when_nobody_is_ready_they_take_turns_all_the_same() -> None:
    made, sessions = group(3)
    assert [made.next(1, nobody) for _ in range(6)] == sessions * 2


def test_who_is_away_gets_what_may_wait_when_nobody_is_here() -> None:
    made, sessions = group(0, 2)
    assert [made.next(1, everybody) for _ in range(4)] == sessions * 2
    assert made.next(0, everybody) is None
    made.join(sessions[0], held("$share/g/a", 0))
    assert [made.next(2, everybody) for _ in range(2)] == [sessions[1]] * 2
    made.join(sessions[1], held("$share/g/a", 0))
    assert made.next(2, everybody) is None


def test_presence_is_found_out_anew_when_it_changes() -> None:
    made, (one, two) = group(1, 1)
    assert made.is_served
    assert made.next(1, everybody) is one
    two.attach(RememberingOutbox(), two.identity, 5)
    assert made.next(1, everybody) is one  # it was not told
    made.presence_changed()
    assert {made.next(1, everybody) for _ in range(2)} == {one, two}
    made.leave(one)
    assert made.next(1, everybody) is two
    two.detach()
    made.presence_changed()
    assert not made.is_served


def test_a_group_without_members_has_nobody() -> None:
    made, (one,) = group(1)
    made.leave(one)
    made.leave(one)
    assert made.next(1, everybody) is None
