"""Devices in memory (stacks.py) that keep what the standard lets a client keep over a broken connection.

So they can say what came at least once (QoS 1) and exactly once (QoS 2). remembering_clients.py has the same over TLS.
"""

from __future__ import annotations

from sealmq.mqtt.packets import Packet, PubAck, PubComp, Publish, PubRec, PubRel
from stacks import Client, Stage

EXPIRY = {4: {}, 5: {"session_expiry_interval": 1_000_000}}


class Subscriber:
    """A device that listens to m/# at QoS 2 in a session that lasts. heard: what its application was given, topic and
    payload."""

    def __init__(self, stage: Stage, name: str, level: int) -> None:
        self.stage = stage
        self.name = name
        self.level = level
        self.heard: list[tuple[str, bytes]] = []
        self.client: Client | None = None
        self._held: set[int] = set()
        self._answers: list[Packet] = []
        self.connect()
        assert self.client is not None
        assert self.client.subscribe("m/#", qos=2) == [2]

    def connect(self) -> None:
        self._answers.clear()
        self.client = self.stage.client(self.name, self.level, answering=False)
        self.client.connect("subscriber", clean_start=False, **EXPIRY[self.level])  # type: ignore[arg-type]
        self.read()

    def read(self) -> None:
        if self.client is None:
            return
        if self.client.closed or self.client.lost:
            self.client = None
            return
        for packet in self.client.packets():
            match packet:
                case Publish(qos=1):
                    self.heard.append((packet.topic, packet.payload))
                    self._answers.append(PubAck(packet.packet_id))
                case Publish():
                    if packet.packet_id not in self._held:  # [MQTT-4.3.3-10]
                        self._held.add(packet.packet_id)
                        self.heard.append((packet.topic, packet.payload))
                    self._answers.append(PubRec(packet.packet_id))
                case PubRel():
                    self._held.discard(packet.packet_id)
                    self._answers.append(PubComp(packet.packet_id))

    def answer(self, count: int) -> None:
        self.read()
        if self.client is not None:
            answers, self._answers = self._answers[:count], self._answers[count:]
            self.client.send(*answers)
            self.read()

    @property
    def is_done(self) -> bool:
        return not self._answers


class Publisher:
    """A device that sends each message until it was acknowledged, over as many connections as that takes."""

    def __init__(self, stage: Stage, level: int, client_id: str = "publisher") -> None:
        self.stage = stage
        self.level = level
        self.client_id = client_id
        self.client: Client | None = None
        self.unfinished: dict[int, Publish | PubRel] = {}
        self._packet_id = 0
        self.connect()

    def connect(self) -> None:
        self.client = self.stage.client("operator", self.level, answering=False)
        self.client.connect(self.client_id, clean_start=False, **EXPIRY[self.level])  # type: ignore[arg-type]
        self._send(*self.unfinished.values())  # [MQTT-4.4.0-1]
        self.read()

    def publish(self, *payloads: bytes, qos: int, topic: str = "m/x") -> None:
        """Send these messages at once."""
        packets = []
        for payload in payloads:
            self._packet_id = self._packet_id % 65_535 + 1
            packets.append(Publish(topic, payload, qos, packet_id=self._packet_id))
            self.unfinished[self._packet_id] = packets[-1]
        self._send(*packets)
        for packet in packets:
            packet.dup = True
        self.read()

    def _send(self, *packets: Publish | PubRel) -> None:
        if self.client is not None and not self.client.closed and packets:
            self.client.send(*packets)

    def read(self) -> None:
        if self.client is None:
            return
        if self.client.closed or self.client.lost:
            self.client = None
            return
        while packets := self.client.packets():
            for packet in packets:
                match packet:
                    case PubAck() | PubComp():
                        del self.unfinished[packet.packet_id]
                    case PubRec():
                        release = PubRel(packet.packet_id)
                        self.unfinished[packet.packet_id] = release
                        self._send(release)
