"""The MQTT inside a TLS connection, packet by packet: never a password, never a payload."""

from __future__ import annotations

from collections.abc import Iterator

from sealmq.errors import ProtocolError
from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.fields import printable
from sealmq.kit.handshake.report import PacketRow
from sealmq.mqtt.codes import PacketType, ReasonCode
from sealmq.mqtt.packets import ConnAck, Connect, Disconnect, Packet, Publish, SubAck, Subscribe
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet

MOST_PACKETS = 200
"""Packets that are told of one end; a capture may hold hours."""

_FAILED = ReasonCode.UNSPECIFIED_ERROR
_SPOKEN = {4: "3.1.1", 5: "5"}


def tell_packet(sender: Sender, packet: Packet, size: int, at: float) -> PacketRow:
    """One packet in words. size: its bytes."""
    line, details = _words(packet)
    return PacketRow(sender=sender, name=packet.type.name, size=size, at=at, line=line, details=details)


def read_packets(sender: Sender, data: bytes, at: float, *, level: int) -> Iterator[PacketRow]:
    """The packets at the front of application data; it ends in silence where it is no MQTT, or is cut off.

    level: of the protocol, as CONNECT said it; 0 where nobody knows: 5 then.
    """
    place, count = 0, 0
    while place < len(data) and count < MOST_PACKETS:
        body, end = _bounds(data, place)
        if not end:
            return
        try:
            packet = read_packet(data[place:end], body - place, level or 5)
        except (ProtocolError, IndexError, ValueError):
            return
        if isinstance(packet, Connect):
            level = packet.level
        yield tell_packet(sender, packet, end - place, at)
        place, count = end, count + 1


def level_of(data: bytes) -> int:
    """The protocol level that a CONNECT at the front of `data` speaks; 0 where there is none [MQTT 3.1.2.2]."""
    body, end = _bounds(data, 0)
    if not end or data[0] >> 4 != PacketType.CONNECT:
        return 0
    try:
        packet = read_packet(data[:end], body, 0)
    except (ProtocolError, IndexError, ValueError):
        return 0
    return packet.level if isinstance(packet, Connect) else 0


def size_of(packet: Packet, level: int) -> int:
    """Bytes of a packet on the wire."""
    return len(write_packet(packet, level))


def first_packet(data: bytes, level: int) -> Packet | None:
    """The packet at the front of application data; None where there is none."""
    body, end = _bounds(data, 0)
    try:
        return read_packet(data[:end], body, level) if end else None
    except (ProtocolError, IndexError, ValueError):
        return None


def _bounds(data: bytes, start: int) -> tuple[int, int]:
    """Where the body of the packet at `start` begins, and where it ends [MQTT 2.1.4]; 0, 0: it is not all there."""
    length = 0
    for place in range(4):
        if start + 1 + place >= len(data):
            break
        byte = data[start + 1 + place]
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            body = start + 2 + place
            return (body, body + length) if body + length <= len(data) else (0, 0)
    return 0, 0


def _words(packet: Packet) -> tuple[str, tuple[tuple[str, str], ...]]:
    if isinstance(packet, Connect):
        return _connect(packet)
    if isinstance(packet, ConnAck):
        return _connack(packet)
    if isinstance(packet, Publish):
        topic = printable(packet.topic, most=100)
        return f"a message to '{topic}', QoS {packet.qos}, {len(packet.payload):,} bytes of payload", ()
    if isinstance(packet, Subscribe):
        wanted = ", ".join(f"'{printable(one.topic_filter, most=60)}'" for one in packet.subscriptions[:8])
        return f"wants the topics {wanted}", ()
    if isinstance(packet, SubAck):
        refused = sum(code >= _FAILED for code in packet.reason_codes)
        return (f"{refused} of {len(packet.reason_codes)} subscriptions refused" if refused else "subscribed"), ()
    if isinstance(packet, Disconnect):
        reason = ReasonCode(packet.reason_code)
        words = "goodbye" if reason < _FAILED else f"ends it: {reason.words} (0x{reason:02x})"
        return words, _said(packet.properties)
    return packet.type.name.lower(), ()


def _connect(packet: Connect) -> tuple[str, tuple[tuple[str, str], ...]]:
    spoken = _SPOKEN.get(packet.level, str(packet.level))
    name = f"as '{printable(packet.client_id, most=64)}'" if packet.client_id else "without a name of its own"
    details = [
        ("protocol", f"MQTT {spoken}"),
        ("client identifier", printable(packet.client_id, most=64) or "none: the broker makes one"),
        ("clean start", "yes" if packet.clean_start else "no: the session of before goes on"),
        ("keep alive", f"{packet.keep_alive} seconds" if packet.keep_alive else "off"),
    ]
    if packet.user_name is not None:
        details.append(("user name", printable(packet.user_name, most=64)))
    if packet.password is not None:
        details.append(("password", f"{len(packet.password)} bytes, not shown"))
    if packet.will is not None:
        topic = printable(packet.will.topic, most=64)
        details.append(("will", f"to '{topic}', QoS {packet.will.qos}, {len(packet.will.payload)} bytes"))
    return f"the client wants in with MQTT {spoken}, {name}", (*details, *_said(packet.properties))


def _connack(packet: ConnAck) -> tuple[str, tuple[tuple[str, str], ...]]:
    try:
        reason = ReasonCode(packet.reason_code)
        words = f"{reason.words} (0x{reason:02x})"
    except ValueError:
        words = f"a reason that no standard has (0x{packet.reason_code:02x})"
    if packet.reason_code >= _FAILED:
        return f"the broker refuses: {words}", _said(packet.properties)
    session = ("session present", "yes, from before" if packet.session_present else "no, a new one")
    return "the broker lets the client in", (session, *_said(packet.properties))


def _said(properties: Properties) -> tuple[tuple[str, str], ...]:
    """The properties that are there; user properties as one, secrets not at all."""
    told = []
    for name, value in vars(properties).items():
        if name == "authentication_data":
            told.append((name.replace("_", " "), f"{len(value)} bytes, not shown"))
        elif name == "user_properties":
            told += [(f"user property {printable(key, most=32)}", printable(said, most=64)) for key, said in value[:8]]
        elif isinstance(value, bytes):
            told.append((name.replace("_", " "), f"{len(value)} bytes"))
        elif value is not None:
            told.append((name.replace("_", " "), printable(str(value), most=100)))
    return tuple(told)
