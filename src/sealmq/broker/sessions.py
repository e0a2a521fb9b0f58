"""What outlives a link: a client's subscriptions, what waits for it, what is in flight, its will [MQTT 4.1].

A session belongs to the identity that made it. Its key is the identity's name together with the client identifier, so
two identities may use the same client identifier and never meet.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from sealmq.broker.access import Decision, Grants
from sealmq.broker.owed import Owed
from sealmq.broker.quotas import Quota
from sealmq.identity import Identity
from sealmq.mqtt.aliases import TopicAliases
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.connection import LONGEST_REASON
from sealmq.mqtt.inflight import Outgoing
from sealmq.mqtt.packets import Packet, Publish, Subscription, Will
from sealmq.mqtt.properties import NO_PROPERTIES, Properties

log = logging.getLogger("sealmq.broker")

NEVER = float("inf")


class Outbox(Protocol):
    """What the broker needs of a link: its way to say something to one client. Nothing here waits."""

    push: Callable[[bytes], None]
    """Queue the bytes of one packet that is already encoded."""

    peer: str
    """Where its client is, "address:port": for the log."""

    def send(self, packet: Packet) -> None:
        """Queue one packet."""

    def acknowledge(self, packet_id: int, encoded: bytes) -> None:
        """Queue a successful PUBACK or PUBCOMP, already encoded."""

    def answer(self, encoded: bytes) -> None:
        """Queue a PUBREC, PUBREL or PINGRESP, already encoded."""

    def end(self, reason_code: int, why: str) -> None:
        """Say goodbye (MQTT 5: DISCONNECT with the reason code), then close the link; `why` is for the log."""

    def waiting(self) -> int:
        """Bytes that the network has not taken yet."""

    def flush(self) -> None:
        """Let what was queued leave. At the end of each turn of the loop for all that were spoken to."""

    def hold(self) -> None:
        """Read nothing more from this client until `release`: somebody it writes to can't keep up."""

    def release(self) -> None:
        """Read on."""


class SessionKey(NamedTuple):
    """Whose session it is, and which of theirs [MQTT-3.1.3-2]."""

    identity: str
    client_id: str


class Delivery:
    """One message on its way to one session.

    expires_at: Unix seconds after which it is not delivered any more [MQTT-3.3.2-5].
    shared:     the whole filter of the shared subscription for whose group the session took it; "": for itself.
    size:       bytes that count against limits: topic, payload and what stands around them.
    number, holders: what a store calls it, and in how many sessions the store keeps it.
    """

    __slots__ = (
        "expires_at",
        "holders",
        "number",
        "publish",
        "qos",
        "retain",
        "shared",
        "size",
        "subscription_identifiers",
    )

    def __init__(
        self,
        publish: Publish,
        qos: int,
        retain: bool = False,
        subscription_identifiers: tuple[int, ...] = (),
        expires_at: float = NEVER,
        shared: str = "",
    ) -> None:
        self.publish = publish
        self.qos = qos
        self.retain = retain
        self.subscription_identifiers = subscription_identifiers
        self.expires_at = expires_at
        self.shared = shared
        self.size = publish.weight
        self.number = 0
        self.holders = 0


class Held(NamedTuple):
    """A subscription that a session holds, and the identifier that it came with (0: none)."""

    subscription: Subscription
    identifier: int


def drop(_: bytes) -> None:
    """What `push` is when nobody listens: QoS 0 for an absent client is lost, as the standard has it."""


NOTHING: deque[Delivery] = deque(maxlen=0)
"""The queue of every session for which nothing waits: an empty one of its own costs 760 bytes, and most devices never
need it. It keeps nothing: `enqueue` alone adds to a queue."""


class Session:
    """The state that the standard calls Session State, and the link that serves it now (`outbox`, None: away).

    quota:      what its identity holds in all; the session keeps it true.
    queue:      deliveries at QoS 1 and 2 that have not left yet; `queued_bytes` counts topics and payloads. To read:
                NOTHING is everybody's.
    outgoing:   those that left and are not finished; `in_flight_bytes` counts as `queued_bytes` does.
    incoming:   packet identifiers of QoS 2 messages that came and whose PUBREL did not [MQTT 4.3.3].
    publishable: topic names that this client was found to be allowed to publish to: the remembered answer.
                Like `incoming` and `holding` a dictionary that stands for a set: empty, as they are in most sessions,
                it takes 64 bytes, and a set 216.
    expiry:     seconds that it outlives its link; NEVER for ever.
    in_flight_limit: unfinished QoS 1 and 2 messages that the client takes (its Receive Maximum).
    aliases:    our topic aliases on its link; None: its client takes none, or is away (`takes_aliases`: did it?).
    packet_limit: bytes of the largest packet that the client takes; 0: any.
    refusals:   how often its client was told that it may not.
    promised:   what waits in promises.py to be said to its client.
    number:     what a store calls it; 0: no store keeps it.
    owed:       what its new subscriptions are still to be sent of what is retained; None: nothing.
    link_is_full, backlog, behind_since, given_up, holding: what patience.py knows of a client that can't keep up.
    """

    __slots__ = (
        "aliases",
        "backlog",
        "behind_since",
        "expires_at",
        "expiry",
        "given_up",
        "grants",
        "holding",
        "identity",
        "in_flight_bytes",
        "in_flight_limit",
        "incoming",
        "key",
        "level",
        "link_is_full",
        "number",
        "outbox",
        "outgoing",
        "owed",
        "packet_limit",
        "problem_information",
        "promised",
        "publishable",
        "push",
        "queue",
        "queued_bytes",
        "quota",
        "refusals",
        "subscriptions",
        "takes_aliases",
        "will",
        "will_at",
    )

    def __init__(self, key: SessionKey, identity: Identity, grants: Grants) -> None:
        self.key = key
        self.identity = identity
        self.grants = grants
        self.outbox: Outbox | None = None
        self.push: Callable[[bytes], None] = drop
        self.level = 0
        self.quota = Quota()
        self.subscriptions: dict[str, Held] = {}
        self.queue = NOTHING
        self.queued_bytes = 0
        self.outgoing: Outgoing[Delivery] = Outgoing()
        self.incoming: dict[int, None] = {}
        self.in_flight_bytes = 0
        self.owed: Owed | None = None
        self.publishable: dict[str, None] = {}
        self.in_flight_limit = 0
        self.aliases: TopicAliases | None = None
        self.takes_aliases = False
        self.packet_limit = 0
        self.problem_information = True
        self.promised = 0
        self.number = 0
        self.refusals = 0
        self.expiry = 0.0
        self.expires_at = NEVER
        self.will: Will | None = None
        self.will_at = NEVER
        self.link_is_full = False
        self.backlog = 0
        self.behind_since = NEVER
        self.given_up = False
        self.holding: dict[Outbox, None] = {}

    def __repr__(self) -> str:
        return f"Session({self.key.identity}, {self.key.client_id!r}, {'here' if self.outbox else 'away'})"

    def join(self, quota: Quota) -> None:
        """Count in this quota, with all that it holds already."""
        self.leave()
        self.quota = quota
        quota.subscriptions += len(self.subscriptions)
        quota.queued(self.queued_bytes + self.in_flight_bytes)
        quota.links += self.outbox is not None

    def leave(self) -> None:
        """Count nowhere any more."""
        quota, self.quota = self.quota, Quota()
        quota.subscriptions -= len(self.subscriptions)
        quota.queued(-self.queued_bytes - self.in_flight_bytes)
        quota.links -= self.outbox is not None

    def subscribe(self, held: Held) -> bool:
        """Hold a subscription. False: it replaces one to the same filter [MQTT-3.8.4-3]."""
        topic_filter = held.subscription.topic_filter
        is_new = topic_filter not in self.subscriptions
        self.subscriptions[topic_filter] = held
        self.quota.subscriptions += is_new
        return is_new

    def unsubscribe(self, topic_filter: str) -> None:
        """Hold it no longer."""
        del self.subscriptions[topic_filter]
        self.quota.subscriptions -= 1

    def enqueue(self, delivery: Delivery) -> None:
        """Let a delivery wait behind those that wait already."""
        size = delivery.size
        if self.queue is NOTHING:
            self.queue = deque()
        self.queue.append(delivery)
        self.queued_bytes += size
        self.quota.queued(size)

    def dequeue(self) -> Delivery:
        """Take the delivery that has waited longest. Raises IndexError when none waits."""
        delivery = self.queue.popleft()
        self.queued_bytes -= delivery.size
        self.quota.queued(-delivery.size)
        return delivery

    def count_in_flight(self, size: int) -> None:
        """So many bytes more are in flight; fewer, where `size` is negative."""
        self.in_flight_bytes += size
        self.quota.queued(size)

    def take_out(self, unwanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Take out of the queue, in its order, what is unwanted; the rest goes on waiting."""
        taken: list[Delivery] = []
        stays: deque[Delivery] = deque()
        for each in self.queue:
            (taken if unwanted(each) else stays).append(each)
        if taken:
            self.queue = stays
            size = sum(each.size for each in taken)
            self.queued_bytes -= size
            self.quota.queued(-size)
        return taken

    def attach(self, outbox: Outbox, identity: Identity, level: int) -> None:
        """A link serves it now."""
        self.quota.links += self.outbox is None
        self.outbox = outbox
        self.push = outbox.push
        self.identity = identity
        self.level = level
        self.expires_at = NEVER  # [MQTT-4.1.0-1]

    def detach(self) -> None:
        """No link serves it any more."""
        self.quota.links -= self.outbox is not None
        self.outbox = None
        self.aliases = None
        self.push = drop
        self.link_is_full = False
        self.publishable.clear()  # a session may be away for a month: it need not remember
        self.queue = self.queue or NOTHING

    def may_publish(self, topic: str) -> Decision:
        """May its client publish to this topic name?"""
        return self._noted("publish to", topic, self.grants.may_publish(topic))

    def may_subscribe(self, topic_filter: str) -> Decision:
        """May its client subscribe to all that this topic filter can match?"""
        return self._noted("subscribe to", topic_filter, self.grants.may_subscribe(topic_filter))

    def _noted(self, action: str, topic: str, decision: Decision) -> Decision:
        if log.isEnabledFor(logging.DEBUG):
            may = "may" if decision.allowed else "may not"
            who, client_id = self.key
            log.debug("%s (client %r) %s %s %r: %s", who, client_id, may, action, topic, decision.rule)
        return decision

    def reason_string(self, why: str) -> Properties:
        """A Reason String where there is a reason and the client wants it [MQTT-3.1.2-29]."""
        if not why or not self.problem_information or self.level != ProtocolLevel.V5:
            return NO_PROPERTIES
        return Properties(reason_string=why[:LONGEST_REASON])
