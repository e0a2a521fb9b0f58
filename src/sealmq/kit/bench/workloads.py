"""What can be measured: a table, one row for each workload.

A Flow is messages between publishers and subscribers; Calls are connections, made and left; an Idle crowd holds
connections; a Storm is a fleet that comes back while others exchange messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from sealmq.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages from publishers to subscribers.

    lanes:   topics, each of one publisher; publishers take turns to get one.
    own:     each subscriber has the lane of its own number; else all subscribers have all lanes, by one filter.
    window:  QoS 1 and 2: messages that a publisher has unacknowledged at most.
    pace:    seconds between two messages of a publisher; 0: as fast as the broker takes them.
    lead:    QoS 0: messages that may be on their way. Without it the kernel's buffers would fill, the last message
             would come seconds after the first, and slow brokers would be measured by what they drop.
    """

    name: str
    told: str
    publishers: int
    subscribers: int
    lanes: int
    own: bool = False
    qos: int = 0
    payload: int = 64
    window: int = 0
    pace: float = 0.0
    lead: int = 20_000

    def lanes_of(self, publisher: int) -> range:
        """Which lanes are this publisher's."""
        return range(publisher, self.lanes, self.publishers)

    @property
    def copies(self) -> int:
        """How many subscribers get each message."""
        return 1 if self.own else self.subscribers

    def scaled(self, scale: float) -> Flow:
        """The same with a part of the connections."""
        publishers, subscribers = _part(self.publishers, scale), _part(self.subscribers, scale)
        lanes = max(publishers, subscribers) if self.own else publishers
        return replace(self, publishers=publishers, subscribers=subscribers, lanes=lanes)


@dataclass(frozen=True, slots=True)
class Calls:
    """Connections one after the other: TCP, TLS, CONNECT, CONNACK, DISCONNECT.

    resumed:   each resumes the session of one before; else each is a full handshake.
    anonymous: no client certificate is shown.
    at_once:   how many are on their way at a time.
    """

    name: str
    told: str
    version_12: bool = False
    resumed: bool = False
    anonymous: bool = False
    at_once: int = 16

    def scaled(self, scale: float) -> Calls:
        """The same: how many there are, the time decides."""
        return self


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that say nothing but PINGREQ."""

    name: str
    told: str
    links: int
    keep_alive: int = 60

    def scaled(self, scale: float) -> Idle:
        """The same with a part of the connections."""
        return replace(self, links=_part(self.links, scale))


@dataclass(frozen=True, slots=True)
class Storm:
    """A fleet that loses its connections and comes back at once, while the pairs of a flow exchange messages."""

    name: str
    told: str
    links: int
    flow: Flow

    def scaled(self, scale: float) -> Storm:
        """The same with a part of the connections."""
        return replace(self, links=_part(self.links, scale), flow=self.flow.scaled(scale))


Workload: TypeAlias = Flow | Calls | Idle | Storm


def _part(count: int, scale: float) -> int:
    return max(1, round(count * scale))


WORKLOADS: Final[tuple[Workload, ...]] = (
    Flow("pairs", "10 publishers to 10 subscribers, a topic each, QoS 0, 64 bytes", 10, 10, 10, own=True),
    Flow("pairs-1k", "the same with 1,024 bytes", 10, 10, 10, own=True, payload=1024),
    Flow("fan-in", "200 publishers to 1 subscriber, QoS 0, 64 bytes", 200, 1, 200),
    Flow("fan-out", "1 publisher to 200 subscribers, QoS 0, 64 bytes", 1, 200, 1, lead=1_000),
    Flow("fan-out-1000", "1 publisher to 1,000 subscribers, QoS 0, 64 bytes", 1, 1_000, 1, lead=500),
    Flow("telemetry", "50 publishers to 1 subscriber, QoS 1, a window of 20", 50, 1, 50, qos=1, window=20),
    Flow("telemetry-1", "200 publishers to 1 subscriber, QoS 1, a window of 1", 200, 1, 200, qos=1, window=1),
    Flow("commands", "1 publisher to 200 subscribers, a topic each, QoS 2", 1, 200, 200, own=True, qos=2, window=20),
    Flow("paced", "1,000 devices, a message a second each, to 5 subscribers", 1_000, 5, 1_000, pace=1.0),
    Calls("handshakes-1.3", "new connections, TLS 1.3, full handshakes, client certificates"),
    Calls("handshakes-1.3-resumed", "the same, resumed", resumed=True),
    Calls("handshakes-1.3-anonymous", "TLS 1.3, full handshakes, no client certificate", anonymous=True),
    Calls("handshakes-1.2", "TLS 1.2, full handshakes, client certificates", version_12=True),
    Calls("handshakes-1.2-resumed", "the same, resumed", version_12=True, resumed=True),
    Calls(
        "handshakes-1.2-anonymous", "TLS 1.2, full handshakes, no client certificate", version_12=True, anonymous=True
    ),
    Idle("idle", "5,000 connections that only ping, keep-alive 60", 5_000),
    Storm(
        "storm",
        "2,000 devices come back at once, 20 pairs exchange 50 messages a second each",
        2_000,
        Flow("pairs of the storm", "", 20, 20, 20, own=True, pace=0.02),
    ),
)

GROUPS: Final = {
    "handshakes": tuple(each.name for each in WORKLOADS if isinstance(each, Calls)),
    "all": tuple(each.name for each in WORKLOADS),
}
"""A word -> the workloads that it stands for."""

USUAL: Final = ("pairs", "fan-in", "fan-out", "telemetry", "commands", "handshakes-1.3", "handshakes-1.3-resumed")
"""What is measured when nobody says what: less than a minute."""


def find(names: Sequence[str], *, scale: float = 1.0) -> list[Workload]:
    """The workloads of these names, each once, in the order in which they were named. Raises ConfigError."""
    table = {each.name: each for each in WORKLOADS}
    wanted: dict[str, Workload] = {}
    for name in names or USUAL:
        for one in GROUPS.get(name, (name,)):
            if one not in table:
                raise ConfigError(
                    f"there is no workload {name!r}",
                    remedy=f"one of: {', '.join([*table, *GROUPS])}; sealmq bench --list",
                )
            wanted[one] = table[one].scaled(scale)
    return list(wanted.values())
