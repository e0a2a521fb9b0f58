"""The rules of an unedited sealmq.toml."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Action, Rule
from sealmq.mqtt.topics import check_topic_filter


def test_there_are_two_actions() -> None:
    assert frozenset(get_args(Action)) == ACTIONS


def test_the_default_rules_only_allow_and_each_is_for_somebody() -> None:
    assert all(rule.effect == "allow" for rule in DEFAULT_RULES)
    assert [rule.role for rule in DEFAULT_RULES] == ["operator", "device", "account"]
    assert all(rule.device is None for rule in DEFAULT_RULES)


def test_what_the_default_rules_name_are_topic_filters() -> None:
    for rule in DEFAULT_RULES:
        for topic_filter in rule.topics:
            check_topic_filter(topic_filter)


def test_a_rule_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rule(None, None, "deny", ACTIONS, ("#",)).effect = "allow"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Rule(None, None, "allow", ACTIONS, ("a", "b")), "allow publish, subscribe for everybody: a, b"),
        (Rule(None, None, "deny", ACTIONS, ("a",), "p*"), "deny publish, subscribe for account p*: a"),
        (Rule("operator", None, "allow", ACTIONS, ("a",)), "allow publish, subscribe for role operator: a"),
        (Rule(None, "s", "allow", frozenset({"publish"}), ("a",)), "allow publish for device s: a"),
    ],
)
def test_a_rule_in_words(one: Rule, words: str) -> None:
    assert str(one) == words
