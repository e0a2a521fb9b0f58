"""Topic names and topic filters."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import RemoteProtocolError
from sealmq.mqtt import topics
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.topics import check_topic_filter, check_topic_name, covers, intersects, matches, split_shared

# A small world in which every question can be answered by looking at everything. Two plain words and two with a `$`
# leave always one that a filter does not name; three levels are one more than any filter here has.
WORDS = ("a", "b", "c", "", "$a", "$b")
NAMES = [
    name
    for depth in (1, 2, 3, 4)
    for name in map("/".join, product(*[WORDS] + [("a", "b", "c", "")] * (depth - 1)))
    if name
]
FILTERS = [
    topic_filter
    for depth in (1, 2, 3)
    for topic_filter in map("/".join, product(*[("a", "", "+", "#", "$a")] + [("a", "b", "", "+", "#")] * (depth - 1)))
    if topic_filter and "#" not in topic_filter[:-1]
]


def oracle(topic_filter: str, topic_name: str) -> bool:
    """The rules of [MQTT 4.7] once more, as a regular expression."""
    if topic_name.startswith("$") and topic_filter.startswith(("+", "#")):
        return False
    if topic_filter == "#":
        return True
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]*")
    pattern = re.sub(r"/\\\#$", "(/.*)?", pattern)
    return re.fullmatch(pattern, topic_name, re.DOTALL) is not None


MATCHED = {topic_filter: frozenset(name for name in NAMES if oracle(topic_filter, name)) for topic_filter in FILTERS}


def test_matches_agrees_with_the_oracle_everywhere_in_a_small_world() -> None:
    for topic_filter, matched in MATCHED.items():
        assert {name for name in NAMES if matches(topic_filter, name)} == matched, topic_filter


def test_covers_agrees_with_looking_at_every_name() -> None:
    for wide, wide_names in MATCHED.items():
        for narrow, narrow_names in MATCHED.items():
            assert covers(wide, narrow) == (narrow_names <= wide_names), (wide, narrow)


def test_intersects_agrees_with_looking_at_every_name() -> None:
    for first, first_names in MATCHED.items():
        for second, second_names in MATCHED.items():
            assert intersects(first, second) == bool(first_names & second_names), (first, second)


EXAMPLES = [
    # MQTT 5.0, section 4.7.1.2
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/#", "sport", True),
    ("#", "sport", True),
    # section 4.7.1.3
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player2", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
    # section 4.7.2
    ("#", "$SYS/monitor/Clients", False),
    ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ("$SYS/#", "$SYS/monitor/Clients", True),
    ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
    # section 4.7.3: case, spaces, and a '/' at either end are part of the name
    ("ACCOUNTS", "Accounts", False),
    ("Accounts payable", "Accounts payable", True),
    ("finance", "/finance", False),
    ("/", "/", True),
]


@pytest.mark.parametrize(("topic_filter", "topic_name", "expected"), EXAMPLES)
def test_the_examples_of_the_standard_match_as_it_says(topic_filter: str, topic_name: str, expected: bool) -> None:
    assert matches(topic_filter, topic_name) is expected


@pytest.mark.parametrize("name", ["a", "/", "a//b", "$SYS/x", "Accounts payable", "\u00e9", "x" * 65_535])
def test_a_good_topic_name_passes(name: str) -> None:
    check_topic_name(name)
    check_topic_filter(name)


@pytest.mark.parametrize("name", ["", "+", "a/#", "a+b", "a\0b", "\ud800", "x" * 65_536, "\u00e9" * 32_768])
def test_a_bad_topic_name_is_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_topic_name(name)
    assert caught.value.reason_code == ReasonCode.TOPIC_NAME_INVALID


GOOD_FILTERS = ["#", "+", "sport/#", "+/tennis/#", "sport/+/player1", "/+", "$share/g/#", "$share/g//", "$shared/x"]


@pytest.mark.parametrize("topic_filter", GOOD_FILTERS)
def test_a_good_topic_filter_passes(topic_filter: str) -> None:
    check_topic_filter(topic_filter)


BAD_FILTERS = [
    "",
    "sport/tennis#",  # [MQTT-4.7.1-1], as are the next two
    "sport/tennis/#/ranking",
    "##",
    "sport+",  # [MQTT-4.7.1-2]
    "+a/b",
    "a\0b",
    "x" * 65_536,
    "$share/",  # [MQTT-4.8.2-1], [MQTT-4.8.2-2]: this and all the following
    "$share//a",
    "$share/g",
    "$share/g/",
    "$share/g+/a",
    "$share/#/a",
    "$share/g/a#",
]


@pytest.mark.parametrize("topic_filter", BAD_FILTERS, ids=lambda topic_filter: topic_filter[:30])
def test_a_bad_topic_filter_is_refused(topic_filter: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_topic_filter(topic_filter)
    assert caught.value.reason_code == ReasonCode.TOPIC_FILTER_INVALID


def test_a_shared_filter_comes_apart_into_group_and_filter() -> None:
    assert split_shared("$share/consumer1//finance") == ("consumer1", "/finance")  # MQTT 5.0, section 4.8.2
    assert split_shared("$share/g/a/+/#") == ("g", "a/+/#")
    assert split_shared("a/$share/g") is None
    assert split_shared("$share") is None


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_checked_without_another_error(one: str, other: str) -> None:
    for check in (check_topic_name, check_topic_filter):
        try:
            check(one)
        except RemoteProtocolError:
            pass
    assert covers(one, one)
    assert intersects(one, other) == intersects(other, one)


@given(
    st.lists(st.sampled_from(("a", "b", "+", "")), min_size=1, max_size=5),
    st.booleans(),
    st.lists(st.sampled_from(("a", "b", "$x", "")), min_size=1, max_size=6),
)
def test_matching_agrees_with_the_oracle_on_longer_topics(wanted: list[str], is_open: bool, levels: list[str]) -> None:
    topic_filter = "/".join([*wanted, "#"] if is_open else wanted)
    topic_name = "/".join(levels)
    if topic_filter and topic_name:
        assert matches(topic_filter, topic_name) == oracle(topic_filter, topic_name)


def test_the_reason_codes_of_this_file_are_those_of_the_table() -> None:
    assert topics.TOPIC_FILTER_INVALID == ReasonCode.TOPIC_FILTER_INVALID
    assert topics.TOPIC_NAME_INVALID == ReasonCode.TOPIC_NAME_INVALID
