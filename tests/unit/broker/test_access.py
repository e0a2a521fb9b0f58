"""Rules for devices and accounts side by side. More of them in tests/scenarios/test_access_rules.py."""

from __future__ import annotations

from typing import Any

from sealmq.broker.access import Grants
from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule
from sealmq.identity import Identity

DEVICE = Identity("sensor-1", "device", "0a")
ACCOUNT = Identity("panel", "account", kind="account")


def rule(*topics: str, effect: Any = "allow", **who: str) -> Rule:
    return Rule(who.get("role"), who.get("device"), effect, ACTIONS, topics, who.get("account"))


def may(identity: Identity, topic: str, *rules: Rule) -> bool:
    return Grants(rules, identity, "client").may_publish(topic).allowed


def test_the_default_rules_give_an_account_the_place_that_a_device_has() -> None:
    assert may(ACCOUNT, "devices/panel/temp", *DEFAULT_RULES)
    assert not may(ACCOUNT, "devices/sensor-1/temp", *DEFAULT_RULES)
    assert may(DEVICE, "devices/sensor-1/temp", *DEFAULT_RULES)
    assert not may(DEVICE, "devices/panel/temp", *DEFAULT_RULES)


def test_a_rule_for_devices_is_for_no_account_and_the_other_way_round() -> None:
    assert not may(ACCOUNT, "a", rule("a", device="*"))
    assert not may(DEVICE, "a", rule("a", account="*"))
    assert may(ACCOUNT, "a", rule("a", account="p*"))
    assert may(DEVICE, "a", rule("a", device="s*"))
    assert may(ACCOUNT, "a", rule("a"))


def test_a_topic_of_the_other_kind_neither_allows_nor_denies() -> None:
    assert not may(ACCOUNT, "x/panel", rule("x/{device}"))
    assert not may(DEVICE, "x/sensor-1", rule("x/{account}"))
    assert may(ACCOUNT, "x/secret", rule("{device}/secret", effect="deny"), rule("x/#"))
    assert not may(DEVICE, "sensor-1/secret", rule("{device}/secret", effect="deny"), rule("#"))


def test_a_decision_names_its_rule() -> None:
    rules = (rule("b"), rule("a", account="panel"))
    decision = Grants(rules, ACCOUNT, "client").may_publish("a")
    assert (decision.allowed, decision.number) == (True, 2)
    assert Grants(rules, ACCOUNT, "client").may_subscribe("c").number == 0
