"""What an access rule is, and the rules of an unedited sealmq.toml. Who decides by them is access.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["publish", "subscribe"]

ACTIONS: frozenset[Action] = frozenset({"publish", "subscribe"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Rules are read in order, the first that matches decides, and where none matches the answer is no.

    role, device, account: whom it is for: a role, or a device's or an account's name (a pattern for
             fnmatch.fnmatchcase). At most one is given; with none the rule is for everybody.
    effect:  what a match means.
    actions: what it is about.
    topics:  topic filters; {device}, {account}, {role} and {client_id} stand for the client's own. A filter with
             {device} is for devices only, one with {account} for accounts only.
    """

    role: str | None
    device: str | None
    effect: Literal["allow", "deny"]
    actions: frozenset[Action]
    topics: tuple[str, ...]
    account: str | None = None

    def __str__(self) -> str:
        """The rule as one line: "allow publish, subscribe for role device: devices/{device}/#"."""
        who = next(
            (f"{kind} {name}" for kind in ("role", "device", "account") if (name := getattr(self, kind)) is not None),
            "everybody",
        )
        return f"{self.effect} {', '.join(sorted(self.actions))} for {who}: {', '.join(self.topics)}"


DEFAULT_RULES: tuple[Rule, ...] = (
    # "#" does not reach topics that begin with "$" [MQTT-4.7.2-1], so "$SYS/#" stands beside it.
    Rule(role="operator", device=None, effect="allow", actions=ACTIONS, topics=("#", "$SYS/#")),
    Rule(role="device", device=None, effect="allow", actions=ACTIONS, topics=("devices/{device}/#",)),
    # The same place for those who have no certificate: no account has the name of a device.
    Rule(role="account", device=None, effect="allow", actions=ACTIONS, topics=("devices/{account}/#",)),
)
"""The operator may do everything but publish below $SYS, which nobody may; a device or an account speaks and listens
below devices/NAME."""
