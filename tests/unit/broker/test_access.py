"""Ordered rules, default deny: what each form of rule answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.broker.access import Decision, Grants
from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule
from sealmq.identity import Identity
from sealmq.mqtt.topics import matches

SENSOR = Identity("sensor-1", "device")
ACCOUNT = Identity("panel", "account", kind="account")


def rule(effect: str, *topics: str, role: str | None = None, device: str | None = None, actions=ACTIONS) -> Rule:
    return Rule(role, device, effect, frozenset(actions), topics)


def grants(*rules: Rule, identity: Identity = SENSOR, client_id: str = "client") -> Grants:
    return Grants(rules, identity, client_id)


def test_where_no_rule_matches_the_answer_is_no_and_says_so() -> None:
    for one in (grants(), grants(rule("allow", "b")), grants(rule("allow", "#", role="operator"))):
        assert one.may_publish("a") == Decision(False, "no rule allows it")
        assert one.may_subscribe("a") == Decision(False, "no rule allows it")


def test_a_decision_names_its_rule_by_number_and_as_it_is_written() -> None:
    decided = grants(rule("deny", "x"), rule("allow", "y", "devices/{device}/#"))
    assert decided.may_publish("devices/sensor-1/a") == Decision(True, "rule 2 (allow devices/{device}/#)")
    assert decided.may_subscribe("x") == Decision(False, "rule 1 (deny x)")


def test_an_action_that_the_rule_does_not_name_is_not_concerned() -> None:
    decided = grants(rule("deny", "a", actions=["subscribe"]), rule("allow", "a"))
    assert decided.may_publish("a").allowed
    assert not decided.may_subscribe("a").allowed
    only_publish = grants(rule("allow", "#", actions=["publish"]))
    assert not only_publish.may_subscribe("a").allowed


@pytest.mark.parametrize(
    ("role", "device", "concerned"),
    [
        (None, None, True),
        ("device", None, True),
        ("operator", None, False),
        (None, "sensor-1", True),
        (None, "sensor-*", True),
        (None, "Sensor-*", False),
        (None, "sensor-?", True),
        (None, "sensor", False),
    ],
)
def test_a_rule_concerns_a_role_a_device_or_everybody(role: str | None, device: str | None, concerned: bool) -> None:
    assert grants(rule("allow", "a", role=role, device=device)).may_publish("a").allowed is concerned


def test_the_default_rules_give_a_device_its_own_and_the_operator_everything() -> None:
    device = Grants(DEFAULT_RULES, SENSOR, "c")
    operator = Grants(DEFAULT_RULES, Identity("me", "operator"), "c")
    nobody = Grants(DEFAULT_RULES, Identity("me", "guest"), "c")
    for topic, answers in {
        "devices/sensor-1/temp": (True, True, False),
        "devices/sensor-2/temp": (False, True, False),
        "anything": (False, True, False),
        "$SYS/broker": (False, True, False),
    }.items():
        if not topic.startswith("$SYS"):
            assert tuple(one.may_publish(topic).allowed for one in (device, operator, nobody)) == answers
        assert tuple(one.may_subscribe(topic).allowed for one in (device, operator, nobody)) == answers


def test_no_rule_lets_anybody_publish_below_sys() -> None:
    decided = grants(rule("allow", "#", "$SYS/#", "$SYSTEM/#"))
    assert not decided.may_publish("$SYS").allowed
    assert decided.may_publish("$SYS/broker/uptime").rule == "the topics below $SYS are the broker's own"
    assert decided.may_publish("$SYSTEM/x").allowed
    assert decided.may_subscribe("$SYS/#").allowed


def test_a_subscription_is_never_wider_than_what_is_allowed() -> None:
    decided = grants(rule("allow", "a/+/c", "b/#"))
    for topic_filter, allowed in {
        "a/x/c": True,
        "a/+/c": True,
        "a/#": False,
        "+/x/c": False,
        "b": True,
        "b/#": True,
        "b/+/+": True,
        "#": False,
        "+/#": False,
    }.items():
        assert decided.may_subscribe(topic_filter).allowed is allowed, topic_filter


def test_two_rules_that_cover_a_filter_only_together_do_not_allow_it() -> None:
    assert not grants(rule("allow", "a/b"), rule("allow", "a/c")).may_subscribe("a/+").allowed


def test_a_denial_counts_only_where_it_comes_before_what_allows() -> None:
    deny, allow = rule("deny", "a/secret"), rule("allow", "a/#")
    assert not grants(deny, allow).may_subscribe("a/#").allowed
    assert grants(allow, deny).may_subscribe("a/#").allowed


@pytest.mark.parametrize("client_id", ["", "+", "#", "a/b", "a#", "\u202e", "a\tb", "x\u0001"])
def test_a_value_that_is_more_than_a_name_allows_nothing_and_escapes_nothing(client_id: str) -> None:
    allowing = grants(rule("allow", "c/{client_id}/#"), client_id=client_id)
    assert not allowing.may_subscribe("c/x").allowed
    assert not allowing.may_publish(f"c/{client_id}/x").allowed
    denying = grants(
        rule("deny", "c/{client_id}/#", "$SYS/a-{client_id}/#"), rule("allow", "#", "$SYS/#"), client_id=client_id
    )
    assert not denying.may_publish("c/anybody/x").allowed
    assert not denying.may_publish("$SYS/a-anybody/x").allowed
    assert denying.may_publish("d").allowed


def test_all_placeholders_are_filled_in_and_only_once() -> None:
    decided = grants(
        rule("allow", "{role}/{device}/{client_id}/{other}"),
        identity=Identity("{client_id}", "{role}"),
        client_id="{device}",
    )
    assert decided.may_publish("{role}/{client_id}/{device}/{other}").allowed
    assert not decided.may_publish("{role}/{device}/{device}/{other}").allowed


def test_a_value_may_be_a_part_of_a_level() -> None:
    decided = grants(rule("allow", "client-{client_id}/x"), client_id="7")
    assert decided.may_publish("client-7/x").allowed
    assert not decided.may_publish("client-8/x").allowed


def test_a_value_does_not_lead_into_the_servers_topics() -> None:
    assert not grants(rule("allow", "{client_id}/#"), client_id="$SYS").may_subscribe("$SYS/#").allowed
    assert grants(rule("allow", "$own/{client_id}"), client_id="$x").may_publish("$own/$x").allowed


# -- devices and accounts side by side -------------------------------------------------------------------------------


def for_whom(*topics: str, effect: str = "allow", device: str | None = None, account: str | None = None) -> Rule:
    return Rule(None, device, effect, ACTIONS, topics, account)  # type: ignore[arg-type]


def may(identity: Identity, topic: str, *rules: Rule) -> bool:
    return Grants(rules, identity, "client").may_publish(topic).allowed


def test_the_default_rules_give_an_account_the_place_that_a_device_has() -> None:
    assert may(ACCOUNT, "devices/panel/temp", *DEFAULT_RULES)
    assert not may(ACCOUNT, "devices/sensor-1/temp", *DEFAULT_RULES)
    assert may(SENSOR, "devices/sensor-1/temp", *DEFAULT_RULES)
    assert not may(SENSOR, "devices/panel/temp", *DEFAULT_RULES)


def test_a_rule_for_devices_is_for_no_account_and_the_other_way_round() -> None:
    assert not may(ACCOUNT, "a", for_whom("a", device="*"))
    assert not may(SENSOR, "a", for_whom("a", account="*"))
    assert may(ACCOUNT, "a", for_whom("a", account="p*"))
    assert may(SENSOR, "a", for_whom("a", device="s*"))
    assert may(ACCOUNT, "a", for_whom("a"))


def test_a_topic_of_the_other_kind_neither_allows_nor_denies() -> None:
    assert not may(ACCOUNT, "x/panel", for_whom("x/{device}"))
    assert not may(SENSOR, "x/sensor-1", for_whom("x/{account}"))
    assert may(ACCOUNT, "x/secret", for_whom("{device}/secret", effect="deny"), for_whom("x/#"))
    assert not may(SENSOR, "sensor-1/secret", for_whom("{device}/secret", effect="deny"), for_whom("#"))


def test_a_decision_names_its_place() -> None:
    rules = (for_whom("b"), for_whom("a", account="panel"))
    decision = Grants(rules, ACCOUNT, "client").may_publish("a")
    assert (decision.allowed, decision.number) == (True, 2)
    assert Grants(rules, ACCOUNT, "client").may_subscribe("c").number == 0


LEVELS = st.lists(st.sampled_from(["", "a", "b", "ab", "a.b", "$a"]), min_size=1, max_size=4)


@given(LEVELS, st.lists(st.sampled_from(["", "a", "b", "ab", "+", "a.b"]), max_size=4), st.booleans())
def test_what_is_asked_first_leaves_out_no_topic_that_matches(
    names: list[str], levels: list[str], open_end: bool
) -> None:
    topic = "/".join(names)
    topic_filter = "/".join([*levels, "#"] if open_end or not levels else levels)
    assert may(SENSOR, topic, for_whom(topic_filter)) == matches(topic_filter, topic)


def test_only_a_device_may_renew_and_only_a_claim_enrol_whatever_the_rules_say() -> None:
    claim = Identity("claim:1", "claim", kind="claim")
    everything = rule("allow", "#", "$enroll/#", "$SYS/#")
    nothing = rule("deny", "#", "$enroll/#")
    for rules in ((), (everything,), (nothing,)):
        for identity, mine in ((SENSOR, "$enroll/renew/json"), (claim, "$enroll/csr/json"), (ACCOUNT, None)):
            asked = grants(*rules, identity=identity)
            for topic in ("$enroll/renew/json", "$enroll/csr/json", "$enroll", "$enroll/csr/json/accepted"):
                assert asked.may_publish(topic).allowed == (topic == mine)
                assert not asked.may_leave_will(topic).allowed
            for request in ("$enroll/renew/json", "$enroll/csr/json"):
                for ending in ("/accepted", "/rejected", "/+", "/#", ""):
                    assert asked.may_subscribe(f"{request}{ending}").allowed == (request == mine)
            for topic_filter in ("$enroll/#", "$enroll/+/json/accepted", "$enroll/+/+", "$enroll"):
                assert not asked.may_subscribe(topic_filter).allowed


def test_a_claim_may_do_nothing_else() -> None:
    claim = grants(
        *(rule("allow", "#", "$SYS/#"), rule("allow", "#", role="claim"), *DEFAULT_RULES),
        identity=Identity("claim:1", "claim", kind="claim"),
    )
    for topic in ("a", "devices/claim:1/a", "$SYS/broker/uptime"):
        assert not claim.may_publish(topic).allowed
        assert not claim.may_leave_will(topic).allowed
        assert not claim.may_subscribe(topic).allowed
    assert not claim.may_subscribe("#").allowed
    assert "claim may only ask" in claim.may_publish("a").rule


def test_a_will_is_asked_about_like_a_message() -> None:
    assert grants(rule("allow", "a")).may_leave_will("a") == Decision(True, "rule 1 (allow a)")
    assert not grants(rule("allow", "a")).may_leave_will("b").allowed
