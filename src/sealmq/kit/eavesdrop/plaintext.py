"""MQTT without encryption, as a stranger on the wire reads it: who, what, and to whom.

Rule 1: it is no party to the connection. It does not judge the order of packets; what cannot be read ends the
        observation, in words, and nothing else.
Rule 2: of a packet it keeps KEPT bytes: of a larger PUBLISH the topic is read, and the beginning of the payload.
Rule 3: a password goes into `_secret`, and from there into an event only when secrets were asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from sealmq.errors import RemoteProtocolError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.events import LONGEST_TEXT, excerpt
from sealmq.kit.eavesdrop.framing import BrokenFramingError, Walker, body_at, packets
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.handshake.exposures import in_words
from sealmq.mqtt.codes import PacketType, ReasonCode
from sealmq.mqtt.packets import Connect, Packet, Publish
from sealmq.mqtt.reader import read_packet, read_publish

KEPT: Final = 65_536 + 4_096
"""Bytes of a packet that are kept: the longest topic name, and a little more."""

MOST_NAMES: Final = 200
"""Topics, filters and aliases that are remembered of one connection, each."""

Report = Callable[[Sender, str, str, tuple[tuple[str, str], ...]], None]
"""Takes sender, name, line and details of an event."""


class Plaintext:
    """Both directions of one connection.

    report: where each packet is told. show_secrets: passwords too.
    """

    def __init__(self, sight: Sight, report: Report, *, show_secrets: bool = False) -> None:
        self._sight = sight
        self._report = report
        self._show_secrets = show_secrets
        self._walkers: dict[Sender, Walker | None] = {sender: packets(KEPT) for sender in Sender}
        self._level = 0
        self._aliases: dict[tuple[Sender, int], str] = {}
        self._pings: deque[float] = deque(maxlen=2)

    def receive_data(self, sender: Sender, data: bytes, at: float) -> None:
        """Read on. Tells what it read; never raises for what a peer wrote."""
        walker = self._walkers[sender]
        if walker is None:
            return
        try:
            for part in walker.receive_data(data):
                if part.is_last:
                    self._packet(sender, bytes(part.kept), part.length, at)
        except (BrokenFramingError, RemoteProtocolError) as error:
            self._walkers[sender] = None
            self._report(sender, "unreadable", f"from here on it is not MQTT that can be read: {error.what}", ())

    def _packet(self, sender: Sender, wire: bytes, length: int, at: float) -> None:
        kind, flags, body = wire[0] >> 4, wire[0] & 0x0F, body_at(wire)
        self._sight.packets += 1
        if len(wire) < length and kind != PacketType.PUBLISH:
            name = PacketType(kind).name
            self._report(sender, name, f"{in_words(length, 'byte')}, too many to look at", (("size", str(length)),))
            return
        if kind == PacketType.PUBLISH:
            packet: Packet = read_publish(flags, wire, body, self._level or 4)
        else:
            packet = read_packet(wire, body, self._level or 5)
        if isinstance(packet, Connect):
            self._level = packet.level
        if isinstance(packet, Publish):
            details = list(self._publish(sender, packet, length - len(wire)))
        else:
            details = [(name, value) for name, value in self._details(packet, at) if value]
        line = ", ".join(f"{name} {value}" if name else value for name, value in details)
        self._report(sender, packet.type.name, line, tuple((name or "note", value) for name, value in details))

    # -- what each packet gives away -----------------------------------------------------------------------------------

    def _publish(self, sender: Sender, packet: Publish, missing: int) -> Iterator[tuple[str, str]]:
        topic = packet.topic
        alias = packet.properties.topic_alias
        if alias is not None:
            key = (sender, alias)
            if topic and (key in self._aliases or len(self._aliases) < MOST_NAMES):
                self._aliases[key] = topic[:LONGEST_TEXT]
            topic = topic or self._aliases.get(key, f"(alias {alias})")
        size = len(packet.payload) + missing
        shown = excerpt(topic, LONGEST_TEXT)
        self._sight.publishes[sender] += 1
        _remember(self._sight.topics, shown)
        self._sight.example = self._sight.example or f"{shown}: {excerpt(packet.payload)}"
        yield "topic", shown
        yield "payload", excerpt(packet.payload) + (f" ({in_words(size, 'byte')})" if size > 64 else "")
        if packet.qos:
            yield "QoS", str(packet.qos)
        if packet.retain:
            yield "", "retained"
        for name, value in packet.properties.user_properties[:8]:
            yield excerpt(name, 40), excerpt(value, 40)

    def _details(self, packet: Any, at: float) -> Iterator[tuple[str, str]]:
        """Of any other packet; an empty value is left out."""
        match packet.type:
            case PacketType.CONNECT:
                yield from self._connect(packet)
            case PacketType.SUBSCRIBE:
                for each in packet.subscriptions[:MOST_NAMES]:
                    shown = excerpt(each.topic_filter, LONGEST_TEXT)
                    _remember(self._sight.filters, shown)
                    yield "filter", shown
            case PacketType.UNSUBSCRIBE:
                for text in packet.topic_filters[:MOST_NAMES]:
                    yield "filter", excerpt(text, LONGEST_TEXT)
            case PacketType.SUBACK:
                granted = packet.reason_codes[:MOST_NAMES]
                yield "", "; ".join(f"QoS {code}" if code < 3 else _reason(code) for code in granted)
            case PacketType.PINGREQ:
                self._pings.append(at)
                if len(self._pings) == 2:
                    yield "", f"{self._pings[1] - self._pings[0]:.1f} s after the last"
            case PacketType.CONNACK | PacketType.DISCONNECT | PacketType.AUTH:
                yield "", _reason(packet.reason_code) if packet.reason_code else "success"
            case PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBREL | PacketType.PUBCOMP:
                yield "packet id", str(packet.packet_id)
                yield "", _reason(packet.reason_code) if packet.reason_code else ""
        text = getattr(getattr(packet, "properties", None), "reason_string", None)
        yield "because", excerpt(text, LONGEST_TEXT) if text else ""

    def _connect(self, packet: Connect) -> Iterator[tuple[str, str]]:
        sight = self._sight
        yield "MQTT", "5" if packet.level == 5 else "3.1.1"
        sight.client_id = excerpt(packet.client_id, LONGEST_TEXT)
        yield "client id", sight.client_id
        if packet.user_name is not None:
            sight.user_name = excerpt(packet.user_name, LONGEST_TEXT)
            yield "user name", sight.user_name
        if packet.password is not None:
            sight.password = self._secret(packet.password)
            yield "password", sight.password
        sight.keep_alive = packet.keep_alive
        yield "keep alive", f"{packet.keep_alive} s" if packet.keep_alive else "off"
        if packet.will is not None:
            sight.will = f"{excerpt(packet.will.topic, LONGEST_TEXT)}: {excerpt(packet.will.payload)}"
            yield "will", sight.will
        if packet.properties.authentication_data is not None:
            yield "authentication data", self._secret(packet.properties.authentication_data)

    def _secret(self, value: bytes) -> str:
        """A secret in words: how long it is, and that anybody can read it."""
        if self._show_secrets:
            return excerpt(value, LONGEST_TEXT)
        try:
            return f"{in_words(len(value.decode()), 'character')}, in clear"
        except UnicodeDecodeError:
            return f"{in_words(len(value), 'byte')}, in clear"


def _remember(names: list[str], name: str) -> None:
    if len(names) < MOST_NAMES and name not in names:
        names.append(name)


def _reason(code: int) -> str:
    try:
        return (
            f"refused: {ReasonCode(code).name.lower().replace('_', ' ')}"
            if code >= 0x80
            else (ReasonCode(code).name.lower().replace("_", " "))
        )
    except ValueError:
        return f"reason {code:#04x}"
