"""sealmq.toml: read, checked, and written with comments at the first start.

Rule 1: this file only fills in dataclasses; what the values do is told where they are used.
Rule 2: whatever stands in the file, the answer is a Configuration or a ConfigError that names file and key.
Rule 3: an absent key means its default, so that an old file gets the better default of a newer SealMQ. The one
        exception is [[access]], which is policy: a first rule in the file replaces all the default rules.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from sealmq.broker.limits import Limits
from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule
from sealmq.errors import ConfigError, ProtocolError
from sealmq.mqtt.topics import check_topic_filter
from sealmq.tcp.origins import normal_origin

Profile = Literal["default", "modern"]
Level = Literal["debug", "info", "warning", "error"]

PROFILES: Final[tuple[Profile, ...]] = ("default", "modern")
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
PLACEHOLDERS: Final = ("{device}", "{role}", "{client_id}")
"""What a topic in an access rule may hold for the client's own name."""


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """[websocket]: MQTT over WebSocket over TLS, for browsers and for what only lets HTTPS through."""

    listen: tuple[str, ...] = (":8084",)
    """Where; nowhere when empty. The same certificates are asked for as on the addresses for MQTT."""

    origins: tuple[str, ...] = ()
    """Whose web pages may connect, beside those of the same host and port: "https://dashboard.example.com". As
    `tcp.origins.normal_origin` writes them."""


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """[tls]: what the listeners speak."""

    profile: Profile = "default"
    """"default" is TLS 1.2 and 1.3, "modern" is TLS 1.3 only."""

    max_record: int = 16_384
    """Bytes of the largest TLS record that we send; small for microcontrollers with a small buffer."""


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """[certificate]: what the broker's own certificate says."""

    names: tuple[str, ...] = ()
    """DNS names and addresses beside the ones that are found on the machine."""

    addresses_as_dns_names: bool = False
    """Write each address a second time as a DNS name: clients of Mbed TLS before 3.5 can't compare addresses."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """[log]."""

    level: Level = "info"
    """The least grave thing that is said."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of sealmq.toml. `Configuration()` is what an unedited file gives."""

    listen: tuple[str, ...] = (":8883",)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    tls: TLSSettings = field(default_factory=TLSSettings)
    certificate: CertificateSettings = field(default_factory=CertificateSettings)
    limits: Limits = field(default_factory=Limits)
    access: tuple[Rule, ...] = DEFAULT_RULES
    log: LogSettings = field(default_factory=LogSettings)


# The standard's largest packet [MQTT 1.5.5], and what a 32-bit and a 16-bit field hold.
_PACKET: Final = 268_435_455
_UINT32: Final = 4_294_967_295
_UINT16: Final = 65_535
_LARGE: Final = 1 << 40

LIMIT_RANGES: Final[dict[str, tuple[int, int]]] = {
    "handshake_timeout": (1, 600),
    "connect_timeout": (1, 600),
    "packet_size": (128, _PACKET),
    "first_packet_size": (128, _PACKET),
    "connections": (1, 10_000_000),
    "keep_alive_maximum": (1, _UINT16),
    "receive_maximum": (1, _UINT16),
    "in_flight": (1, _UINT16),
    "queued_messages": (0, _LARGE),
    "queued_bytes": (0, _LARGE),
    "session_expiry_maximum": (0, _UINT32),
    "subscriptions_per_session": (1, 10_000_000),
    "client_id_length": (23, _UINT16),
    "topic_levels": (1, 65_536),
    "topic_length": (1, _UINT16),
    "topic_alias_maximum": (0, _UINT16),
    "buffered_bytes": (1_024, _LARGE),
    "retained_messages": (0, _LARGE),
    "retained_bytes": (0, _LARGE),
}
"""What sealmq.toml may set each limit to: smallest and largest."""


def load(path: str | Path) -> Configuration:
    """Read a configuration file. Raises ConfigError, and nothing else, for whatever is wrong with it."""
    path = Path(path)
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration at {path}", remedy="sealmq up  # writes one") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8", why=f"byte {error.start + 1} cannot be decoded") from error
    return parse(text, str(path))


def parse(text: str, source: str = "sealmq.toml") -> Configuration:
    """The configuration that `text` says; `source` is the file's name for the errors."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{source} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and what int() says about a number with thousands of digits
        raise ConfigError(
            f"{source} is not valid TOML", why=str(error), remedy='texts need quotation marks: level = "info"'
        ) from error
    return _configuration(_Table(document, source, ""))


def parse_address(text: str) -> tuple[str | None, int]:
    """The host and port of "127.0.0.1:8883". The host of ":8883" is None: every address here, IPv4 and IPv6."""
    example = '":8883", "127.0.0.1:8883", "[::1]:8883"'
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _UINT16:
        raise ConfigError(f"{text!r} has no port between 0 and 65535 behind a colon", remedy=f"write it like {example}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_address(host, version=6):
            raise ConfigError(f"{text!r} has no IPv6 address in its brackets", remedy=f"write it like {example}")
    elif ":" in host:
        raise ConfigError(f"{text!r} is ambiguous: an IPv6 address needs brackets", remedy=f"write it like {example}")
    elif host and not _is_host(host):
        raise ConfigError(f"{text!r} has neither an address nor a host's name", remedy=f"write it like {example}")
    return host or None, int(port)


def default_text(listen: tuple[str, ...] = (":8883",)) -> str:
    """The sealmq.toml of the first start: every key with its meaning; defaults stand behind a '#'."""
    addresses = ", ".join(f'"{address}"' for address in listen)
    written = f"listen = [{addresses}]"
    if listen == Configuration().listen:
        written = f"#{written}"
    return _DEFAULT_TEXT.replace("#listen = []", written)


def _is_address(text: str, version: int | None = None) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (None, address.version)


def _is_host(text: str) -> bool:
    if re.fullmatch(r"[0-9.]+", text):  # only digits and dots: an address or a slip of the finger, never a name
        return _is_address(text)
    label = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
    return len(text) <= 253 and re.fullmatch(rf"{label}(\.{label})*\.?", text) is not None


class _Table:
    """One TOML table while it is read: gives out values that were checked, and complains with file and key."""

    def __init__(self, values: dict[str, Any], source: str, place: str) -> None:
        self.values = values
        self.source = source
        self.place = place  # "[limits]", "" for the top

    def error(self, key: str, what: str, *, why: str = "", remedy: str = "") -> ConfigError:
        return ConfigError(f"{self.source}: {self.place} {key} {what}".replace("  ", " "), why=why, remedy=remedy)

    def expect_keys(self, *known: str) -> None:
        for key in self.values:
            if key in known:
                continue
            nearest = difflib.get_close_matches(key, known, n=1)
            place = f"{self.place} has no key" if self.place else "there is no key"
            raise ConfigError(
                f"{self.source}: {place} {_shown(key)}",
                why=f"known here: {', '.join(known)}",
                remedy=f"did you mean {nearest[0]!r}?" if nearest else "remove it, or put it where it belongs",
            )

    def table(self, key: str) -> _Table:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.error(
                key, f"is {_shown(value)}; it must be a table", remedy=f"write [{key}] on a line of its own"
            )
        return _Table(value, self.source, f"[{key}]")

    def number(self, key: str, default: float, smallest: int, largest: int, *, whole: bool) -> float:
        value = self.values.get(key, default)
        # bool is an int in Python, and "connections = true" is a mistake.
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not smallest <= value <= largest:
            kind = "a whole number" if whole else "a number"
            raise self.error(key, f"is {_shown(value)}; it must be {kind} from {smallest} to {largest}")
        return value if whole else float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {_shown(value)}; it must be true or false")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self.error(key, f"is {_shown(value)}; it must be {_either(choices)}")
        return value

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.error(key, f"is {_shown(value)}; it must be a text with something in it")
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise self.error(key, f"is {_shown(value)}; it must be a list of texts", remedy=f'{key} = ["...", "..."]')
        return tuple(value)


def _configuration(top: _Table) -> Configuration:
    top.expect_keys(*(each.name for each in fields(Configuration)))
    return Configuration(
        listen=_listen(top),
        websocket=_websocket(top.table("websocket")),
        tls=_tls(top.table("tls")),
        certificate=_certificate(top.table("certificate")),
        limits=_limits(top.table("limits")),
        access=_access(top),
        log=_log(top.table("log")),
    )


def _listen(top: _Table) -> tuple[str, ...]:
    addresses = _addresses(top, Configuration().listen)
    if not addresses:
        raise top.error("listen", "is empty", why="a broker that listens nowhere serves nobody", remedy='[":8883"]')
    return addresses


def _addresses(table: _Table, default: tuple[str, ...]) -> tuple[str, ...]:
    addresses = table.texts("listen", default)
    for address in addresses:
        try:
            parse_address(address)
        except ConfigError as error:
            raise table.error("listen", f"cannot be used: {error.what}", remedy=error.remedy) from None
    return addresses


def _websocket(table: _Table) -> WebSocketSettings:
    table.expect_keys("listen", "origins")
    origins = []
    for origin in table.texts("origins", ()):
        normal = normal_origin(origin)
        if normal is None:
            raise table.error(
                "origins",
                f"has {_shown(origin)}, which is no origin of a web page",
                remedy='write them as browsers do, without a path: "https://dashboard.example.com:8443"',
            )
        origins.append(normal)
    return WebSocketSettings(listen=_addresses(table, WebSocketSettings().listen), origins=tuple(origins))


def _tls(table: _Table) -> TLSSettings:
    table.expect_keys("profile", "max_record")
    default = TLSSettings()
    profile = table.choice("profile", default.profile, PROFILES)
    # RFC 8449 section 4: no record limit below 64. A page above it keeps a mistake from costing all the throughput.
    max_record = table.number("max_record", default.max_record, 512, 16_384, whole=True)
    return TLSSettings(profile="modern" if profile == "modern" else "default", max_record=int(max_record))


def _certificate(table: _Table) -> CertificateSettings:
    table.expect_keys("names", "addresses_as_dns_names")
    names = table.texts("names", ())
    for name in names:
        if not _is_address(name) and not _is_host(name):
            raise table.error(
                "names",
                f"has {_shown(name)}, which is neither an address nor a host's name",
                remedy='write them like "broker.example.com" or "192.0.2.7", without port and without "*"',
            )
    return CertificateSettings(names=names, addresses_as_dns_names=table.flag("addresses_as_dns_names", False))


def _limits(table: _Table) -> Limits:
    table.expect_keys(*LIMIT_RANGES)
    default = Limits()
    values: dict[str, Any] = {}
    for key, (smallest, largest) in LIMIT_RANGES.items():
        usual = getattr(default, key)
        values[key] = table.number(key, usual, smallest, largest, whole=isinstance(usual, int))
    limits = Limits(**values)
    if limits.first_packet_size > limits.packet_size:
        raise table.error("first_packet_size", f"is above packet_size ({limits.packet_size})", remedy="lower it")
    return limits


def _log(table: _Table) -> LogSettings:
    table.expect_keys("level")
    level = table.choice("level", LogSettings().level, LEVELS)
    return LogSettings(level=next(each for each in LEVELS if each == level))


def _access(top: _Table) -> tuple[Rule, ...]:
    value = top.values.get("access")
    if value is None:
        return DEFAULT_RULES
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise top.error(
            "access", "must be a list of rules", remedy="write [[access]] above each rule, in double brackets"
        )
    return tuple(_rule(_Table(each, top.source, f"[[access]] rule {n}:")) for n, each in enumerate(value, 1))


def _rule(table: _Table) -> Rule:
    table.expect_keys("role", "device", "allow", "deny", "topics")
    role, device = table.text("role"), table.text("device")
    if role is not None and device is not None:
        raise table.error("role", "and device are both given", remedy="keep one of them, or write two rules")
    if ("allow" in table.values) == ("deny" in table.values):
        raise table.error("allow", "or deny is needed, and only one of them", remedy='allow = ["publish", "subscribe"]')
    effect: Literal["allow", "deny"] = "allow" if "allow" in table.values else "deny"
    names = table.texts(effect, ())
    for name in names:
        if name not in ACTIONS:
            raise table.error(effect, f"has {_shown(name)}; it must be {_either(sorted(ACTIONS))}")
    topics = table.texts("topics", ())
    if not names or not topics:
        raise table.error("topics" if names else effect, "is missing or empty", why="the rule would never match")
    for topic in topics:
        _check_topic(table, topic)
    return Rule(
        role=role,
        device=device,
        effect=effect,
        actions=frozenset(action for action in ACTIONS if action in names),
        topics=topics,
    )


def _check_topic(table: _Table, topic: str) -> None:
    for placeholder in re.findall(r"\{[^{}/]*\}", topic):
        if placeholder not in PLACEHOLDERS:
            nearest = difflib.get_close_matches(placeholder, PLACEHOLDERS, n=1)
            raise table.error(
                "topics",
                f"has {_shown(topic)}, and nothing is known to put in place of {placeholder}",
                why=f"known: {', '.join(PLACEHOLDERS)}",
                remedy=f"did you mean {nearest[0]}?" if nearest else "use one of those",
            )
    plain = topic
    for placeholder in PLACEHOLDERS:
        plain = plain.replace(placeholder, "x")
    try:
        check_topic_filter(plain)
    except ProtocolError as error:
        raise table.error("topics", f"has {_shown(topic)}, which is no topic filter", why=error.what) from None


def _shown(value: object) -> str:
    """The value as the error shows it: short, and on one line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > _LARGE:  # repr() refuses integers of thousands of digits
        return "a far too large number"
    if isinstance(value, list | tuple):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _either(choices: Sequence[str]) -> str:
    return " or ".join(f'"{choice}"' for choice in choices)


_DEFAULT_TEXT: Final = """\
# SealMQ's configuration, in TOML (https://toml.io). A line "#key = value" shows a default: remove the "#" to change it.
# SealMQ reads this file when it starts, and refuses to start when it finds a word here that it does not know.

# Where to listen: ":8883" is every address of this machine, IPv4 and IPv6; or "127.0.0.1:8883", or "[::1]:8883".
#listen = []

[websocket]
# Where to listen for MQTT over WebSocket over TLS (wss://HOST:8084/mqtt), with certificates as above; [] is nowhere.
#listen = [":8084"]
# Web pages that may connect from a browser, beside those of the same host and port: ["https://dashboard.example.com"].
#origins = []

[tls]
# "default" is TLS 1.2 and 1.3; "modern" is TLS 1.3 only.
#profile = "default"
# Bytes of the largest TLS record that is sent, 512 to 16384: lower it for microcontrollers with a small buffer.
#max_record = 16384

[certificate]
# DNS names and addresses for the broker's certificate, beside those that are found here: ["broker.example.com"].
#names = []
# Write each address as a DNS name too: only for clients of Mbed TLS before 3.5, which can't compare addresses.
#addresses_as_dns_names = false

[limits]
# Seconds from a new connection to the end of its TLS handshake, and of its WebSocket handshake where there is one.
#handshake_timeout = 10
# Seconds from the end of the handshake to the whole CONNECT.
#connect_timeout = 10
# Bytes of the largest packet that a connected client may send.
#packet_size = 1_048_576
# Bytes of the largest packet before CONNECT was accepted.
#first_packet_size = 65_536
# Clients that are connected at the same time.
#connections = 10_000
# Seconds: the longest keep-alive; who asks for more or for none is told this one (MQTT 5).
#keep_alive_maximum = 3_600
# QoS 1 and 2 messages that a client may have unacknowledged towards the broker.
#receive_maximum = 1_000
# QoS 1 and 2 messages that the broker has unacknowledged towards one client.
#in_flight = 1_000
# Messages that wait for one absent or slow client.
#queued_messages = 100_000
# Bytes of memory that waiting messages may cost for one absent or slow client.
#queued_bytes = 33_554_432
# Seconds that a session outlives its connection at most (30 days); 4294967295 is for ever.
#session_expiry_maximum = 2_592_000
# Subscriptions of one client.
#subscriptions_per_session = 1_000
# Bytes of a client identifier.
#client_id_length = 256
# Levels of a topic: "a/b" has two.
#topic_levels = 32
# Bytes of a topic.
#topic_length = 65_535
# Topic aliases in each direction (MQTT 5).
#topic_alias_maximum = 16
# Bytes that wait for the socket of one slow reader.
#buffered_bytes = 1_048_576
# Retained messages in all.
#retained_messages = 100_000
# Bytes of all retained messages.
#retained_bytes = 268_435_456

[log]
# The least grave thing that is said: "debug", "info", "warning" or "error".
#level = "info"

# Who may do what. The first rule that matches decides; where none matches the answer is no.
#   role = "..." or device = "..."   whom it is for; device may be a pattern ("sensor-*"); with neither: everybody
#   allow = [...] or deny = [...]    "publish", "subscribe" or both
#   topics = [...]                   topic filters; {device}, {role} and {client_id} stand for the client's own;
#                                    "#" does not reach topics that begin with "$"
[[access]]
role = "operator"
allow = ["publish", "subscribe"]
topics = ["#", "$SYS/#"]

[[access]]
role = "device"
allow = ["publish", "subscribe"]
topics = ["devices/{device}/#"]
"""
