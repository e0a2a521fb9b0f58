"""Who wants a topic, remembered and forgotten at the right time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboxes import held, session
from sealmq.broker import router as router_module
from sealmq.broker.router import Router
from sealmq.broker.sessions import Session
from sealmq.mqtt.topics import matches


def takers(router: Router, topic: str) -> list[str]:
    return sorted(taker.session.key.identity for taker in router.route(topic).takers)


def subscribed(*pairs: tuple[str, str]) -> tuple[Router, dict[str, Session]]:
    router, sessions = Router(), {}
    for name, topic_filter in pairs:
        one = sessions.setdefault(name, session(name))
        router.subscribe(one, held(topic_filter))
    return router, sessions


def test_a_route_is_remembered_until_a_subscription_that_it_concerns_changes() -> None:
    router, sessions = subscribed(("one", "a"), ("two", "a/+"))
    route = router.route("a")
    assert router.route("a") is route
    router.subscribe(sessions["two"], held("b"))
    assert router.route("a") is route
    router.subscribe(sessions["two"], held("a"))
    assert takers(router, "a") == ["one", "two"]
    router.unsubscribe(sessions["one"], "a")
    assert takers(router, "a") == ["two"]
    router.subscribe(sessions["one"], held("#"))
    assert takers(router, "a") == ["one", "two"]
    router.unsubscribe(sessions["one"], "#")
    assert takers(router, "a") == ["two"]


def test_unsubscribing_what_is_not_there_changes_nothing() -> None:
    router, sessions = subscribed(("one", "a"), ("one", "b/+"))
    stranger = session("stranger")
    for topic_filter in ("a", "b/+", "c", "c/+", "b/+/+", "b/#"):
        router.unsubscribe(stranger, topic_filter)
    router.unsubscribe(sessions["one"], "never")
    assert takers(router, "a") == takers(router, "b/x") == ["one"]


def test_nothing_is_left_of_subscriptions_that_are_gone() -> None:
    filters = ["a", "a/+", "a/+/c", "a/#", "#", "+", "$SYS/#"]
    router, sessions = subscribed(*(("one", one) for one in filters), ("two", "a/+"))
    for topic_filter in filters:
        router.unsubscribe(sessions["one"], topic_filter)
    assert takers(router, "a/x") == ["two"]
    router.unsubscribe(sessions["two"], "a/+")
    assert router._exact == {}
    assert router._tree.below == {}


def test_overlapping_subscriptions_of_one_session_are_one_taker() -> None:
    router, one = Router(), session("one")
    router.subscribe(one, held("a", 0, 1, no_local=True))
    router.subscribe(one, held("+", 2, 2, retain_as_published=True))
    router.subscribe(one, held("#", 1, 2))
    (taker,) = router.route("a").takers
    assert taker.qos == 2
    assert taker.retain_as_published
    assert sorted(taker.subscription_identifiers) == [1, 2]
    own = taker.of_its_own
    assert own is not None
    assert (own.qos, own.retain_as_published, own.subscription_identifiers) == (2, True, (2,))
    assert own.of_its_own is own
    (taker,) = router.route("b").takers
    assert (taker.qos, taker.subscription_identifiers) == (2, (2,))


def test_the_fast_way_has_only_those_whose_copy_is_everybodys() -> None:
    router = Router()
    plain, old, picky, own, marked, named = (
        session(name) for name in ("plain", "old", "picky", "own", "marked", "named")
    )
    old.level = 4
    picky.packet_limit = 100
    for one, how in (
        (plain, {}),
        (old, {}),
        (picky, {}),
        (own, {"no_local": True}),
        (marked, {"retain_as_published": True}),
    ):
        router.subscribe(one, held("a", **how))
    router.subscribe(named, held("a", identifier=5))
    route = router.route("a")
    assert (route.plain_v5, route.plain_v311) == ((plain,), (old,))
    assert {taker.session for taker in route.special} == {picky, own, marked, named}
    assert route.sessions == {plain, old, picky, own, marked, named}
    old.level, plain.packet_limit = 5, 50
    router.forget_routes()
    assert router.route("a").plain_v5 == (old,)
    assert router.route("a").plain_v311 == ()


def test_long_topic_names_go_another_way_to_who_takes_aliases() -> None:
    router = Router()
    plain, takes = session("plain"), session("takes")
    takes.takes_aliases = True
    for one in (plain, takes):
        router.subscribe(one, held("#"))
    long, short = router.route("x" * 16), router.route("x" * 15)
    assert (long.plain_v5, long.aliased) == ((plain,), (takes,))
    assert (short.plain_v5, short.aliased) == ((plain, takes), ())


def test_a_group_is_one_holder_however_many_members_it_has() -> None:
    router, one, two = Router(), session("one"), session("two")
    for each in (one, two):
        for topic_filter in ("$share/g/a/+", "$share/g/a/b", "$share/h/a/b"):
            router.subscribe(each, held(topic_filter))
    route = router.route("a/b")
    assert len(route.groups) == 3
    assert route.takers == []
    for topic_filter in list(router.groups):
        router.unsubscribe(one, topic_filter)
    assert router.route("a/b") is route  # the groups know their members themselves
    for topic_filter in list(router.groups):
        router.unsubscribe(two, topic_filter)
        router.unsubscribe(two, topic_filter)
    assert router.route("a/b").groups == ()
    assert (router._exact, router._tree.below, router.groups) == ({}, {}, {})


def test_made_up_topic_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_module, "REMEMBERED_ROUTES", 10)
    router, _ = subscribed(("one", "#"))
    for number in range(100):
        assert takers(router, f"made/up/{number}") == ["one"]
        assert len(router._routes) <= 10


LEVELS = st.sampled_from(["", "a", "b", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = (
    st.tuples(st.lists(LEVELS | st.just("+"), max_size=3), st.sampled_from(["a", "+", "#", ""]))
    .map(lambda parts: "/".join([*parts[0], parts[1]]))
    .filter(bool)
)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("xyz"), FILTERS), max_size=30), TOPICS)
def test_routes_agree_with_the_definition(steps: list[tuple[bool, str, str]], topic: str) -> None:
    router = Router()
    sessions = {name: session(name) for name in "xyz"}
    wanted: set[tuple[str, str]] = set()
    for adds, name, topic_filter in steps:
        if adds:
            router.subscribe(sessions[name], held(topic_filter))
            wanted.add((name, topic_filter))
        else:
            router.unsubscribe(sessions[name], topic_filter)
            wanted.discard((name, topic_filter))
        assert takers(router, topic) == sorted({name for name, one in wanted if matches(one, topic)})


def test_a_very_long_topic_name_is_not_remembered() -> None:
    router = Router()
    short, long = "x" * 256, "x" * 257
    assert router.route(short) is router.route(short)
    assert router.route(long) is not router.route(long)
