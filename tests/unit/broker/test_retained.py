"""The tree of retained messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.broker.retained import BRANCH, Retained, RetainedMessage
from sealmq.broker.sessions import NEVER
from sealmq.mqtt.packets import MESSAGE_OVERHEAD, Publish
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.topics import matches
from sealmq.mqtt.writer import write_packet


def message(topic: str, payload: bytes = b"x", expires_at: float = NEVER) -> RetainedMessage:
    return RetainedMessage(Publish(topic, payload, retain=True), expires_at)


def kept(*topics: str) -> Retained:
    retained = Retained(1_000, 100_000_000)
    for topic in topics:
        assert retained.keep(message(topic))
    return retained


def found(retained: Retained, topic_filter: str, now: float = 0.0) -> list[str]:
    return sorted(one.publish.topic for one in retained.walk(topic_filter, now) if one is not None)


def test_the_last_message_of_a_topic_replaces_the_one_before() -> None:
    retained = kept("a", "a/b")
    assert retained.keep(message("a", b"new"))
    assert retained.count == 2
    assert [one.publish.payload for one in retained.walk("a", 0) if one is not None] == [b"new"]


def test_what_is_forgotten_leaves_nothing_of_the_tree() -> None:
    retained = kept("a", "a/b/c", "a/b/d", "/")
    assert not retained.forget("a/b")
    assert not retained.forget("z")
    for topic in ("a/b/c", "a", "/", "a/b/d"):
        assert retained.forget(topic)
        assert not retained.forget(topic)
    assert (retained.count, retained.size) == (0, 0)
    assert retained._tree.below == {}


def test_a_level_below_a_forgotten_topic_stays() -> None:
    retained = kept("a", "a/b")
    retained.forget("a")
    assert found(retained, "#") == ["a/b"]
    retained.keep(message("a"))
    retained.forget("a/b")
    assert found(retained, "#") == ["a"]


def test_there_is_room_for_so_many_messages() -> None:
    retained = Retained(2, 10_000)
    assert [retained.keep(message(topic)) for topic in ("a", "b", "c", "a")] == [True, True, False, True]
    retained.forget("a")
    assert retained.keep(message("c"))


def test_there_is_room_for_so_many_bytes() -> None:
    empty = message("a", b"").size
    retained = Retained(10, 2 * empty + 18)
    assert retained.keep(message("a", b"x" * 9))
    assert retained.keep(message("b", b"x" * 9))
    assert not retained.keep(message("c"))
    assert not retained.keep(message("a", b"x" * 10))
    assert retained.forget("b")
    assert retained.keep(message("c", b"xyz"))
    assert retained.size == 2 * empty + 9 + 3


def test_the_size_counts_the_message_and_a_branch_for_each_level() -> None:
    assert message("a", b"xyz").size == MESSAGE_OVERHEAD + 4 + BRANCH
    assert message("a/b/c", b"").size == MESSAGE_OVERHEAD + 5 + 3 * BRANCH
    wire = write_packet(Publish("a", b"payload", retain=True), 5)
    publish = read_packet(wire, 2, 5)
    assert isinstance(publish, Publish)
    assert RetainedMessage(publish, NEVER).size == MESSAGE_OVERHEAD + len(wire) + BRANCH


def test_what_has_expired_is_not_found_and_goes_by_itself() -> None:
    retained = kept("a/1")
    retained.keep(message("a/2", expires_at=10.0))
    assert found(retained, "a/+", 9.9) == ["a/1", "a/2"]
    assert found(retained, "a/+", 10.0) == ["a/1"]
    assert list(retained.expired(9.9)) == []
    assert retained.count == 2
    assert list(retained.expired(10.0)) == ["a/2"]
    assert retained.count == 1
    assert list(retained.expired(100.0)) == []


def test_what_took_its_place_has_a_time_of_its_own() -> None:
    retained = kept()
    retained.keep(message("a", expires_at=10.0))
    retained.keep(message("a", expires_at=20.0))
    retained.keep(message("b", expires_at=10.0))
    retained.keep(message("b"))
    retained.keep(message("c", expires_at=20.0))
    retained.keep(message("c", expires_at=5.0))
    assert list(retained.expired(10.0)) == ["c"]
    assert list(retained.expired(1e9)) == ["a"]
    assert found(retained, "+", 1e9) == ["b"]


@pytest.mark.parametrize(
    ("topic_filter", "topics"),
    [
        ("#", ["/", "a", "a/$x", "a/b", "a/b/c"]),
        ("+", ["a"]),
        ("+/+", ["/", "a/$x", "a/b"]),
        ("+/#", ["/", "a", "a/$x", "a/b", "a/b/c"]),
        ("a/#", ["a", "a/$x", "a/b", "a/b/c"]),
        ("a/b/#", ["a/b", "a/b/c"]),
        ("a/+/c", ["a/b/c"]),
        ("$SYS/#", ["$SYS/a"]),
        ("a/b", ["a/b"]),
        ("b", []),
    ],
)
def test_a_filter_finds_what_it_matches(topic_filter: str, topics: list[str]) -> None:
    assert found(kept("a", "a/b", "a/b/c", "a/$x", "$SYS/a", "/"), topic_filter) == topics


def test_a_topic_of_very_many_levels_does_not_exhaust_the_stack() -> None:
    topic = "/" * 30_000
    retained = kept(topic)
    assert found(retained, "#") == [topic]
    assert retained.forget(topic)


LEVELS = st.sampled_from(["", "a", "b", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.tuples(st.lists(LEVELS | st.just("+"), max_size=3), st.sampled_from(["a", "+", "#", ""])).map(
    lambda parts: "/".join([*parts[0], parts[1]])
)


@given(st.sets(TOPICS, max_size=12), FILTERS.filter(bool), st.sets(TOPICS, max_size=6))
def test_the_tree_agrees_with_the_definition(topics: set[str], topic_filter: str, gone: set[str]) -> None:
    retained = kept(*topics)
    for topic in gone:
        assert retained.forget(topic) is (topic in topics)
    assert found(retained, topic_filter) == sorted(one for one in topics - gone if matches(topic_filter, one))


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["x", "x/y", "z"]), st.integers(0, 2_000)),
        max_size=60,
    )
)
def test_what_each_owner_has_is_what_is_there(steps: list[tuple[str, str, int]]) -> None:
    retained = Retained(3, 6_000, 2, 3_500)
    for owner, topic, size in steps:
        if size == 0:
            retained.forget(topic)
        else:
            new = RetainedMessage(Publish(topic, bytes(size), retain=True), NEVER, owner)
            has_room = not retained.met_by(new)
            assert retained.keep(new) is has_room
        there = list(retained)
        assert (retained.count, retained.size) == (len(there), sum(each.size for each in there))
        for each in "abc":
            sizes = [one.size for one in there if one.owner == each]
            assert (retained._owned[each], retained._owned_bytes[each]) == (len(sizes), sum(sizes))
            assert len(sizes) <= 2
            assert sum(sizes) <= 3_500
        assert retained.count <= 3
        assert retained.size <= 6_000


def test_one_owner_leaves_room_in_bytes() -> None:
    retained = Retained(10, 10_000, 10, 5_000)

    def keep(topic: str, size: int, owner: str) -> str:
        new = RetainedMessage(Publish(topic, bytes(size), retain=True), NEVER, owner)
        return "" if retained.keep(new) else retained.met_by(new)

    assert keep("a", 4_000, "one") == ""
    assert keep("b", 1_000, "one") == "retained_bytes_per_identity"
    assert keep("a", 3_000, "one") == ""  # its own takes the place of its own
    assert keep("b", 4_000, "two") == ""
    assert keep("c", 4_000, "three") == "retained_bytes"
