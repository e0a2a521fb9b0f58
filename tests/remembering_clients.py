"""Clients over TLS that behave as the standard's Client does, and remember across every crash of the broker.

A publisher sends what was not acknowledged again, under its old packet identifier; a subscriber takes a QoS 2 message
once for each packet identifier until PUBREL [MQTT 4.3.3]. Each has a thread of its own, and comes back until it is told
to stop.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable

from sealmq.errors import ProtocolError
from sealmq.mqtt.codes import ReasonCode
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
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.state import Sender

PAUSE = 0.02
"""Seconds between two looks at whether there is something to do."""


class Client(threading.Thread):
    """One session, which lasts unless `lasts` is False. `wrong` is what the broker did that it must not do."""

    def __init__(self, client_id: str, level: int, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name=client_id, daemon=True)
        self.client_id = client_id
        self.level = level
        self.lasts = True
        self.wrong: list[str] = []
        self.connects = 0
        self.present = threading.Event()
        self.present.set()
        self.something_was_acknowledged = False
        self._port = port
        self._context = context
        self._stop_now = threading.Event()
        self.mqtt = MQTTConnection(Sender.CLIENT)

    def stop(self) -> None:
        self._stop_now.set()
        self.join(30)
        assert not self.is_alive()

    def run(self) -> None:
        while not self._stop_now.is_set():
            if not self.present.wait(PAUSE):
                continue
            try:
                self._live()
            except (OSError, ProtocolError) as error:
                if isinstance(error, ProtocolError):
                    self.wrong.append(f"{self.client_id}: {error.what}")
                self._stop_now.wait(PAUSE)

    def _live(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self._port), 2)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._context.wrap_socket(plain, server_hostname="localhost") as tls:
            mqtt = self.mqtt = MQTTConnection(Sender.CLIENT)
            mqtt.send(self.connect_packet())
            welcome = False
            tls.settimeout(PAUSE)
            while not self._stop_now.is_set() and self.present.is_set():
                if welcome:
                    self.work()
                if mqtt.has_data():
                    tls.sendall(mqtt.data_to_send())
                try:
                    data = tls.recv(65_536)
                except TimeoutError:
                    continue
                if not data:
                    return
                for packet in mqtt.receive_data(data):
                    if isinstance(packet, ConnAck):
                        welcome = True
                        self._welcomed(packet)
                    else:
                        self.heard(packet)

    def connect_packet(self) -> Connect:
        expiry = Properties(session_expiry_interval=100_000) if self.level == 5 and self.lasts else Properties()
        return Connect(self.client_id, not self.lasts, level=self.level, properties=expiry)

    def _welcomed(self, packet: ConnAck) -> None:
        if packet.reason_code:
            raise OSError("not now")
        self.connects += 1
        if self.something_was_acknowledged and not packet.session_present:
            self.wrong.append(f"{self.client_id}: its session is gone")
        self.resume()

    def resume(self) -> None:
        """Send again what is unfinished."""

    def work(self) -> None:
        """Say what there is to say."""

    def heard(self, packet: Packet) -> None:
        """Something came."""


class Publisher(Client):
    """next_message: the next (topic, payload, qos, retain), None: nothing more for now."""

    def __init__(
        self,
        client_id: str,
        level: int,
        port: int,
        context: ssl.SSLContext,
        next_message: Callable[[], tuple[str, bytes, int, bool] | None],
        window: int = 20,
    ) -> None:
        super().__init__(client_id, level, port, context)
        self.next_message = next_message
        self.window = window
        self.refused = 0
        self.acknowledged: dict[bytes, int] = {}
        self.unfinished: dict[int, Publish] = {}
        self.released: dict[int, None] = {}
        self._packet_id = 0

    @property
    def idle(self) -> bool:
        return not self.unfinished and not self.released

    def resume(self) -> None:
        for publish in list(self.unfinished.values()):
            publish.dup = True
            self.mqtt.send(publish)
        for packet_id in list(self.released):
            self.mqtt.send(PubRel(packet_id))

    def work(self) -> None:
        while len(self.unfinished) + len(self.released) < self.window:
            message = self.next_message()
            if message is None:
                return
            topic, payload, qos, retain = message
            self._packet_id = self._packet_id % 1_000 + 1
            while self._packet_id in self.unfinished or self._packet_id in self.released:
                self._packet_id = self._packet_id % 1_000 + 1
            publish = Publish(topic, payload, qos, retain, packet_id=self._packet_id)
            self.unfinished[self._packet_id] = publish
            self.mqtt.send(publish)

    def heard(self, packet: Packet) -> None:
        match packet:
            case PubAck() | PubRec() if packet.reason_code >= 0x80:
                self.refused += 1
                self.unfinished.pop(packet.packet_id)
            case PubAck():
                self._done(packet.packet_id)
            case PubRec():
                if packet.packet_id in self.unfinished:
                    self._done(packet.packet_id)
                self.released[packet.packet_id] = None
                self.mqtt.send(PubRel(packet.packet_id))
            case PubComp():
                self.released.pop(packet.packet_id, None)
            case Disconnect(reason_code=ReasonCode.SERVER_SHUTTING_DOWN):
                pass
            case _:
                self.wrong.append(f"{self.client_id}: {packet}")

    def _done(self, packet_id: int) -> None:
        publish = self.unfinished.pop(packet_id)
        self.acknowledged[publish.payload] = publish.qos
        self.something_was_acknowledged = True


class Subscriber(Client):
    """taken: what its application got, with how often."""

    def __init__(
        self, client_id: str, level: int, port: int, context: ssl.SSLContext, topic_filter: str, qos: int = 2
    ) -> None:
        super().__init__(client_id, level, port, context)
        self.topic_filter = topic_filter
        self.qos = qos
        self.subscribed = threading.Event()
        self.taken: Counter[bytes] = Counter()
        self.last = time.monotonic()
        self._half_taken: set[int] = set()

    def resume(self) -> None:
        if not self.subscribed.is_set():
            self.mqtt.send(Subscribe(1, [Subscription(self.topic_filter, self.qos)]))

    def heard(self, packet: Packet) -> None:
        self.last = time.monotonic()
        match packet:
            case SubAck() if max(packet.reason_codes) >= 0x80:
                raise OSError("not now")  # it comes back and asks again
            case SubAck():
                self.subscribed.set()
                self.something_was_acknowledged = True
            case Publish(qos=1):
                self.taken[packet.payload] += 1
                self.mqtt.send(PubAck(packet.packet_id))
            case Publish(qos=2):
                if packet.packet_id not in self._half_taken:
                    self._half_taken.add(packet.packet_id)
                    self.taken[packet.payload] += 1
                self.mqtt.send(PubRec(packet.packet_id))
            case PubRel():
                self._half_taken.discard(packet.packet_id)
                self.mqtt.send(PubComp(packet.packet_id))
            case Publish():
                self.taken[packet.payload] += 1
            case Disconnect(reason_code=ReasonCode.SERVER_SHUTTING_DOWN):
                pass
            case _:
                self.wrong.append(f"{self.client_id}: {packet}")


class Mover(Client):
    """Subscribes and unsubscribes, and remembers what was acknowledged. held: topic filter -> is it subscribed to?"""

    FILTERS = tuple(f"move/{number}" for number in range(8))

    def __init__(self, client_id: str, level: int, port: int, context: ssl.SSLContext, dice: random.Random) -> None:
        super().__init__(client_id, level, port, context)
        self.held = dict.fromkeys(self.FILTERS, False)
        self.acknowledged = 0
        self.enough = threading.Event()
        self.unfinished = ""
        self._dice = dice

    @property
    def idle(self) -> bool:
        return not self.unfinished

    def resume(self) -> None:
        if self.unfinished:
            self._ask()

    def work(self) -> None:
        if not self.unfinished and not self.enough.is_set():
            self.unfinished = self._dice.choice(self.FILTERS)
            self._ask()

    def _ask(self) -> None:
        if self.held[self.unfinished]:
            self.mqtt.send(Unsubscribe(2, [self.unfinished]))
        else:
            self.mqtt.send(Subscribe(1, [Subscription(self.unfinished, 1)]))

    def heard(self, packet: Packet) -> None:
        match packet:
            case SubAck() | UnsubAck() if self.unfinished:
                self.held[self.unfinished] = isinstance(packet, SubAck)
                self.unfinished = ""
                self.acknowledged += 1
                self.something_was_acknowledged = True
            case Disconnect(reason_code=ReasonCode.SERVER_SHUTTING_DOWN):
                pass
            case _:
                self.wrong.append(f"{self.client_id}: {packet}")


class Leaver(Client):
    """Comes under a new name each time, with a will, and vanishes as soon as its SUBACK says that it was there.

    owed: the wills that have to be spoken, each once.
    """

    DELAY, EXPIRY = 1, 2

    def __init__(self, name: str, port: int, context: ssl.SSLContext, topic: str) -> None:
        super().__init__(name, 5, port, context)
        self.owed: set[bytes] = set()
        self._topic = topic
        self._visits = 0

    def connect_packet(self) -> Connect:
        self._stop_now.wait(0.05)
        self._visits += 1
        will = Will(self._topic, self._payload, 2, properties=Properties(will_delay_interval=self.DELAY))
        expiry = Properties(session_expiry_interval=self.EXPIRY)
        return Connect(f"{self.client_id}-{self._visits}", False, level=5, will=will, properties=expiry)

    @property
    def _payload(self) -> bytes:
        return f"{self.client_id}:{self._visits}".encode()

    def resume(self) -> None:
        self.mqtt.send(Subscribe(1, [Subscription("nothing", 1)]))

    def heard(self, packet: Packet) -> None:
        if isinstance(packet, SubAck):
            self.owed.add(self._payload)
            raise OSError("gone")
