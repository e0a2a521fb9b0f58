"""A walk through what is retained, one filter after the other."""

from __future__ import annotations

from collections.abc import Iterator

from sealmq.broker.owed import Owed
from sealmq.broker.retained import STRETCH, Retained, RetainedMessage
from sealmq.broker.sessions import NEVER
from sealmq.mqtt.packets import Publish


def retained(*topics: str) -> Retained:
    made = Retained(10_000, 1_000_000)
    for topic in topics:
        made.keep(RetainedMessage(Publish(topic, b"x", retain=True), NEVER))
    return made


def rest(owed: Owed, now: float = 0.0) -> Iterator[str]:
    while owed.topic_filter:
        message = owed.next(now)
        if message is not None:
            yield message.publish.topic


def test_filters_come_one_after_the_other() -> None:
    owed = Owed(retained("a", "b", "c/d").walk)
    assert owed.topic_filter == ""
    for topic_filter in ("c/#", "+", "none", "a"):
        owed.add(topic_filter)
    assert owed.topic_filter == "c/#"
    assert list(rest(owed)) == ["c/d", "a", "b", "a"]
    assert owed.topic_filter == ""


def test_a_filter_that_is_asked_for_again_begins_again_or_waits_once() -> None:
    owed = Owed(retained("a", "b", "c").walk)
    for topic_filter in ("+", "a", "a"):
        owed.add(topic_filter)
    assert owed.next(0) is not None
    owed.add("+")
    assert list(rest(owed)) == ["a", "b", "c", "a"]


def test_a_filter_can_be_skipped() -> None:
    owed = Owed(retained("a", "b").walk)
    owed.add("+")
    owed.add("b")
    owed.next(0)
    owed.skip()
    assert list(rest(owed)) == ["b"]
    owed.skip()


def test_it_finds_what_is_there_when_it_comes_by() -> None:
    store = retained("a", "b", "c")
    owed = Owed(store.walk)
    owed.add("#")
    assert owed.next(0) is not None
    store.forget("b")
    store.keep(RetainedMessage(Publish("c", b"new", retain=True), NEVER))
    store.keep(RetainedMessage(Publish("d", b"x", retain=True), NEVER))
    message = owed.next(0)
    while message is None:
        message = owed.next(0)
    assert (message.publish.topic, message.publish.payload) == ("c", b"new")


def test_what_has_expired_meanwhile_is_not_given() -> None:
    store = retained("a")
    for topic, when in (("b", 5.0), ("c", 50.0)):
        store.keep(RetainedMessage(Publish(topic, b"x", retain=True), when))
    owed = Owed(store.walk)
    owed.add("#")
    assert owed.next(0) is not None
    assert list(rest(owed, now=10.0)) == ["c"]


def test_a_long_way_without_a_message_is_walked_in_stretches() -> None:
    store = retained(*(f"{number}/x" for number in range(10 * STRETCH)))
    steps = list(store.walk("+/none", 0))
    assert set(steps) == {None}
    assert 9 <= len(steps) <= 11
    assert [one for one in store.walk("+/none", 0) if one is not None] == []
