"""`-D COMMAND IDENTIFIER VALUE`: MQTT 5 properties on the command line, as mosquitto_pub takes them.

A user property has a name and a value, so it takes one word more: `-D publish user-property NAME VALUE`. Typer's
options have a fixed number of words; PropertyCommand folds them into one before Typer sees them.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand

from sealmq.cli.texts import expect_text, read_bytes
from sealmq.errors import ConfigError

if TYPE_CHECKING:
    from paho.mqtt.properties import Properties

OPTIONS: Final = ("-D", "--property")

_SEPARATOR: Final = "\x1f"

# Command words, and the packets as paho names them.
_COMMANDS: Final[dict[str, str]] = {
    "connect": "CONNECT",
    "publish": "PUBLISH",
    "subscribe": "SUBSCRIBE",
    "disconnect": "DISCONNECT",
    "will": "WILLMESSAGE",
}

# What a person may set, and as what the value is read.
_KINDS: Final[dict[str, type]] = {
    "authentication-data": bytes,
    "authentication-method": str,
    "content-type": str,
    "correlation-data": bytes,
    "maximum-packet-size": int,
    "message-expiry-interval": int,
    "payload-format-indicator": int,
    "receive-maximum": int,
    "request-problem-information": int,
    "request-response-information": int,
    "response-topic": str,
    "session-expiry-interval": int,
    "subscription-identifier": int,
    "topic-alias-maximum": int,
    "user-property": tuple,
    "will-delay-interval": int,
}

# The largest value where it is not that of 32 bits [MQTT 2.2.2.2].
_LARGEST: Final = {
    "payload-format-indicator": 1,
    "receive-maximum": 0xFFFF,
    "request-problem-information": 1,
    "request-response-information": 1,
    "subscription-identifier": 268_435_455,
    "topic-alias-maximum": 0xFFFF,
}


class PropertyCommand(TyperCommand):
    """A command that takes -D with three words, or four."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Fold the properties, then go on as every command does."""
        try:
            return super().parse_args(ctx, fold(args))
        except Exception as error:
            # "Option '-h' requires an argument" comes from a place that does not know the command.
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise


def fold(arguments: Sequence[str]) -> list[str]:
    """Each `-D command identifier value` as `-D` and one word."""
    folded: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        folded.append(word)
        if word == "--":
            return folded + waiting
        if word not in OPTIONS:
            continue
        count = 4 if waiting[1:2] == ["user-property"] else 3
        if len(waiting) < count:
            raise ConfigError(
                f"{word} needs {count} words: COMMAND IDENTIFIER {'NAME ' if count == 4 else ''}VALUE",
                remedy="-D publish content-type text/plain",
            )
        folded.append(_SEPARATOR.join(waiting[:count]))
        del waiting[:count]
    return folded


def read_properties(folded: Sequence[str]) -> dict[str, Properties]:
    """The properties for each command that has some."""
    from paho.mqtt import MQTTException
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties: dict[str, Properties] = {}
    for each in folded:
        command, identifier, *values = each.split(_SEPARATOR)
        command = command.lower()
        if command not in _COMMANDS:
            raise _unknown("MQTT command", command, _COMMANDS)
        if identifier not in _KINDS:
            raise _unknown("property", identifier, _KINDS)
        target = properties.setdefault(command, Properties(getattr(PacketTypes, _COMMANDS[command])))  # type: ignore[no-untyped-call]
        try:
            setattr(target, _paho_name(identifier), _value(f"-D {command} {identifier}", identifier, values))
        except (MQTTException, ValueError) as error:
            raise ConfigError(
                f"-D {command} {identifier} {' '.join(values)} cannot be sent",
                why=str(error) or "the value does not fit",
                remedy="see `man mosquitto_pub`, section Properties, for what each command takes",
            ) from None
    return properties


def _unknown(kind: str, word: str, known: dict[str, Any]) -> ConfigError:
    nearest = difflib.get_close_matches(word, known, n=1)
    return ConfigError(
        f"-D knows no {kind} {word!r}",
        why=f"known: {', '.join(known)}",
        remedy=f"did you mean {nearest[0]!r}?" if nearest else "",
    )


def _paho_name(identifier: str) -> str:
    return identifier.title().replace("-", "")


def _value(option: str, identifier: str, values: list[str]) -> Any:
    kind = _KINDS[identifier]
    if kind is not bytes:
        for value in values:
            expect_text(option, value)
    if kind is tuple:
        return (values[0], values[1])
    if kind is int:
        largest = _LARGEST.get(identifier, 0xFFFFFFFF)
        if not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 10 or int(values[0]) > largest:
            raise ValueError(f"the value must be a whole number up to {largest}")
        return int(values[0])
    return read_bytes(option, values[0]) if kind is bytes else values[0]
