"""How much one client, one session and everybody together may ask of the broker.

Each field says its unit and why its default is what it is; config.py says what values sealmq.toml may give it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealmq.mqtt.codes import ReasonCode


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one broker. `Limits()` is what an unedited sealmq.toml gives."""

    handshake_timeout: float = 10.0
    """Seconds from accepting a connection to the end of its TLS handshake, and its WebSocket handshake if it has one.
    A microcontroller without a hardware multiplier needs 2 to 5 seconds for P-256; whoever needs more than 10 is gone
    or hostile."""

    connect_timeout: float = 10.0
    """Seconds from the end of the handshake to a whole CONNECT. It is one small packet; more is only somebody who
    holds a place."""

    packet_size: int = 1_048_576
    """Bytes of the largest packet that a connected client may send. A firmware image goes by HTTP, a camera's
    picture fits; the standard's 256 MiB would let one client hold that much memory."""

    first_packet_size: int = 65_536
    """Bytes of the largest packet before CONNECT was accepted. A CONNECT with a will is hundreds of bytes, so a
    stranger gets no more memory than this."""

    connections: int = 10_000
    """Links at the same time. At 38 KB each, most of it OpenSSL's, this is below 400 MB. So that who is gone can resume
    its TLS session, 12 KB of them stay for two hours, of a quarter more than these at most."""

    connections_per_address: int = 8_000
    """Links from one IPv4 address, or one IPv6 network of 64 bits. A plant behind one router may have nearly all
    places; whoever else comes still finds one."""

    connections_per_identity: int = 5_000
    """Connected clients of one device or account. A gateway speaks for many with one certificate; one that was stolen
    can't take every place."""

    connections_waiting: int = 8_000
    """Connections that were accepted and wait for their handshake, at a kilobyte each. One address has half of them at
    most, two a third each, and so on: there is always room for another. A fleet that comes back at once waits here, in
    order, instead of being turned away. With `connections` it is below the 20,000 files that many systems allow."""

    connections_per_second: int = 2_000
    """New connections that may begin a handshake, each second: three times what one core can finish. More is noise."""

    connections_per_second_per_address: int = 1_000
    """The same from one address. The rest waits its turn, and addresses take turns."""

    handshakes: int = 1_000
    """Clients that are on their way in at the same time, from the first byte to CONNACK. At 50 KB each this is 50 MB; a
    microcontroller's 5 seconds then let 200 of its kind in each second."""

    handshakes_per_address: int = 500
    """The same from one address: who begins handshakes and does not end them holds up nobody but itself."""

    keep_alive_maximum: int = 3_600
    """Seconds. A client that asks for more, or for none, is told this as Server Keep Alive (MQTT 5); a 3.1.1 client
    can't be told, and keeps what it asked for. Without it a client that vanished would be held for ever."""

    receive_maximum: int = 1_000
    """QoS 1 and 2 messages that a client may have unacknowledged towards us (MQTT 5 Receive Maximum). Above the
    round trip times the rate of any device, and small enough to hold."""

    in_flight: int = 1_000
    """QoS 1 and 2 messages that we have unacknowledged towards one client, however many it would take. The rest waits
    in the session's queue; so it does when those in flight have `queued_bytes`."""

    queued_messages: int = 100_000
    """Messages that wait in one session for a client that is away or slow."""

    queued_bytes: int = 33_554_432
    """Bytes of memory that the waiting messages of one session may cost: what ends the queue first when they are large.
    32 MiB hold nearly 100,000 small ones. What is in flight may cost as much again."""

    queued_bytes_per_identity: int = 1_073_741_824
    """The same for all sessions of one device or account, with what is in flight: 1 GiB is more than a million small
    messages for a gateway's hundred sessions, and bounds what one certificate can make us hold."""

    queued_bytes_in_all: int = 4_294_967_296
    """The same for everybody together. A message that waits in several sessions is held once and counted in each, so
    that this is never less than what it costs."""

    sessions: int = 100_000
    """Sessions, connected or not, at two to three kilobytes each."""

    sessions_per_identity: int = 10_000
    """Sessions of one device or account. Each new client identifier makes one, which may last for 30 days."""

    session_expiry_maximum: int = 2_592_000
    """Seconds that a session outlives its link: 30 days, a device's long holiday. A 3.1.1 session, which has no
    expiry of its own, gets this one. 4294967295 means for ever."""

    subscriptions_per_session: int = 1_000
    """Subscriptions of one session. Who wants more wants a wildcard."""

    subscriptions_per_identity: int = 200_000
    """Subscriptions of all sessions of one device or account: about 100 MB."""

    client_id_length: int = 256
    """Bytes of a client identifier in UTF-8. It stands in every log line about its client; a name longer than this is
    no name."""

    topic_levels: int = 32
    """Levels ("a/b" has two) of a topic name or filter. Matching costs time and memory for each level, and filters of
    many wildcards multiply; nobody's topics are 32 levels deep."""

    topic_length: int = 65_535
    """Bytes of a topic name or filter in UTF-8: all that the standard allows."""

    topic_alias_maximum: int = 16
    """Topic aliases that a client may use towards us, and we towards it. A device has few topics, and each alias is a
    remembered string."""

    buffered_bytes: int = 1_048_576
    """Bytes that wait for one slow reader's socket. Beyond it QoS 0 is dropped and QoS 1 and 2 wait in the session."""

    retained_messages: int = 100_000
    """Retained messages in all."""

    retained_messages_per_identity: int = 50_000
    """Retained messages that one device or account published: half, so that none can leave the others without room."""

    retained_bytes: int = 268_435_456
    """Bytes (topics and payloads) of all retained messages: 256 MiB, as they are held in memory."""

    retained_bytes_per_identity: int = 134_217_728
    """The same of one device or account: half, as of their number."""

    @property
    def retained(self) -> tuple[int, int, int, int]:
        """What `Retained` asks for, in its order."""
        return (
            self.retained_messages,
            self.retained_bytes,
            self.retained_messages_per_identity,
            self.retained_bytes_per_identity,
        )

    def met_by_topic(self, topic: str) -> str:
        """The limit that forbids this topic name or filter, "" when none does."""
        if topic.count("/") >= self.topic_levels:
            return "topic_levels"
        return "topic_length" if len(topic.encode()) > self.topic_length else ""


MET: Final[dict[str, str]] = {
    "handshake_timeout": "the connection is closed",
    "connect_timeout": "the connection is closed",
    "packet_size": "DISCONNECT 0x95 packet too large",
    "first_packet_size": "CONNACK 0x95 packet too large; MQTT 3.1.1: the connection is closed",
    "connections": "the connection is reset before TLS; those that wait already wait on",
    "connections_per_address": "the connection is reset before TLS",
    "connections_per_identity": "CONNACK 0x97 quota exceeded; MQTT 3.1.1: 0x03 server unavailable",
    "connections_waiting": "the connection is reset before TLS; also when it has waited for 30 seconds",
    "connections_per_second": "the connection waits for its turn",
    "connections_per_second_per_address": "the connection waits for its turn",
    "handshakes": "the connection waits for its turn",
    "handshakes_per_address": "the connection waits for its turn",
    "keep_alive_maximum": "CONNACK with Server Keep Alive; MQTT 3.1.1: nothing",
    "receive_maximum": "DISCONNECT 0x93 receive maximum exceeded; MQTT 3.1.1 does not know it",
    "in_flight": "the message waits in the queue",
    "queued_messages": "the message is dropped for this session",
    "queued_bytes": "the message is dropped for this session",
    "queued_bytes_per_identity": "the message is dropped for this session",
    "queued_bytes_in_all": "the message is dropped for this session",
    "sessions": "CONNACK 0x97 quota exceeded; MQTT 3.1.1: 0x03 server unavailable",
    "sessions_per_identity": "CONNACK 0x97 quota exceeded; MQTT 3.1.1: 0x03 server unavailable",
    "session_expiry_maximum": "CONNACK with the shorter Session Expiry Interval; MQTT 3.1.1: nothing",
    "subscriptions_per_session": "SUBACK 0x97 quota exceeded; MQTT 3.1.1: 0x80",
    "subscriptions_per_identity": "SUBACK 0x97 quota exceeded; MQTT 3.1.1: 0x80",
    "client_id_length": "CONNACK 0x85 client identifier not valid; MQTT 3.1.1: 0x02",
    "topic_levels": "0x90 topic name invalid, SUBACK 0x8F topic filter invalid; MQTT 3.1.1: dropped, 0x80",
    "topic_length": "0x90 topic name invalid, SUBACK 0x8F topic filter invalid; MQTT 3.1.1: dropped, 0x80",
    "topic_alias_maximum": "DISCONNECT 0x94 topic alias invalid",
    "buffered_bytes": "QoS 0 is dropped, QoS 1 and 2 wait in the session",
    "retained_messages": "PUBACK or PUBREC 0x97 quota exceeded; MQTT 3.1.1: acknowledged and dropped",
    "retained_messages_per_identity": "PUBACK or PUBREC 0x97 quota exceeded; MQTT 3.1.1: acknowledged and dropped",
    "retained_bytes": "PUBACK or PUBREC 0x97 quota exceeded; MQTT 3.1.1: acknowledged and dropped",
    "retained_bytes_per_identity": "PUBACK or PUBREC 0x97 quota exceeded; MQTT 3.1.1: acknowledged and dropped",
}
"""What happens when a limit is met, as its client sees it."""

BROKEN_LIMITS: Final[dict[int, str]] = {
    ReasonCode.PACKET_TOO_LARGE: "packet_size",
    ReasonCode.RECEIVE_MAXIMUM_EXCEEDED: "receive_maximum",
    ReasonCode.TOPIC_ALIAS_INVALID: "topic_alias_maximum",
}
"""The limit that a client has broken whose link ends with this reason code."""
