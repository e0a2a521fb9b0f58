"""The broker in numbers: `$SYS/broker/...`, with the names that Mosquitto's users know, and our own below `sealmq/`.

A value is worked out when somebody has subscribed to it, and then every INTERVAL seconds; a new subscriber gets it at
once, as if it were retained. Nobody else publishes below $SYS (access.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from math import exp

from sealmq.broker.counters import Counters, Traffic
from sealmq.broker.limits import Limits
from sealmq.broker.retained import Retained, RetainedMessage
from sealmq.broker.router import Router
from sealmq.broker.sessions import NEVER, Session, SessionKey
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.topics import SHARED, matches

INTERVAL = 10.0
"""Seconds between two publications, as Mosquitto's sys_interval."""

ROOT = "$SYS/broker/"

MINUTES = (1, 5, 15)
"""What the averages below `load/` look back on."""

Value = Callable[[], object]


class Load:
    """A number that grows, as its averages for each minute; older time counts exponentially less."""

    __slots__ = ("_last", "_value", "averages")

    def __init__(self, value: Callable[[], int]) -> None:
        self._value = value
        self._last = 0
        self.averages = dict.fromkeys(MINUTES, 0.0)

    def update(self, seconds: float) -> None:
        """So many seconds have passed since the last update."""
        now = self._value()
        rate = (now - self._last) * 60 / seconds
        self._last = now
        for minutes, average in self.averages.items():
            self.averages[minutes] = rate + exp(-seconds / (60 * minutes)) * (average - rate)

    def words(self, minutes: int) -> str:
        """One average, as Mosquitto writes it."""
        return f"{self.averages[minutes]:.2f}"


class Statistics:
    """The values below $SYS/broker/.

    traffic: what links count.
    version: of SealMQ, as whoever made the broker says.
    """

    def __init__(
        self, sessions: Mapping[SessionKey, Session], router: Router, retained: Retained, counters: Counters
    ) -> None:
        self.traffic = Traffic()
        self.version = "unknown"
        self._sessions = sessions
        self._router = router
        self._retained = retained
        self._counters = counters
        self._now = self._started = self._updated = NEVER
        self._loads = {name: Load(value) for name, value in self._growing().items()}
        self._values = self._table()

    def tick(self, now: float) -> Iterator[Publish]:
        """Time has passed: every INTERVAL seconds, the messages that somebody wants."""
        if self._started == NEVER:
            self._now = self._started = self._updated = now
        if now - self._updated < INTERVAL:
            return iter(())
        for load in self._loads.values():
            load.update(now - self._updated)
        self._now = self._updated = now
        return (Publish(topic, _words(value)) for topic, value in self._topics() if self._is_wanted(topic))

    def walk(self, topic_filter: str, now: float) -> Iterator[RetainedMessage]:
        """What a new subscription finds."""
        if not topic_filter.startswith("$SYS"):
            return
        if self._started != NEVER:
            self._now = now
        for topic, value in self._topics():
            if matches(topic_filter, topic):
                yield RetainedMessage(Publish(topic, _words(value)), NEVER)

    def _is_wanted(self, topic: str) -> bool:
        route = self._router.route(topic)
        return bool(route.takers or route.groups)

    def _topics(self) -> Iterator[tuple[str, Value]]:
        for name, value in self._values.items():
            yield ROOT + name, value
        for reason, count in list(self.traffic.refused.items()):
            yield f"{ROOT}sealmq/handshakes/refused/{reason}", lambda count=count: count  # type: ignore[misc]

    def _growing(self) -> dict[str, Callable[[], int]]:
        """Name -> a number that only grows: what can be counted, and averaged below `load/`."""
        traffic, counters = self.traffic, self._counters
        return {
            "bytes/received": lambda: traffic.bytes_received,
            "bytes/sent": lambda: traffic.bytes_sent,
            "messages/received": lambda: traffic.packets_received + counters.received,
            "messages/sent": lambda: traffic.packets_sent + counters.delivered,
            "publish/received": lambda: counters.received,
            "publish/sent": lambda: counters.delivered,
            "publish/dropped": lambda: counters.dropped,
            "connections": lambda: traffic.connections,
            "sockets": lambda: traffic.sockets,
        }

    def _table(self) -> dict[str, Value]:
        traffic, counters, growing = self.traffic, self._counters, self._growing()
        table: dict[str, Value] = {
            "version": lambda: f"sealmq version {self.version}",
            "uptime": lambda: f"{self._now - self._started if self._started != NEVER else 0:.0f} seconds",
            "clients/total": lambda: len(self._sessions),
            "clients/connected": lambda: traffic.connected,
            "clients/active": lambda: traffic.connected,
            "clients/disconnected": lambda: len(self._sessions) - traffic.connected,
            "clients/inactive": lambda: len(self._sessions) - traffic.connected,
            "clients/maximum": lambda: traffic.most_connected,
            "retained messages/count": lambda: self._retained.count,
            "store/messages/count": lambda: sum(len(one.queue) for one in self._sessions.values()),
            "store/messages/bytes": lambda: sum(one.queued_bytes for one in self._sessions.values()),
            "messages/inflight": lambda: sum(len(one.outgoing) for one in self._sessions.values()),
            "subscriptions/count": lambda: sum(len(one.subscriptions) for one in self._sessions.values()),
            "shared_subscriptions/count": self._shared_subscriptions,
            "sealmq/clones": lambda: counters.clones,
            "sealmq/dropped/qos0": lambda: counters.dropped_qos0,
            "sealmq/dropped/queue_full": lambda: counters.dropped_queue_full,
            "sealmq/dropped/too_large": lambda: counters.dropped_too_large,
            "sealmq/dropped/expired": lambda: counters.dropped_expired,
            "sealmq/refused/disk": lambda: counters.refused_disk,
            "sealmq/refused/publish": lambda: counters.refused_publish,
            "sealmq/refused/subscribe": lambda: counters.refused_subscribe,
            "sealmq/retained/expired": lambda: counters.expired_retained,
            "sealmq/wills/unspoken": lambda: counters.unspoken_wills,
            "sealmq/retained/bytes": lambda: self._retained.size,
            "sealmq/handshakes/refused": lambda: sum(traffic.refused.values()),
        }
        for limit in fields(Limits):
            table[f"sealmq/limits/{limit.name}"] = lambda name=limit.name: counters.limits[name]  # type: ignore[misc]
        for name, value in growing.items():
            kind, _, what = name.partition("/")
            if what:  # Mosquitto has the counts of PUBLISH one level deeper
                table[f"publish/messages/{what}" if kind == "publish" else name] = value
        for name, load in self._loads.items():
            for minutes in MINUTES:
                table[f"load/{name}/{minutes}min"] = lambda load=load, minutes=minutes: load.words(minutes)  # type: ignore[misc]
        return table

    def _shared_subscriptions(self) -> int:
        return sum(
            topic_filter.startswith(SHARED) for one in self._sessions.values() for topic_filter in one.subscriptions
        )


def _words(value: Value) -> bytes:
    return str(value()).encode()
