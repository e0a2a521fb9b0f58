"""What an access rule is, and the rules of an unedited sealmq.toml. Who decides by them is access.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["publish", "subscribe"]

ACTIONS: frozenset[Action] = frozenset({"publish", "subscribe"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Rules are read in order, the first that matches decides, and where none matches the answer is no.

    role, device: whom it is for: a role, or a device's name (a pattern for fnmatch.fnmatchcase). At most one is given;
                  with neither the rule is for everybody.
    effect:       what a match means.
    actions:      what it is about.
    topics:       topic filters; {device}, {role} and {client_id} stand for the client's own.
    """

    role: str | None
    device: str | None
    effect: Literal["allow", "deny"]
    actions: frozenset[Action]
    topics: tuple[str, ...]


DEFAULT_RULES: tuple[Rule, ...] = (
    # "#" does not reach topics that begin with "$" [MQTT-4.7.2-1], so "$SYS/#" stands beside it.
    Rule(role="operator", device=None, effect="allow", actions=ACTIONS, topics=("#", "$SYS/#")),
    Rule(role="device", device=None, effect="allow", actions=ACTIONS, topics=("devices/{device}/#",)),
)
"""The operator may do everything but publish below $SYS, which nobody may; a device speaks and listens below
devices/NAME."""
