"""Links for the tests of broker/ alone: an Outbox that remembers, and a Store that does."""

from __future__ import annotations

from typing import Any

from sealmq.broker.access import Grants
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.broker.sessions import Held, Session, SessionKey
from sealmq.identity import Identity
from sealmq.mqtt.packets import Packet, Subscription
from sealmq.mqtt.reader import read_packet

EVERYTHING = (Rule(None, None, "allow", ACTIONS, ("#", "$SYS/#")),)


class RememberingOutbox:
    """What the broker wants a client to hear."""

    peer = "192.0.2.7:1883"

    def __init__(self) -> None:
        self.pushed: list[bytes] = []
        self.sent: list[Packet] = []
        self.acknowledged: list[tuple[int, bytes]] = []
        self.ended: list[tuple[int, str]] = []
        self.holds = 0
        self.unsent = 0
        self.push = self.pushed.append

    def send(self, packet: Packet) -> None:
        self.sent.append(packet)

    def acknowledge(self, packet_id: int, encoded: bytes) -> None:
        self.acknowledged.append((packet_id, encoded))

    def answer(self, encoded: bytes) -> None:
        self.sent.append(read_packet(encoded, 2, 5))

    def end(self, reason_code: int, why: str) -> None:
        self.ended.append((reason_code, why))

    def waiting(self) -> int:
        return self.unsent

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1

    def heard(self) -> bytes:
        """All that was pushed since the last look."""
        data = b"".join(self.pushed)
        self.pushed.clear()
        return data


class RememberingStore:
    """A Store that keeps the names of what it was told."""

    number = 0
    failing = ""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.told.append(name)


def session(name: str = "one", level: int = 5, outbox: RememberingOutbox | None = None) -> Session:
    """A session that may do everything; with a link, when there is an outbox."""
    identity = Identity(name, "device")
    made = Session(SessionKey(name, "client"), identity, Grants(EVERYTHING, identity, "client"))
    made.in_flight_limit = 10
    made.level = level
    if outbox is not None:
        made.attach(outbox, identity, level)
    return made


def held(topic_filter: str, qos: int = 0, identifier: int = 0, **options: Any) -> Held:
    return Held(Subscription(topic_filter, qos, **options), identifier)
