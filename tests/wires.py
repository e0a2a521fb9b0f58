"""Both ends of the load's connections: a dialer whose calls end at a socket of the test."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence

from sealmq.kit.bench.wire import Wire
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import ConnAck, Connect, Packet
from sealmq.mqtt.state import Sender
from sealmq.mqtt.writer import write_packet
from sealmq.tls.plaintext import PlaintextConnection

CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x00"


def wire() -> tuple[Wire, socket.socket]:
    """The load's end and the broker's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    return Wire(ours, PlaintextConnection()), theirs


def heard(broker: socket.socket) -> bytes:
    """What has come to the broker's end."""
    try:
        return broker.recv(1 << 20)
    except BlockingIOError:
        return b""


class FakeDialer:
    """Each call gets the next of the answers, which lies there already; None: a connection that is ended at once."""

    def __init__(self, answers: Sequence[bytes | None]) -> None:
        self.answers = list(answers)
        self.brokers: list[socket.socket] = []
        self.sessions: list[ssl.SSLSession | None] = []

    def dial(self, session: ssl.SSLSession | None = None) -> Wire:
        self.sessions.append(session)
        ours, broker = wire()
        answer = self.answers.pop(0)
        if answer is None:
            broker.close()
        else:
            broker.send(answer)
        self.brokers.append(broker)
        return ours

    def close(self) -> None:
        """Hang up everywhere."""
        for broker in self.brokers:
            broker.close()


class AnsweredWire(Wire):
    """The load's end of a connection that stands; each packet that it sends is answered at once.

    answer: the packets that the broker says to one.
    """

    def __init__(self, answer: Callable[[Packet], list[Packet]]) -> None:
        ours, self.broker = socket.socketpair()
        ours.setblocking(False)
        self.broker.setblocking(False)
        super().__init__(ours, PlaintextConnection())
        self.heard: list[Packet] = []
        self._answer = answer
        self._mqtt = MQTTConnection(Sender.SERVER)
        list(self._mqtt.receive_data(write_packet(Connect("guest", level=4), 4)))
        self._mqtt.send(ConnAck())
        self._mqtt.data_to_send()

    def send(self, data: bytes | bytearray | memoryview) -> bool:
        sent = super().send(data)
        for packet in self._mqtt.receive_data(heard(self.broker)):
            self.heard.append(packet)
            for answer in self._answer(packet):
                self._mqtt.send(answer)
        self.broker.send(self._mqtt.data_to_send())
        return sent

    def close(self) -> None:
        super().close()
        self.broker.close()
