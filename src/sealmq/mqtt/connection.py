"""One MQTT connection, sans-IO: bytes in, packets out, and back.

The four verbs of every floor: `receive_data`, `send`, `data_to_send`, `close`. What leaves `receive_data` is a legal
packet: framed, within its size, allowed in this phase, its topic alias resolved. Whatever garbage comes in, nothing but
`RemoteProtocolError` comes out. Nothing is spoken or asked for that the standards do not have
[MQTT 3.1.1: MQTT-7.0.0-2].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn

from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt.codes import REASON_CODES, PacketType, ProtocolLevel, ReasonCode
from sealmq.mqtt.packets import (
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    UnsubAck,
)
from sealmq.mqtt.properties import NO_PROPERTIES, Properties
from sealmq.mqtt.reader import read_packet, read_publish
from sealmq.mqtt.state import Phase, Sender, next_phase
from sealmq.mqtt.writer import write_packet

REFUSALS_V311 = (ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, ReasonCode.NOT_AUTHORIZED)
"""What a 3.1.1 client is told whose CONNECT was not accepted here. For the rest it has no code, and the connection is
closed without a word [MQTT 3.1.1: MQTT-3.1.4-1, MQTT-3.2.2-6]."""

LONGEST_REASON = 512
"""Characters of a Reason String: words for a person, which may quote a topic name of 65,535 bytes."""

_ANSWERS = (ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect, Auth)
_PUBLISH = int(PacketType.PUBLISH)
_FIRST_ANSWER, _LAST_ANSWER = int(PacketType.PUBACK), int(PacketType.PUBCOMP)
_SHORT_ANSWERS: dict[int, Callable[[int], Packet]] = {0x40: PubAck, 0x50: PubRec, 0x62: PubRel, 0x70: PubComp}
_CONNECTED = Phase.CONNECTED  # looked up once: in Python 3.11 each look into an enum costs as much as a call


class MQTTConnection:
    """One side of an MQTT connection.

    our_role:            SERVER or CLIENT.
    first_packet_size:   bytes that CONNECT (or CONNACK) may have: the peer is not known yet.
    packet_size:         bytes that any later packet may have; what we announce as Maximum Packet Size.
    receive_maximum:     PUBLISH packets at QoS 1 and 2 that the peer may have unfinished [MQTT 3.1.2.11.3].
    topic_alias_maximum: topic aliases that the peer may use [MQTT 3.1.2.11.5].

    level: the protocol level, 0 until CONNECT came or left.
    push:  queue bytes that are already encoded; the way of a fan-out, where one encoding serves many connections.
    """

    __slots__ = (
        "_aliases",
        "_broken",
        "_first_packet_size",
        "_guessed_level",
        "_needed",
        "_out",
        "_packet_size",
        "_partial",
        "_phase",
        "_receive_maximum",
        "_session_lasts",
        "_their_packet_size",
        "_their_role",
        "_topic_alias_maximum",
        "_unanswered",
        "level",
        "our_role",
        "push",
    )

    def __init__(
        self,
        our_role: Sender,
        *,
        first_packet_size: int = 65_536,
        packet_size: int = 1_048_576,
        receive_maximum: int = 65_535,
        topic_alias_maximum: int = 0,
    ) -> None:
        self.our_role = our_role
        self.level = 0
        self._guessed_level = 0
        self._their_role = Sender.CLIENT if our_role is Sender.SERVER else Sender.SERVER
        self._phase = Phase.EXPECT_CONNECT
        self._first_packet_size = first_packet_size
        self._packet_size = packet_size
        self._receive_maximum = receive_maximum
        self._topic_alias_maximum = topic_alias_maximum
        self._aliases: dict[int, str] = {}
        self._unanswered: dict[int, None] = {}  # empty, it takes 64 bytes; a set takes 216
        self._partial = bytearray()
        self._needed = 0
        self._broken = False
        self._session_lasts = False
        self._their_packet_size = 0
        self._out: list[bytes] = []
        self.push: Callable[[bytes], None] = self._out.append

    @property
    def phase(self) -> Phase:
        """Where in its life the connection is (mqtt/state.py)."""
        return self._phase

    def allow(self, *, packet_size: int, receive_maximum: int, topic_alias_maximum: int) -> None:
        """What our CONNACK is about to announce, where that is something else by now than when the peer came."""
        self._packet_size = packet_size
        self._receive_maximum = receive_maximum
        self._topic_alias_maximum = topic_alias_maximum

    def receive_data(self, data: bytes) -> Iterator[Packet]:
        """Take in what arrived and give its packets, one by one; what is incomplete waits for the next call.

        Nothing is taken in before the first packet is asked for; whoever stops asking finds the rest in the next call.
        Raises RemoteProtocolError where the peer broke the standard: then the packets before that place have been
        given, and nothing behind it is ever read.
        """
        if self._broken:
            raise RemoteProtocolError("the peer broke the standard before", ReasonCode.PROTOCOL_ERROR)
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
        at, end = 0, len(data)
        try:
            while end - at >= 2:
                length = data[at + 1]
                body = at + 2
                if length > 127:
                    body, length = self._pull_remaining_length(data, at + 1, end)
                    if body == 0:
                        break
                after = body + length
                if after - at > (self._packet_size if self._phase is _CONNECTED else self._first_packet_size):
                    self._refuse_size(after - at, data, at, body)
                if after > end:
                    self._needed = after - at
                    break
                answer = _SHORT_ANSWERS.get(data[at]) if length == 2 and self._phase is _CONNECTED else None
                if answer is not None and (data[body] or data[body + 1]):
                    packet: Packet = answer(data[body] << 8 | data[body + 1])  # a success that says no more: nearly all
                else:
                    packet = self._receive_packet(data if at == 0 and after == end else data[at:after], body - at)
                at = after
                yield packet
            else:
                self._needed = 2
        except RemoteProtocolError:
            self._broken = True
            raise
        except GeneratorExit:
            self._partial += data[at:]
            self._needed = 2
            raise
        if at < end:
            self._partial += data[at:] if at else data

    def _receive_packet(self, wire: bytes, at: int) -> Packet:
        kind = wire[0] >> 4
        if _FIRST_ANSWER <= kind <= _LAST_ANSWER and self._phase is _CONNECTED:
            return read_packet(wire, at, self.level)  # they change nothing here, and there is one for each message
        if kind != _PUBLISH or self._phase is not _CONNECTED:
            if kind == 0:
                raise RemoteProtocolError("packet type 0 is reserved", ReasonCode.MALFORMED_PACKET)  # [MQTT 2.1.2]
            # Legal here? Asked before a byte of the body is read: what may not come is not parsed.
            phase = next_phase(self._phase, self._their_role, PacketType(kind), self.level or ProtocolLevel.V5)
            if kind != _PUBLISH:
                return self._receive_other(wire, at, phase)
        publish = read_publish(wire[0] & 0x0F, wire, at, self.level)
        if publish.properties is not NO_PROPERTIES:
            self._look_at_properties(publish)
        if publish.qos:
            self._count_unanswered(publish.packet_id)
        return publish

    def _receive_other(self, wire: bytes, at: int, phase: Phase) -> Packet:
        if wire[0] >> 4 == PacketType.CONNECT:
            self._guessed_level = self._guess_level(wire, at)
        packet = read_packet(wire, at, self.level)
        if isinstance(packet, Connect):
            self.level = packet.level
            self._session_lasts = bool(packet.properties.session_expiry_interval)
            self._their_packet_size = packet.properties.maximum_packet_size or 0
        elif isinstance(packet, ConnAck):
            self._their_packet_size = packet.properties.maximum_packet_size or 0
            if packet.reason_code >= ReasonCode.UNSPECIFIED_ERROR:
                phase = Phase.ENDED
        elif isinstance(packet, Disconnect):
            self._check_disconnect(packet)
        self._phase = phase
        return packet

    def _check_disconnect(self, packet: Disconnect) -> None:
        """Such a DISCONNECT is none: the connection is not over by it, and the peer is told [MQTT 3.14.2.2.2]."""
        interval = packet.properties.session_expiry_interval
        if interval is not None and self.our_role is Sender.CLIENT:  # [MQTT-3.14.2-2]
            raise RemoteProtocolError("a server's DISCONNECT has a session expiry interval", ReasonCode.PROTOCOL_ERROR)
        if interval and not self._session_lasts:
            raise RemoteProtocolError(
                "DISCONNECT gives the session an expiry that CONNECT did not give", ReasonCode.PROTOCOL_ERROR
            )

    def _pull_remaining_length(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        """Remaining Length of more than one byte -> (where the body begins, length); (0, 0): not all of it is here."""
        length = 0
        for place in range(4):
            if at + place >= end:
                self._needed = place + 2
                return 0, 0
            byte = data[at + place]
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (
                    byte == 0 and self.level != ProtocolLevel.V311
                ):  # [MQTT-1.5.5-1]; 3.1.1 does not ask for the shortest
                    raise RemoteProtocolError(
                        "the remaining length is longer than it need be", ReasonCode.MALFORMED_PACKET
                    )
                return at + place + 1, length
        raise RemoteProtocolError("the remaining length has more than four bytes", ReasonCode.MALFORMED_PACKET)

    def _refuse_size(self, size: int, data: bytes, at: int, body: int) -> NoReturn:
        limit = self._packet_size if self._phase is _CONNECTED else self._first_packet_size
        if data[at] >> 4 == PacketType.CONNECT:
            self._guessed_level = self._guess_level(data, body)
        raise RemoteProtocolError(
            f"a packet of {size:,} bytes is larger than the {limit:,} that are allowed", ReasonCode.PACKET_TOO_LARGE
        )

    def _look_at_properties(self, publish: Publish) -> None:
        properties = publish.properties
        if properties.topic_alias is not None:
            self._resolve_alias(publish)
        if properties.subscription_identifiers and self.our_role is Sender.SERVER:  # [MQTT-3.3.4-6]
            raise RemoteProtocolError("a client's PUBLISH has a subscription identifier", ReasonCode.PROTOCOL_ERROR)

    def _resolve_alias(self, publish: Publish) -> None:
        """Give the packet its full topic name, so that nobody above ever sees an alias [MQTT 3.3.2.3.4]."""
        alias = publish.properties.topic_alias
        assert alias is not None
        if alias > self._topic_alias_maximum:  # [MQTT-3.3.2-9], [MQTT-3.3.2-12], [MQTT-3.2.2-17], [MQTT-3.2.2-18]
            raise RemoteProtocolError(
                f"topic alias {alias} is above the {self._topic_alias_maximum} that were allowed",
                ReasonCode.TOPIC_ALIAS_INVALID,
            )
        if publish.topic:
            self._aliases[alias] = publish.topic
            return
        topic = self._aliases.get(alias)
        if topic is None:  # [MQTT 3.3.4]: neither a topic name nor an alias that stands for one
            raise RemoteProtocolError(f"topic alias {alias} was never set", ReasonCode.PROTOCOL_ERROR)
        publish.detach(topic)

    def _count_unanswered(self, packet_id: int) -> None:
        self._unanswered[packet_id] = None
        # [MQTT-3.3.4-7]; a 3.1.1 peer has never heard of a Receive Maximum, its packet identifiers are the bound.
        if len(self._unanswered) > self._receive_maximum and self.level == ProtocolLevel.V5:
            raise RemoteProtocolError(
                f"more than {self._receive_maximum} messages at QoS 1 and 2 are unfinished",
                ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
            )

    def send(self, packet: Packet) -> None:
        """Queue a packet. Raises LocalProtocolError where the standard forbids us to send it now.

        Reason String and User Properties are left out where the peer's Maximum Packet Size has no room for them.
        """
        try:
            phase = next_phase(self._phase, self.our_role, packet.type, self.level or ProtocolLevel.V5)
        except RemoteProtocolError as error:
            raise LocalProtocolError(error.what, error.reason_code) from error
        if isinstance(packet, Connect):
            self.level = packet.level
        encoded = self._encode(packet, self.level or ProtocolLevel.V5)
        if isinstance(packet, (PubAck, PubComp)) or (
            isinstance(packet, PubRec) and packet.reason_code >= ReasonCode.UNSPECIFIED_ERROR
        ):
            self._unanswered.pop(packet.packet_id, None)
        self._out.append(encoded)
        self._phase = phase
        if isinstance(packet, ConnAck) and packet.reason_code >= ReasonCode.UNSPECIFIED_ERROR:
            self._phase = Phase.ENDED  # [MQTT-3.2.2-7]; what comes behind it is not looked at [MQTT-3.1.4-6]

    def _encode(self, packet: Packet, level: int) -> bytes:
        encoded = write_packet(packet, level)
        limit = self._their_packet_size
        if not limit or len(encoded) <= limit:
            return encoded
        if isinstance(packet, _ANSWERS):
            # [MQTT-3.2.2-19], [MQTT-3.2.2-20], [MQTT-3.14.2-3], [MQTT-3.14.2-4], and alike for every other answer:
            # [MQTT-3.4.2-2 to -3], [MQTT-3.5.2-2 to -3], [MQTT-3.6.2-2 to -3], [MQTT-3.7.2-2 to -3],
            # [MQTT-3.9.2-1 to -2], [MQTT-3.11.2-1 to -2], [MQTT-3.15.2-2 to -3].
            words = ("reason_string", "user_properties")
            kept = {name: value for name, value in vars(packet.properties).items() if name not in words}
            encoded = write_packet(replace(packet, properties=Properties(**kept)), level)
            if len(encoded) <= limit:
                return encoded
        raise LocalProtocolError(  # [MQTT-3.1.2-24], [MQTT-3.2.2-15]
            f"{packet.type.name} of {len(encoded):,} bytes is larger than the {limit:,} that the peer takes",
            ReasonCode.PACKET_TOO_LARGE,
        )

    def acknowledge(self, packet_id: int, encoded: bytes) -> None:
        """Queue a successful PUBACK or PUBCOMP that is already encoded: the short way of the hot path."""
        self._unanswered.pop(packet_id, None)
        self._out.append(encoded)

    def has_data(self) -> bool:
        """Is there anything for `data_to_send`?"""
        return bool(self._out)

    def data_to_send(self) -> bytes:
        """All that is queued, in one piece; the queue is empty afterwards."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()  # not a new list: `push` is bound to this one
        return data

    def close(self, reason_code: int = ReasonCode.SUCCESS, reason_string: str = "") -> None:
        """Say goodbye as the phase and the level know it; nothing is sent afterwards. Never raises.

        Connected: DISCONNECT (a 3.1.1 server has none, and says nothing). As a server whose CONNECT could not be
        accepted: CONNACK with the reason, where the peer's level has a code for it [MQTT-3.1.4-1, MQTT-3.1.4-2,
        MQTT-3.1.2-2]. Never DISCONNECT before CONNACK [MQTT-3.14.0-1].
        """
        properties = Properties(reason_string=reason_string[:LONGEST_REASON]) if reason_string else NO_PROPERTIES
        goodbye: ConnAck | Disconnect | None = None
        level = self.level or self._guessed_level
        if self._phase is Phase.CONNECTED:
            if level == ProtocolLevel.V5 or self.our_role is Sender.CLIENT:
                goodbye = Disconnect(reason_code, properties)
        elif (
            self.our_role is Sender.SERVER
            and self._phase is not Phase.ENDED
            and (level == ProtocolLevel.V5 or reason_code in REFUSALS_V311)
        ):
            goodbye = ConnAck(False, reason_code or ReasonCode.UNSPECIFIED_ERROR, properties)
        self._phase = Phase.ENDED
        if goodbye is None or not level:
            return
        if goodbye.reason_code not in REASON_CODES[goodbye.type]:
            goodbye.reason_code = ReasonCode.UNSPECIFIED_ERROR
        try:
            self._out.append(self._encode(goodbye, level))
        except LocalProtocolError:
            pass  # the peer takes no packet of that size: the end of the connection has to say it

    def _guess_level(self, wire: bytes, at: int) -> int:
        """The level that a CONNECT claims, should it not be read to its end: the language to refuse it in; 0: none."""
        if wire[at : at + 6] == b"\x00\x04MQTT" and len(wire) > at + 6:
            return ProtocolLevel.V5 if wire[at + 6] >= ProtocolLevel.V5 else ProtocolLevel.V311
        return ProtocolLevel.V311 if wire[at : at + 8] == b"\x00\x06MQIsdp" else 0  # MQTT 3.1
