"""sealmq.toml: read, checked, and written with comments at the first start.

    addresses.py    ADDRESS:PORT
    listeners.py    where to listen, and what is asked there
    tls.py          which TLS is spoken, and by which library
    enrollment.py   how devices are enrolled over the network
    table.py        how a value is read, checked and complained about
    text.py         the file of the first start

Rule 1: this room only fills in dataclasses; what the values do is told where they are used.
Rule 2: whatever stands in the file, the answer is a Configuration or a ConfigError that names file and key.
Rule 3: an absent key means its default, so that an old file gets the better default of a newer SealMQ. The one
        exception is [[access]], which is policy: a first rule in the file replaces all the default rules.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

from sealmq.addresses import is_address
from sealmq.broker.limits import Limits
from sealmq.broker.quiet import TOLD
from sealmq.broker.rules import ACTIONS, DEFAULT_RULES, Rule
from sealmq.config.addresses import is_host, parse_address
from sealmq.config.enrollment import EnrollmentSettings, HTTPSSettings, read_enrollment, read_https
from sealmq.config.listeners import (
    DEFAULT_LISTEN,
    ListenerSettings,
    WebSocketSettings,
    read_listen,
    read_listeners,
    read_websocket,
)
from sealmq.config.table import Table, either, shown
from sealmq.config.text import DEFAULT_TEXT
from sealmq.config.tls import TLSSettings, read_tls
from sealmq.errors import ConfigError, ProtocolError
from sealmq.identity import ROLES
from sealmq.mqtt.topics import SHARED, check_topic_filter

Level = Literal["debug", "info", "warning", "error"]

LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
PLACEHOLDERS: Final = ("{device}", "{account}", "{role}", "{client_id}")
"""What a topic in an access rule may hold for the client's own name."""

__all__ = [
    "Configuration",
    "EnrollmentSettings",
    "HTTPSSettings",
    "ListenerSettings",
    "TLSSettings",
    "WebSocketSettings",
    "default_text",
    "load",
    "parse",
    "parse_address",
]


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

    lines_per_address: int = TOLD
    """Lines of each kind in a minute about what one address has refused; what is beyond is said as a number. Whoever
    reaches a listener can have something refused, as often as the line allows."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of sealmq.toml. `Configuration()` is what an unedited file gives."""

    listen: tuple[str, ...] = DEFAULT_LISTEN
    listener: tuple[ListenerSettings, ...] = ()
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    https: HTTPSSettings = field(default_factory=HTTPSSettings)
    enrollment: EnrollmentSettings = field(default_factory=EnrollmentSettings)
    tls: TLSSettings = field(default_factory=TLSSettings)
    certificate: CertificateSettings = field(default_factory=CertificateSettings)
    limits: Limits = field(default_factory=Limits)
    access: tuple[Rule, ...] = DEFAULT_RULES
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def listeners(self) -> tuple[ListenerSettings, ...]:
        """Every listener for MQTT, those of the short form first; others are in `websocket` and `https`."""
        return (*map(ListenerSettings, self.listen), *self.listener)

    def spoken_by(self, middleware: str | None) -> Configuration:
        """The same with another middleware in [tls]; None leaves it. A listener that names its own keeps that."""
        return self if middleware is None else replace(self, tls=replace(self.tls, middleware=middleware))


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
    "connections_per_address": (1, 10_000_000),
    "connections_per_identity": (1, 10_000_000),
    "connections_waiting": (1, 10_000_000),
    "connections_per_second": (1, 10_000_000),
    "connections_per_second_per_address": (1, 10_000_000),
    "handshakes": (1, 10_000_000),
    "handshakes_per_address": (1, 10_000_000),
    "keep_alive_maximum": (1, _UINT16),
    "receive_maximum": (1, _UINT16),
    "in_flight": (1, _UINT16),
    "queued_messages": (0, _LARGE),
    "queued_bytes": (0, _LARGE),
    "queued_bytes_per_identity": (0, _LARGE),
    "queued_bytes_in_all": (0, _LARGE),
    "sessions": (1, 100_000_000),
    "sessions_per_identity": (1, 100_000_000),
    "session_expiry_maximum": (0, _UINT32),
    "subscriptions_per_session": (1, 10_000_000),
    "subscriptions_per_identity": (1, 1_000_000_000),
    "client_id_length": (23, _UINT16),  # [MQTT-3.1.3-5]
    "topic_levels": (1, 65_536),
    "topic_length": (1, _UINT16),
    "topic_alias_maximum": (0, _UINT16),
    "buffered_bytes": (1_024, _LARGE),
    "retained_messages": (0, _LARGE),
    "retained_messages_per_identity": (0, _LARGE),
    "retained_bytes": (0, _LARGE),
    "retained_bytes_per_identity": (0, _LARGE),
}
"""What sealmq.toml may set each limit to: smallest and largest."""


def load(path: str | Path, *, middleware: str | None = None) -> Configuration:
    """Read a configuration file. Raises ConfigError, and nothing else, for whatever is wrong with it.

    middleware: in place of [tls]'s (`sealmq up --middleware`).
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration at {path}", remedy="sealmq up  # writes one") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8", why=f"byte {error.start + 1} cannot be decoded") from error
    return parse(text, str(path)).spoken_by(middleware)


def parse(text: str, source: str = "sealmq.toml") -> Configuration:
    """The configuration that `text` says; `source` is the file's name for the errors."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{source} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and what int() says about a number with thousands of digits
        raise _no_toml(source, text, str(error)) from error
    return _configuration(Table(document, source, ""))


def _no_toml(source: str, text: str, why: str) -> ConfigError:
    """The error for what the parser did not take, with the line of the file at which it stopped."""
    found = re.search(r"\(at line (\d+), column \d+\)$", why)
    line = text.split("\n")[int(found[1]) - 1].strip() if found else ""
    if "Cannot declare" in why or "Cannot overwrite" in why:
        remedy = "keep one of the two, with all its keys below it; [[access]] and [[listener]] have double brackets"
    elif line.startswith("["):
        remedy = "close it like it was opened: [limits], [[access]]"
    elif "Unclosed" in why or "Unterminated" in why:
        remedy = 'something is opened and never closed: each [ needs its ], each " its "'
    else:
        remedy = 'a line is KEY = VALUE; texts need straight quotation marks: level = "info"'
    return ConfigError(f"{source} is not valid TOML", why=f"{why}: {shown(line)}" if line else why, remedy=remedy)


def default_text(listen: tuple[str, ...] = DEFAULT_LISTEN) -> str:
    """The sealmq.toml of the first start: every key with its meaning; defaults stand behind a '#'."""
    addresses = ", ".join(f'"{address}"' for address in listen)
    written = f"listen = [{addresses}]"
    if listen == Configuration().listen:
        written = f"#{written}"
    return DEFAULT_TEXT.replace("#listen = []", written)


def _configuration(top: Table) -> Configuration:
    top.expect_keys(*(each.name for each in fields(Configuration)))
    listen = read_listen(top)
    listeners = read_listeners(top, listen)
    taken = {*listen, *(each.address for each in listeners)}
    websocket = read_websocket(top.table("websocket"), taken)
    return Configuration(
        listen=listen,
        listener=listeners,
        websocket=websocket,
        https=read_https(top.table("https"), taken | {*websocket.listen}),
        enrollment=read_enrollment(top.table("enrollment")),
        tls=read_tls(top.table("tls")),
        certificate=_certificate(top.table("certificate")),
        limits=_limits(top.table("limits")),
        access=_access(top),
        log=_log(top.table("log")),
    )


def _certificate(table: Table) -> CertificateSettings:
    table.expect_keys("names", "addresses_as_dns_names")
    names = table.texts("names", ())
    for name in names:
        if not is_address(name) and not is_host(name):
            raise table.error(
                "names",
                f"has {shown(name)}, which is neither an address nor a host's name",
                remedy='write them like "broker.example.com" or "192.0.2.7", without port and without "*"',
            )
    return CertificateSettings(names=names, addresses_as_dns_names=table.flag("addresses_as_dns_names", False))


def _limits(table: Table) -> Limits:
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


def _log(table: Table) -> LogSettings:
    table.expect_keys("level", "lines_per_address")
    default = LogSettings()
    level = table.choice("level", default.level, LEVELS)
    lines = table.number("lines_per_address", default.lines_per_address, 1, 1_000_000, whole=True)
    return LogSettings(next(each for each in LEVELS if each == level), int(lines))


def _access(top: Table) -> tuple[Rule, ...]:
    value = top.values.get("access")
    if value is None:
        return DEFAULT_RULES
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise top.error(
            "access", "must be a list of rules", remedy="write [[access]] above each rule, in double brackets"
        )
    return tuple(_rule(Table(each, top.source, f"[[access]] rule {n}:")) for n, each in enumerate(value, 1))


def _rule(table: Table) -> Rule:
    table.expect_keys("role", "device", "account", "allow", "deny", "topics")
    who = {key: text for key in ("role", "device", "account") if (text := table.text(key)) is not None}
    if len(who) > 1:
        first, second = list(who)[:2]
        raise table.error(first, f"and {second} are both given", remedy="keep one of them, or write two rules")
    if (role := who.get("role", ROLES[0])) not in ROLES:  # a denial that never matches would let everybody through
        nearest = difflib.get_close_matches(role, ROLES, n=1)
        remedy = (
            f"did you mean {nearest[0]!r}?" if nearest else 'a name goes into device or account: device = "sensor-1"'
        )
        raise table.error("role", f"is {shown(role)}; it must be {either(ROLES)}", remedy=remedy)
    if ("allow" in table.values) == ("deny" in table.values):
        raise table.error("allow", "or deny is needed, and only one of them", remedy='allow = ["publish", "subscribe"]')
    effect: Literal["allow", "deny"] = "allow" if "allow" in table.values else "deny"
    names = table.texts(effect, ())
    for name in names:
        if name not in ACTIONS:
            raise table.error(effect, f"has {shown(name)}; it must be {either(sorted(ACTIONS))}")
    topics = table.texts("topics", ())
    if not names or not topics:
        raise table.error("topics" if names else effect, "is missing or empty", why="the rule would never match")
    for topic in topics:
        _check_topic(table, topic)
    return Rule(
        role=who.get("role"),
        device=who.get("device"),
        account=who.get("account"),
        effect=effect,
        actions=frozenset(action for action in ACTIONS if action in names),
        topics=topics,
    )


def _check_topic(table: Table, topic: str) -> None:
    for placeholder in re.findall(r"\{[^{}/]*\}", topic):
        if placeholder not in PLACEHOLDERS:
            nearest = difflib.get_close_matches(placeholder, PLACEHOLDERS, n=1)
            raise table.error(
                "topics",
                f"has {shown(topic)}, and nothing is known to put in place of {placeholder}",
                why=f"known: {', '.join(PLACEHOLDERS)}",
                remedy=f"did you mean {nearest[0]}?" if nearest else "use one of those",
            )
    plain = topic
    for placeholder in PLACEHOLDERS:
        plain = plain.replace(placeholder, "x")
    if "{device}" in topic and "{account}" in topic:
        raise table.error("topics", f"has {shown(topic)}, and nobody is both a device and an account")
    if topic.startswith(SHARED):
        raise table.error(
            "topics",
            f"has {shown(topic)}, a shared subscription",
            why="rules are about what is asked for, in a group or not; this one would never match",
            remedy="write what stands behind the group",
        )
    first = topic.partition("/")[0]
    if first.startswith("$") and first != plain.partition("/")[0]:
        raise table.error(
            "topics",
            f"has {shown(topic)}, with a placeholder in a first level that begins with '$'",
            why="no wildcard reaches such topics, so a client could choose a name that no denial meets",
            remedy="put a level of its own in between: $name/{device}",
        )
    try:
        check_topic_filter(plain)
    except ProtocolError as error:
        raise table.error("topics", f"has {shown(topic)}, which is no topic filter", why=error.what) from None
