"""Whole stacks in memory: clients on one side; links, house and broker on the other; a clock that the test turns.

    stage = Stage()
    sensor = stage.client("sensor-1")
    sensor.connect("s1")
    assert sensor.subscribe("devices/sensor-1/#", qos=1) == [1]
    stage.wait(60)

No sockets, no sleeps. What a client does happens in a turn of the loop of its own, at whose end the house flushes;
`with stage.one_turn():` puts several things into one turn. Every client reads with `MQTTConnection`, so a server that
says what it must not say fails the test by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.rules import DEFAULT_RULES, Rule
from sealmq.broker.sessions import Session, SessionKey
from sealmq.broker.store import MemoryStore
from sealmq.errors import TrustError
from sealmq.house import House
from sealmq.identity import BY_CERTIFICATE, Identity, Terms
from sealmq.link import Link
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import (
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
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
    Will,
)
from sealmq.mqtt.properties import NO_PROPERTIES, Properties
from sealmq.mqtt.state import Sender
from sealmq.tls.middleware import HandshakeProof, TLSConnection
from sealmq.tls.openssl import OpenSSLConnection, client_connection
from tls_pairs import Trust

START = 1_800_000_000.0


class Clock:
    """Unix seconds, as the test says. `step`: seconds that pass at each look at it."""

    def __init__(self) -> None:
        self.now = START
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class PlainTLS:
    """A TLSConnection that encrypts nothing: what is plaintext above is ciphertext below."""

    def __init__(self, peer_certificate: bytes = b"", psk_identity: str = "") -> None:
        self.established = True
        self.psk_identity = psk_identity
        self.closed = False
        self.max_record = 16_384
        self.refused_certificate = b""
        self.proof: HandshakeProof | None = HandshakeProof("TLSv1.3", "none", "", False)
        self.peer_certificate = peer_certificate
        self.farewell = False
        self._out: list[bytes] = []

    def receive_data(self, ciphertext: bytes | memoryview) -> bytes:
        return b"" if self.closed else bytes(ciphertext)

    def send(self, plaintext: bytes) -> None:
        assert not self.farewell, "what is sent behind close_notify is lost"
        self._out.append(plaintext)

    def has_data(self) -> bool:
        return bool(self._out)

    def data_to_send(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        self.farewell = True

    def keep_session(self) -> None:
        pass


class Wire:
    """TCP as a link sees it. `writes` is what it wrote since the client last took something."""

    peer = "192.0.2.7:1883"

    def __init__(self, full_at: int) -> None:
        self.link: Link | None = None
        self.full_at = full_at
        self.writes: list[bytes] = []
        self.write_count = 0
        self.full = False
        self.slow = False
        self.reading = True
        self.let_in = False
        self.finished = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert data, "an empty write"
        assert not self.finished, "a write behind the end"
        self.writes.append(data)
        self.write_count += 1
        if self.slow and not self.full and sum(map(len, self.writes)) > self.full_at:
            self.full = True
            assert self.link is not None
            self.link.full()

    def waiting(self) -> int:
        return sum(map(len, self.writes)) if self.slow else 0

    def accepted(self) -> None:
        self.let_in = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.aborted = True


class Registry:
    """The Directory of a stage: a certificate is a name, or real DER of which the names are known."""

    def __init__(self, roles: dict[str, str]) -> None:
        self.roles = roles
        self.by_certificate: dict[bytes, str] = {}
        self.not_after: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.bearers: dict[str, str] = {}
        self.claims: set[str] = set()
        self.record_sizes: dict[str, int] = {}

    def identify(self, der: bytes, now: float) -> Identity:
        name = self.by_certificate.get(der) or der.decode()
        if name in self.revoked:
            raise TrustError(f"the certificate of '{name}' was revoked")
        role = "claim" if name in self.claims else self.roles.get(name, "device")
        return Identity(
            name,
            role,
            serial=f"serial of {name}",
            not_after=self.not_after.get(name, float("inf")),
            bearer=self.bearers.get(name, ""),
            kind="claim" if name in self.claims else "device",
            max_record=self.record_sizes.get(name, 16_384),
        )

    def identify_psk(self, identity: str, now: float) -> Identity:
        if not identity:
            raise TrustError("no PSK was proved")
        return replace(self.identify(identity.encode(), now), credential="PSK")

    def describe(self, der: bytes) -> str:
        return "a certificate"


class Stage:
    """A house with its broker, and the clients before it."""

    def __init__(
        self,
        rules: Sequence[Rule] = DEFAULT_RULES,
        trust: Trust | None = None,
        store: Any = None,
        **limits: Any,
    ) -> None:
        self.clock = Clock()
        self.limits = replace(Limits(), **limits)
        self.registry = Registry({"operator": "operator", "other": "operator", "third": "operator"})
        self.trust = trust
        self.clients: list[Client] = []
        self.flushes = 0
        self._flush_wanted = False
        self._depth = 0
        self._names = iter(f"auto-{number}" for number in range(1_000_000))
        self.broker = Broker(rules, self.limits, store or MemoryStore(), lambda: next(self._names))
        self.house = House(self.broker, self.registry, self.limits, self.clock, self._want_flush)
        self._server_tls = trust.server() if trust is not None else None

    @property
    def counters(self) -> Any:
        return self.broker.dispatch.counters

    @property
    def traffic(self) -> Any:
        return self.broker.statistics.traffic

    def session(self, client_id: str, identity: str = "operator") -> Session | None:
        return self.broker.sessions.get(SessionKey(identity, client_id))

    def client(self, name: str = "operator", level: int = 5, **how: Any) -> Client:
        """A new connection of somebody who has proved to be `name`."""
        return Client(self, name, level, **how)

    def pair(self, level: int = 5) -> tuple[Client, Client]:
        """Two operators, connected: one to publish, one to subscribe."""
        publisher, subscriber = self.client(level=level), self.client("other", level=level)
        publisher.connect("publisher")
        subscriber.connect("subscriber")
        return publisher, subscriber

    def server_tls(self, name: str, terms: Terms = BY_CERTIFICATE) -> TLSConnection:
        if terms.asks_psk:
            return PlainTLS(psk_identity=name)
        return self._server_tls.connection() if self._server_tls is not None else PlainTLS(name.encode())

    def _want_flush(self) -> None:
        self._flush_wanted = True

    @contextlib.contextmanager
    def one_turn(self) -> Iterator[None]:
        """What happens inside happens in one turn of the event loop."""
        self._depth += 1
        yield
        self._depth -= 1
        self.settle()

    def settle(self) -> None:
        """End the turn: flush, and carry bytes until all is quiet."""
        if self._depth:
            return
        self._depth += 1
        moved = True
        while moved:
            self.flush()
            carried = [client.carry() for client in self.clients]  # every one of them, so no any() around it
            moved = any(carried) or self._flush_wanted
        self._depth -= 1

    def flush(self) -> None:
        if self._flush_wanted:
            self._flush_wanted = False
            self.flushes += 1
            self.house.end_turn()

    def wait(self, seconds: float) -> None:
        """Let time pass as the server does: ticks, and what is due."""
        end = self.clock.now + seconds
        step = max(0.25, seconds / 64)
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            self.house.tick(self.clock.now)
            self.broker.tick(self.clock.now)
            for link in self.house.deadlines.due(self.clock.now):
                link.deadline_passed(self.clock.now)
            self.house.end_turn()
            self.settle()


class Client:
    """One connection of a client, from TCP up.

    answering: it acknowledges what comes by itself.
    terms:     of the listener that it comes by.
    before:    an earlier connection of the same device, whose TLS session it resumes if it may.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        level: int,
        *,
        answering: bool = True,
        before: Client | None = None,
        terms: Terms = BY_CERTIFICATE,
    ) -> None:
        self.stage = stage
        self.level = level
        self.answering = answering
        self.received: list[Packet] = []
        self.wire = Wire(stage.limits.buffered_bytes)
        self.link = Link(self.wire, stage.server_tls(name, terms), stage.house, terms)
        self.wire.link = self.link
        self.mqtt = MQTTConnection(Sender.CLIENT)
        self.tls: TLSConnection = PlainTLS()
        self.lost = False
        self.refused_by_client: str = ""
        self._unsent: list[bytes] = []
        self._packet_id = 0
        if stage.trust is not None:
            credentials = before.credentials if before is not None else stage.trust.device_ca.issue(name)
            self.credentials = credentials
            stage.registry.by_certificate[credentials.der] = name
            self.tls_context = before.tls_context if before is not None else stage.trust.client(credentials)
            session = before.tls.session if before is not None and isinstance(before.tls, OpenSSLConnection) else None
            self.tls = client_connection(self.tls_context, "localhost", session=session)
        stage.clients.append(self)
        stage.settle()

    # -- what the client says ----------------------------------------------------------------------------------------

    def connect(
        self,
        client_id: str = "client",
        *,
        clean_start: bool = True,
        keep_alive: int = 0,
        will: Will | None = None,
        **properties: Any,
    ) -> ConnAck:
        """CONNECT; returns the CONNACK. Keyword arguments are properties of MQTT 5."""
        self.mqtt._packet_size = properties.get("maximum_packet_size", 268_435_460)
        self.mqtt._topic_alias_maximum = properties.get("topic_alias_maximum", 0)
        self.mqtt._receive_maximum = properties.get("receive_maximum", 65_535)
        self.send(
            Connect(
                client_id,
                clean_start,
                keep_alive,
                self.level,
                will=will,
                properties=Properties(**properties) if properties else NO_PROPERTIES,
            )
        )
        return self.expect(ConnAck)

    def subscribe(self, topic_filter: str, qos: int = 0, identifier: int = 0, **options: Any) -> list[int]:
        """SUBSCRIBE to one filter; returns SUBACK's reason codes. What else came stays to be read."""
        properties = Properties(subscription_identifiers=(identifier,)) if identifier else NO_PROPERTIES
        self.send(Subscribe(self.next_id(), [Subscription(topic_filter, qos, **options)], properties))
        return self.expect(SubAck).reason_codes

    def unsubscribe(self, *topic_filters: str) -> list[int]:
        self.send(Unsubscribe(self.next_id(), list(topic_filters)))
        return self.expect(UnsubAck).reason_codes

    def publish(
        self, topic: str, payload: bytes = b"payload", qos: int = 0, *, retain: bool = False, **properties: Any
    ) -> int:
        """PUBLISH; an answering client also completes QoS 2. Returns the packet identifier."""
        packet_id = self.next_id() if qos else 0
        carried = Properties(**properties) if properties else NO_PROPERTIES
        self.send(Publish(topic, payload, qos, retain, packet_id=packet_id, properties=carried))
        return packet_id

    def send(self, *packets: Packet) -> None:
        """Send packets in one TLS record."""
        for packet in packets:
            self.mqtt.send(packet)
        self.raw(self.mqtt.data_to_send())

    def raw(self, data: bytes) -> None:
        """Send bytes that may be anything."""
        if self.lost:
            return  # nobody is there
        self.tls.send(data)
        self._unsent.append(self.tls.data_to_send())
        self._deliver()
        self.stage.settle()

    def disconnect(self, reason_code: int = 0, **properties: Any) -> None:
        """DISCONNECT, then close."""
        self.send(Disconnect(reason_code, Properties(**properties) if properties else NO_PROPERTIES))
        self.lose()

    def lose(self) -> None:
        """The connection breaks."""
        if not self.lost:
            self.lost = True
            self.link.lost("connection reset")
            self.stage.settle()

    def next_id(self) -> int:
        self._packet_id = self._packet_id % 65_535 + 1
        return self._packet_id

    # -- what the client hears ---------------------------------------------------------------------------------------

    def packets(self) -> list[Packet]:
        """What came since the last look."""
        received, self.received = self.received, []
        return received

    def expect(self, kind: type[Any]) -> Any:
        """Take the one packet of this kind out of what came."""
        found = [packet for packet in self.received if isinstance(packet, kind)]
        assert len(found) == 1, f"no single {kind.__name__} in {self.received}"
        self.received.remove(found[0])
        return found[0]

    def messages(self) -> list[Publish]:
        """Take the PUBLISH packets out of what came."""
        found = [packet for packet in self.received if isinstance(packet, Publish)]
        self.received = [packet for packet in self.received if not isinstance(packet, Publish)]
        return found

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages()]

    @property
    def closed(self) -> bool:
        """Did the server end it?"""
        return self.wire.finished or self.wire.aborted

    def goodbye(self) -> int | None:
        """The reason code of the server's DISCONNECT; None when it only closed. It must have closed."""
        assert self.closed, "the link stands"
        found = [packet.reason_code for packet in self.received if isinstance(packet, Disconnect)]
        return found[0] if found else None

    # -- carrying ----------------------------------------------------------------------------------------------------

    def stop_reading(self) -> None:
        """From now on what the server writes stays in its buffer."""
        self.wire.slow = True

    def read_on(self) -> None:
        self.wire.slow = False
        self.carry()
        if self.wire.full:
            self.wire.full = False
            self.link.drained()
        self.stage.settle()

    def carry(self) -> bool:
        """Take what the server wrote, and give it what waits. False: nothing moved."""
        moved = False
        if not self.wire.slow and self.wire.writes and not self.lost:
            ciphertext = b"".join(self.wire.writes)
            self.wire.writes.clear()
            moved = True
            for packet in self.mqtt.receive_data(bytes(self.tls.receive_data(ciphertext))):
                self.received.append(packet)
                if self.answering:
                    self._answer(packet)
        if self.mqtt.has_data():
            self.tls.send(self.mqtt.data_to_send())
        if (data := self.tls.data_to_send()) and not self.lost:
            self._unsent.append(data)
        moved = self._deliver() or moved
        if self.closed and not self.wire.writes and not self.lost:
            self.lost = True
            self.link.lost("")
            moved = True
        return moved

    def _deliver(self) -> bool:
        if not self._unsent or not self.wire.reading or self.lost:
            return False
        data = b"".join(self._unsent)
        self._unsent.clear()
        if not self.closed:
            self.link.bytes_received(memoryview(data))
        return True

    def _answer(self, packet: Packet) -> None:
        if self.closed:
            return
        match packet:
            case Publish(qos=1):
                self.mqtt.send(PubAck(packet.packet_id))
            case Publish(qos=2):
                self.mqtt.send(PubRec(packet.packet_id))
            case PubRel():
                self.mqtt.send(PubComp(packet.packet_id))
            case PubRec(reason_code=reason_code) if reason_code < 0x80:
                self.mqtt.send(PubRel(packet.packet_id))
