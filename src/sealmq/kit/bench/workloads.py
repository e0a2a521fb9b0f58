"""What can be measured: a table, one row for each workload.

A Flow is messages between publishers and subscribers; Calls are connections, made and left; an Idle crowd holds
connections; a Storm is a fleet that comes back while others exchange messages; Durable messages wait for subscribers
that are away; a Scale asks whether a message costs more when the broker has much else to remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

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
    names:   topic names below each lane's topic, which its messages go to in turn; 0: all go to the lane's topic.
    timed:   QoS 1: the latency is that of the acknowledgements, as nobody takes the messages meanwhile.
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
    names: int = 0
    timed: bool = False

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
        names = _part(self.names, scale) if self.names else 0
        return replace(self, publishers=publishers, subscribers=subscribers, lanes=lanes, names=names)


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


@dataclass(frozen=True, slots=True)
class Durable:
    """Messages at QoS 1 to persistent sessions whose clients are away; then these come back and get them.

    most: messages, however long it takes; 0: as many as the time allows.
    """

    name: str
    told: str
    flow: Flow
    most: int = 0

    def scaled(self, scale: float) -> Durable:
        """The same with a part of the connections."""
        return replace(self, flow=self.flow.scaled(scale), most=_part(self.most, scale) if self.most else 0)


Ballast: TypeAlias = Literal["exact", "+", "#", "retained"]
"""What a broker has to remember: subscriptions of three kinds, or retained messages."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Pairs that exchange messages beside more and more that does not concern them.

    ballast:    what there is more and more of. steps: how much of it.
    links:      that hold the subscriptions.
    known, new: the pairs, each with one topic, which a broker may remember; and with a new topic name for each message.
    """

    name: str
    told: str
    ballast: Ballast
    steps: tuple[int, ...]
    links: int
    known: Flow
    new: Flow

    def scaled(self, scale: float) -> Scale:
        """The same with a part of the connections, and of what they hold."""
        steps = tuple(sorted({_part(step, scale) for step in self.steps}))
        return replace(
            self, steps=steps, links=_part(self.links, scale), known=self.known.scaled(scale),
            new=self.new.scaled(scale),
        )  # fmt: skip


Workload: TypeAlias = Flow | Calls | Idle | Storm | Durable | Scale


def _part(count: int, scale: float) -> int:
    return max(1, round(count * scale))


_PAIRS: Final = Flow("pairs", "10 publishers to 10 subscribers, a topic each, QoS 0, 64 bytes", 10, 10, 10, own=True)
_NEW_NAMES: Final = replace(_PAIRS, name="new names", names=10_000)
"""100,000 topic names in turn, more than the 65,536 routes that SealMQ remembers (broker/router.py): each is new."""
_ABSENT: Final = Flow("to the absent", "", 10, 100, 100, own=True, qos=1, window=50, timed=True)
_STEPS: Final = (10, 100_000)

WORKLOADS: Final[tuple[Workload, ...]] = (
    _PAIRS,
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
    Durable("durable", "10 publishers, QoS 1, a window of 50; each message to one of 100 absent sessions", _ABSENT),
    Durable(
        "durable-all",
        "the same, each message to all of them; 2,000 messages",
        replace(_ABSENT, own=False, lanes=10),
        most=2_000,
    ),
    Scale("scale-exact", "pairs beside 100,000 subscriptions of others", "exact", _STEPS, 100, _PAIRS, _NEW_NAMES),
    Scale("scale-plus", "the same, each of them with a +", "+", _STEPS, 100, _PAIRS, _NEW_NAMES),
    Scale("scale-hash", "the same, each of them with a #", "#", _STEPS, 100, _PAIRS, _NEW_NAMES),
    Scale("scale-retained", "pairs beside 100,000 retained messages", "retained", _STEPS, 1, _PAIRS, _NEW_NAMES),
)

GROUPS: Final = {
    "handshakes": tuple(each.name for each in WORKLOADS if isinstance(each, Calls)),
    "scale": tuple(each.name for each in WORKLOADS if isinstance(each, Scale)),
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
