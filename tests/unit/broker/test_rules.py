"""What a rule says of itself, and what the rules of an unedited file are."""

from __future__ import annotations

import pytest

from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule


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


def test_every_role_has_its_default_rule() -> None:
    assert [rule.role for rule in DEFAULT_RULES] == ["operator", "device", "account"]
