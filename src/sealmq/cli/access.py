"""`sealmq access`: what the access rules say, and which of them says it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.options import HomeOption
from sealmq.errors import ConfigError, EnrollmentError, ProtocolError

if TYPE_CHECKING:
    from sealmq.broker.access import Decision
    from sealmq.broker.limits import Limits
    from sealmq.broker.rules import Rule
    from sealmq.devices.registry import Registry
    from sealmq.identity import Identity

app = typer.Typer(help="Ask the access rules.", no_args_is_help=True)

DENIED = 1

_PARTS = 5  # rules that are named where none is enough


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device, an account, or claim:NUMBER.")],
    action: Annotated[str, typer.Argument(metavar="publish|subscribe", help="What it wants to do.")],
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic name; to subscribe, a topic filter.")],
    client_id: Annotated[
        str, typer.Option("--client-id", metavar="ID", help="Its client identifier, for rules with {client_id}.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Say whether sealmq.toml, as it is now, allows it, and by which rule. Exit code 0: allowed, 1: denied."""
    from sealmq import config
    from sealmq.broker.access import Grants
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.mqtt.topics import wanted_by

    _expect_topic(action, topic)
    with Home.open(home_path(home)) as opened:
        identity, barred = _who(opened.registry, name)
        file = opened.configuration
        configuration = config.load(file) if file.exists() else config.Configuration()
    rules = configuration.access
    grants = Grants(rules, identity, client_id)
    # As the broker asks: of a shared subscription, for what stands behind its group.
    decision = grants.may_publish(topic) if action == "publish" else grants.may_subscribe(wanted_by(topic))
    barred = barred or _beyond_limits(configuration.limits, topic, client_id)
    allowed = decision.allowed and not barred
    rule = rules[decision.number - 1] if decision.number else None
    parts = grants.parts(wanted_by(topic)) if action == "subscribe" else []
    why = barred or _in_words(decision, rule, rules, client_id, parts)
    if as_json:
        typer.echo(json.dumps(_as_json(identity, action, topic, client_id, allowed, decision, rule, why), indent=2))
    else:
        verb = "publish to" if action == "publish" else "subscribe to"
        typer.echo(f"{identity.name} {'may' if allowed else 'may not'} {verb} {topic}")
        typer.echo(f"  {why}")
    raise typer.Exit(0 if allowed else DENIED)


def _expect_topic(action: str, topic: str) -> None:
    from sealmq.mqtt.topics import check_topic_filter, check_topic_name

    if action not in ("publish", "subscribe"):
        raise ConfigError(f"{action!r} is nothing that rules know", remedy="publish or subscribe")
    try:
        (check_topic_name if action == "publish" else check_topic_filter)(topic)
    except ProtocolError as error:
        raise ConfigError(f"{topic!r} cannot be used to {action}", why=error.what) from None


def _who(registry: Registry, name: str) -> tuple[Identity, str]:
    """The identity of a device, an account or a claim, and why it is not even let in ("" when it is)."""
    from sealmq.devices.accounts import Accounts
    from sealmq.devices.tokens import Tokens
    from sealmq.identity import Identity

    kind, _, number = name.partition(":")
    if kind == "claim" and number.isascii() and number.isdecimal() and len(number) < 10:
        barred = Tokens(registry).find(int(number)).reason_to_refuse(time.time())
        return Identity(name, "claim", kind="claim"), barred
    device = registry.device(name) if name.isascii() else None
    if device is not None:
        barred = "it is revoked, and not let in" if device.state == "revoked" else ""
        if not barred and device.not_after < time.time():
            barred = "its certificate has expired, and it is not let in"
        return Identity(device.name, device.role, device.serial, device.not_after), barred
    try:
        identity = Accounts(registry).find(name).identity
        barred = f"it only lets devices {identity.devices!r} in: ask about the device" if identity.devices else ""
        return identity, barred
    except EnrollmentError as error:
        raise EnrollmentError(
            f"there is no device and no account {name!r}",
            why=error.why,
            remedy="sealmq device list; sealmq account list",
        ) from None


def _beyond_limits(limits: Limits, topic: str, client_id: str) -> str:
    """What the broker refuses before it asks any rule."""
    if len(client_id.encode(errors="replace")) > limits.client_id_length:
        return f"the client identifier is longer than [limits] client_id_length, {limits.client_id_length} bytes"
    met = limits.met_by_topic(topic)
    return f"the topic is longer, or has more levels, than [limits] {met} allows" if met else ""


def _in_words(
    decision: Decision, rule: Rule | None, rules: tuple[Rule, ...], client_id: str, parts: list[tuple[int, str]]
) -> str:
    if rule is not None:
        why = f"rule {decision.number}: {rule}"
        if not client_id and any("{client_id}" in topic for topic in rule.topics):
            why += "; without --client-id, {client_id} is read as anything"
        return why
    why = decision.rule
    if parts:
        allowed = ", ".join(f"{topic} (rule {number})" for number, topic in parts[:_PARTS])
        more = f" and {len(parts) - _PARTS} more" if len(parts) > _PARTS else ""
        why = f"no one rule allows all of it; a part of it is allowed by {allowed}{more}"
    if not client_id and any("{client_id}" in topic for each in rules for topic in each.topics):
        why += "; rules with {client_id} were left out: give --client-id"
    return why


def _as_json(
    identity: Identity,
    action: str,
    topic: str,
    client_id: str,
    allowed: bool,
    decision: Decision,
    rule: Rule | None,
    why: str,
) -> dict[str, Any]:
    told = None
    if rule is not None:
        told = {
            "number": decision.number,
            "effect": rule.effect,
            "actions": sorted(rule.actions),
            "role": rule.role,
            "device": rule.device,
            "account": rule.account,
            "topics": list(rule.topics),
        }
    return {
        "name": identity.name,
        "kind": identity.kind,
        "role": identity.role,
        "action": action,
        "topic": topic,
        "client_id": client_id,
        "allowed": allowed,
        "rule": told,
        "why": why,
    }
