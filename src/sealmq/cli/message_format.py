"""How `sealmq sub` writes a message: mosquitto_sub's format language, on bytes, because payloads are bytes.

%x is about the message, @x is about the time (strftime), \\x is a character that is hard to type.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sealmq.errors import ConfigError

TOPIC_AND_PAYLOAD: Final = "%t %p"
PAYLOAD_ONLY: Final = "%p"


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came, with the moment of its arrival (nanoseconds since 1970)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int
    arrived: int
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    expiry: int | None = None
    payload_format: int | None = None
    subscription_ids: tuple[int, ...] = ()
    user_properties: tuple[tuple[str, str], ...] = ()

    @property
    def moment(self) -> datetime:
        """The arrival in this machine's time zone."""
        return (
            datetime.fromtimestamp(self.arrived // 1_000_000_000)
            .astimezone()
            .replace(microsecond=self.arrived // 1_000 % 1_000_000)
        )


Piece = Callable[[Received], bytes]

_ESCAPES: Final = {
    "\\": b"\\",
    "0": b"\0",
    "a": b"\a",
    "e": b"\x1b",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
}

_SEQUENCE: Final = re.compile(
    r"%(?P<flags>[0-]*)(?P<width>\d*)(?:\.(?P<most>\d+))?(?P<field>.)|@(?P<time>.)|\\(?P<escape>.)", re.S
)


def compile_format(text: str) -> Callable[[Received], bytes]:
    """A function that writes a message as `text` says, without the end of line. Raises ConfigError for a wrong one."""
    pieces: list[Piece] = []
    position = 0
    for found in _SEQUENCE.finditer(text):
        pieces.append(_literal(text[position : found.start()]))
        pieces.append(_piece(found))
        position = found.end()
    rest = text[position:]
    if rest[-1:] in ("%", "@", "\\"):
        raise ConfigError(
            f"the format ends with a single {rest[-1]!r}", remedy=f"write {rest[-1] * 2} for the character"
        )
    pieces.append(_literal(rest))
    return lambda message: b"".join([piece(message) for piece in pieces])


def json_text(message: Received, *, payload_is_json: bool = False, pretty: bool = False) -> str:
    """The message as JSON. With `payload_is_json` the payload stands in it as what it is, not as a text."""
    entry: dict[str, Any] = {
        "tst": message.moment.strftime("%Y-%m-%dT%H:%M:%S.%f%z"),
        "topic": message.topic,
        "qos": message.qos,
        "retain": int(message.retain),
        "payloadlen": len(message.payload),
    }
    if message.qos:
        entry["mid"] = message.packet_id
    properties = _properties(message)
    if properties:
        entry["properties"] = properties
    if payload_is_json:
        try:
            entry["payload"] = json.loads(message.payload)
        except (ValueError, RecursionError):
            raise ValueError(f"the payload on topic {message.topic} is not valid JSON") from None
    else:
        try:
            entry["payload"] = message.payload.decode()
        except UnicodeDecodeError:  # JSON has no bytes
            entry["payload"] = None
            entry["payload_base64"] = base64.b64encode(message.payload).decode()
    if pretty:
        return json.dumps(entry, ensure_ascii=False, indent=2)
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _properties(message: Received) -> dict[str, Any]:
    values = {
        "payload-format-indicator": message.payload_format,
        "message-expiry-interval": message.expiry,
        "content-type": message.content_type,
        "response-topic": message.response_topic,
        "correlation-data": None if message.correlation_data is None else _text(message.correlation_data),
        "subscription-identifiers": list(message.subscription_ids) or None,
        "user-properties": [{name: value} for name, value in message.user_properties] or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _literal(text: str) -> Piece:
    data = text.encode(errors="surrogateescape")  # an argument that was not UTF-8 goes out as it came in
    return lambda message: data


def _piece(found: re.Match[str]) -> Piece:
    if found["escape"] is not None:
        if found["escape"] not in _ESCAPES:
            raise ConfigError(f"the format has an unknown \\{found['escape']}", remedy=f"known: {_known(_ESCAPES, 92)}")
        data = _ESCAPES[found["escape"]]
        return lambda message: data
    if found["time"] is not None:
        return _time(found["time"])
    return _field(found)


def _time(letter: str) -> Piece:
    if letter == "@":
        return lambda message: b"@"
    if letter == "N":
        return lambda message: b"%09d" % (message.arrived % 1_000_000_000)
    if letter == "s":
        return lambda message: b"%d" % (message.arrived // 1_000_000_000)
    if not letter.isascii() or not letter.isalpha():
        raise ConfigError(f"the format has an unknown @{letter}", remedy="a letter of strftime(3), @N or @@")
    return lambda message: message.moment.strftime(f"%{letter}").encode()


_FIELDS: Final[dict[str, Piece]] = {
    "%": lambda m: b"%",
    "t": lambda m: m.topic.encode(),
    "p": lambda m: m.payload,
    "x": lambda m: m.payload.hex().encode(),
    "X": lambda m: m.payload.hex().upper().encode(),
    "q": lambda m: b"%d" % m.qos,
    "r": lambda m: b"%d" % m.retain,
    "l": lambda m: b"%d" % len(m.payload),
    "m": lambda m: b"%d" % m.packet_id,
    "I": lambda m: m.moment.strftime("%Y-%m-%dT%H:%M:%S%z").encode(),
    "U": lambda m: b"%d.%09d" % divmod(m.arrived, 1_000_000_000),
    "j": lambda m: json_text(m).encode(),
    "J": lambda m: json_text(m, payload_is_json=True).encode(),
    "C": lambda m: (m.content_type or "").encode(),
    "R": lambda m: (m.response_topic or "").encode(),
    "D": lambda m: m.correlation_data or b"",
    "E": lambda m: b"" if m.expiry is None else b"%d" % m.expiry,
    "F": lambda m: b"" if m.payload_format is None else b"%d" % m.payload_format,
    "S": lambda m: ",".join(str(each) for each in m.subscription_ids).encode(),
    "P": lambda m: " ".join(f"{name}:{value}" for name, value in m.user_properties).encode(),
    "A": lambda m: b"",  # topic aliases are resolved before a message gets here
    "d": lambda m: m.moment.strftime("%Y-%m-%d").encode(),
}

_ZERO_PADDED: Final = "AEFlmSXx"
_CUT: Final = "CIRt"


def _known(table: dict[str, Any], sign: int) -> str:
    return " ".join(chr(sign) + letter for letter in table)


def _field(found: re.Match[str]) -> Piece:
    letter = found["field"]
    if letter not in _FIELDS:
        raise ConfigError(f"the format has an unknown %{letter}", remedy=f"known: {_known(_FIELDS, 37)}")
    value = _FIELDS[letter]
    width = int(found["width"] or 0)
    if width > 10_000:
        raise ConfigError(f"the format's field is {width} wide", remedy="10000 is the widest")
    most = int(found["most"]) if found["most"] and letter in _CUT else None
    if not width and most is None:
        return value
    left = "-" in found["flags"]
    fill = b"0" if "0" in found["flags"] and not left and letter in _ZERO_PADDED else b" "

    def padded(message: Received) -> bytes:
        data = value(message)
        if most is not None:  # characters, not bytes: never half of a letter
            data = data.decode()[:most].encode()
        return data.ljust(width) if left else data.rjust(width, fill)

    return padded
