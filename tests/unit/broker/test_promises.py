"""Nothing is said before it is safe, and everything in its order."""

from __future__ import annotations

from functools import partial

import pytest

from sealmq.broker.access import Grants
from sealmq.broker.promises import MOST_WAITING, Promises
from sealmq.broker.sessions import Session, SessionKey
from sealmq.identity import Identity


class Outbox:
    """A link that counts."""

    def __init__(self) -> None:
        self.holds = 0

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1


def session(name: str = "s") -> Session:
    who = Identity(name, "device")
    made = Session(SessionKey(name, name), who, Grants((), who, name))
    made.outbox = Outbox()  # type: ignore[assignment]
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def promises() -> Promises:
    return Promises(set())


def test_what_is_safe_is_said_at_once(promises: Promises, said: list[str]) -> None:
    promises.commit(5)
    promises.make(5, session(), partial(said.append, "now"))
    assert said == ["now"]
    assert len(promises) == 0


def test_what_is_not_waits_for_its_commit_and_is_flushed(said: list[str]) -> None:
    spoken: set[Session] = set()
    promises, one = Promises(spoken), session()
    promises.make(1, one, partial(said.append, "1"))
    promises.make(2, one, partial(said.append, "2"))
    promises.commit(1)
    assert said == ["1"]
    assert spoken == {one}
    assert one.promised == 1
    promises.commit(2)
    assert said == ["1", "2"]
    assert one.promised == 0


def test_what_needs_no_commit_waits_behind_what_does(promises: Promises, said: list[str]) -> None:
    one, other = session("1"), session("2")
    promises.make(3, one, partial(said.append, "first"))
    promises.make(0, one, partial(said.append, "second"))
    promises.make(0, other, partial(said.append, "other"))  # another client's order is its own
    assert said == ["other"]
    promises.commit(3)
    assert said == ["other", "first", "second"]


def test_a_promise_ends_with_its_link(promises: Promises, said: list[str]) -> None:
    one = session()
    promises.make(1, one, partial(said.append, "to the old link"))
    one.outbox = Outbox()  # type: ignore[assignment]
    promises.make(1, one, partial(said.append, "to the new link"))
    promises.commit(1)
    assert said == ["to the new link"]
    assert one.promised == 0


def test_who_is_away_is_promised_nothing(promises: Promises, said: list[str]) -> None:
    one = session()
    one.outbox = None
    promises.make(0, one, partial(said.append, "?"))
    promises.make(1, one, partial(said.append, "?"))
    promises.commit(1)
    assert said == []


def test_a_failing_disk_is_told_where_there_are_words(promises: Promises, said: list[str]) -> None:
    one, other = session("1"), session("2")
    promises.make(1, one, partial(said.append, "PUBACK"), partial(said.append, "0x97"))
    promises.make(1, one, partial(said.append, "PUBREC"))
    promises.make(2, other, partial(said.append, "PUBACK 3.1.1"))
    promises.fail()
    assert said == ["0x97"]
    assert (one.promised, other.promised, len(promises)) == (1, 1, 2)
    promises.fail()
    assert said == ["0x97"]
    promises.commit(2)
    assert said == ["0x97", "PUBREC", "PUBACK 3.1.1"]


def test_who_lets_very_much_wait_is_read_no_more_until_half_is_said(promises: Promises, said: list[str]) -> None:
    one = session()
    outbox = one.outbox
    for number in range(1, MOST_WAITING + 10):
        promises.make(number, one, partial(said.append, ""))
    assert outbox.holds == 1  # type: ignore[union-attr]
    promises.commit(MOST_WAITING // 4)
    assert outbox.holds == 1  # type: ignore[union-attr]
    promises.commit(MOST_WAITING)
    assert outbox.holds == 0  # type: ignore[union-attr]


def test_a_held_link_that_was_replaced_is_not_released_twice(promises: Promises, said: list[str]) -> None:
    one = session()
    old = one.outbox
    for number in range(1, MOST_WAITING + 1):
        promises.make(number, one, partial(said.append, ""))
    new = one.outbox = Outbox()  # type: ignore[assignment]
    promises.make(MOST_WAITING + 1, one, partial(said.append, "new"))
    assert (old.holds, new.holds) == (1, 1)  # type: ignore[union-attr]
    promises.commit(MOST_WAITING + 1)
    assert (old.holds, new.holds) == (1, 0)  # type: ignore[union-attr]
    assert said == ["new"]
