"""May this identity publish or subscribe here? Ordered rules; the first that matches decides; default deny.

A rule that allows must cover all of what is asked for; a rule that denies is met as soon as it touches any of it. So a
subscription is never wider than what is allowed, and no message has to be checked again on its way out.

Two trees are the broker's own, and no rule gives or takes them: `$SYS`, which everybody may be allowed to read, and
`$enroll`, where certificates are asked for (enrolling.py). Who may ask there is decided by what he proved: a device
renews, a claim enrols, and does nothing else at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from sealmq.broker.rules import Action, Rule
from sealmq.identity import Identity
from sealmq.mqtt.topics import covers, intersects, matches


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and the rule that gave it, in words for the log.

    number: the rule's place in sealmq.toml, the first is 1; 0 when no rule matched.
    """

    allowed: bool
    rule: str
    number: int = field(default=0, compare=False)


class _Grant(NamedTuple):
    allow: bool
    actions: frozenset[Action]
    topic_filter: str
    rule: str
    number: int
    prefix: str
    """Every topic name that the filter matches begins with it: asked first, it makes a thousand rules that do not match
    cost 60 microseconds in place of 2,000."""


NO_RULE = Decision(False, "no rule allows it")

OURS = Decision(False, "the topics below $SYS are the broker's own")
"""No rule can give them away [MQTT 4.7.2]."""

REQUESTS: Final = {"claim": ("$enroll/csr/json", "$enroll/csr"), "device": ("$enroll/renew/json", "$enroll/renew")}
"""A kind of identity -> the topic names to which it may publish a request for a certificate, the short one last.
Answers come below the one that was used."""

REQUEST_TOPICS: Final = frozenset(topic for topics in REQUESTS.values() for topic in topics)

MAY_ASK = Decision(True, "the topics below $enroll are the broker's own: this is where it asks for its certificate")
MAY_NOT_ASK = Decision(False, "the topics below $enroll are the broker's own: it may ask for no certificate here")
CLAIM = Decision(False, f"a claim may only ask for a certificate: publish {REQUESTS['claim'][0]}, subscribe below it")
NO_WILL = Decision(False, "a request for a certificate can be no will: nobody would be there for the answer")

_WILDCARD = re.compile(r"/?#|\+")
_PLACEHOLDER = re.compile(r"\{(?:device|account|role|client_id)\}")


class Grants:
    """The rules as they read for one identity and client identifier: placeholders filled in, others left out."""

    __slots__ = ("_grants", "_kind")

    def __init__(self, rules: Iterable[Rule], identity: Identity, client_id: str) -> None:
        self._kind = identity.kind
        own_name = f"{{{identity.kind}}}"
        values = {own_name: identity.name, "{role}": identity.role, "{client_id}": client_id}
        self._grants = [
            grant
            for number, rule in enumerate(rules, 1)
            if _concerns(rule, identity)
            for grant in _fill_in(rule, number, values)
        ]

    def may_publish(self, topic: str) -> Decision:
        """May it publish to this topic name?"""
        if topic.startswith("$SYS/") or topic == "$SYS":
            return OURS
        if topic.startswith("$enroll/") or topic == "$enroll":
            return MAY_ASK if topic in REQUESTS.get(self._kind, ()) else MAY_NOT_ASK
        for grant in self._grants:
            if topic.startswith(grant.prefix) and "publish" in grant.actions and matches(grant.topic_filter, topic):
                return Decision(grant.allow, grant.rule, grant.number)
        return self._no_rule

    def may_leave_will(self, topic: str) -> Decision:
        """May its will be published to this topic name?"""
        return NO_WILL if topic in REQUEST_TOPICS else self.may_publish(topic)

    def may_subscribe(self, topic_filter: str) -> Decision:
        """May it subscribe to all that this topic filter can match?"""
        if topic_filter.startswith("$enroll/") or topic_filter == "$enroll":
            below = (f"{request}/#" for request in REQUESTS.get(self._kind, ()))
            return MAY_ASK if any(covers(each, topic_filter) for each in below) else MAY_NOT_ASK
        for grant in self._grants:
            if "subscribe" not in grant.actions:
                continue
            if grant.allow:
                if covers(grant.topic_filter, topic_filter):
                    return Decision(True, grant.rule, grant.number)
            elif intersects(grant.topic_filter, topic_filter):
                return Decision(False, grant.rule, grant.number)
        return self._no_rule

    @property
    def _no_rule(self) -> Decision:
        return CLAIM if self._kind == "claim" else NO_RULE

    def parts(self, topic_filter: str) -> list[tuple[int, str]]:
        """What rules allow a part of a subscription that none allows as a whole: number and filter of each."""
        return [
            (grant.number, grant.topic_filter)
            for grant in self._grants
            if grant.allow and "subscribe" in grant.actions and intersects(grant.topic_filter, topic_filter)
        ]


def _concerns(rule: Rule, identity: Identity) -> bool:
    if identity.kind == "claim":
        return False  # not even one for everybody
    if rule.role is not None:
        return rule.role == identity.role
    if rule.device is not None:
        return identity.kind == "device" and fnmatchcase(identity.name, rule.device)
    if rule.account is not None:
        return identity.kind == "account" and fnmatchcase(identity.name, rule.account)
    return True


def _fill_in(rule: Rule, number: int, values: dict[str, str]) -> Iterable[_Grant]:
    for topic_filter in rule.topics:
        if any(name in topic_filter and name not in values for name in ("{device}", "{account}")):
            continue  # it speaks of the other kind
        filled = _substitute(topic_filter, values) if "{" in topic_filter else topic_filter
        if filled is None:
            if rule.effect == "allow":
                continue  # a name that would widen the filter allows nothing
            filled = _widened(topic_filter)  # ... and a rule that denies may not be escaped by choosing such a name
        words = f"rule {number} ({rule.effect} {topic_filter})"
        prefix = _WILDCARD.split(filled, maxsplit=1)[0]  # `sport/#` also matches its parent, `sport` [MQTT 4.7.1.2]
        yield _Grant(rule.effect == "allow", rule.actions, filled, words, number, prefix)


def _substitute(topic_filter: str, values: dict[str, str]) -> str | None:
    """The filter with the placeholders' values; None when a value would be more than a part of one level.

    All at once: a value that looks like a placeholder stays what it is.
    """
    for placeholder in _PLACEHOLDER.findall(topic_filter):
        value = values[placeholder]
        if not value or not value.isprintable() or any(character in "+#/" for character in value):
            return None
    filled = _PLACEHOLDER.sub(lambda found: values[found[0]], topic_filter)
    if filled.startswith("$") and not topic_filter.startswith("$"):
        return None  # into the server's own topics [MQTT 4.7.2], which the rule did not name
    return filled


def _widened(topic_filter: str) -> str:
    """All that the filter could be with any values: each level with a placeholder matches everything."""
    levels = ["+" if _PLACEHOLDER.search(level) else level for level in topic_filter.split("/")]
    return "/".join(levels)
