"""How a message gets from the route to the sessions, and how the sessions catch up.

Encode once, append many: a fan-out encodes each variant (protocol level, QoS) once, and what a taker costs at QoS 0 is
one list append. QoS 1 and 2 differ in the packet identifier alone.

A client that does not keep up is `behind`: its link is full, or its queue is long. For PATIENCE seconds those who write
to it are held (their TCP windows close, nothing is lost); after that they go on, QoS 0 for the slow one is dropped and
counted, QoS 1 and 2 wait in its session as far as the limits allow. So no reader can stop a writer for long.
"""

from __future__ import annotations

from functools import partial

from sealmq.broker.limits import Limits
from sealmq.broker.promises import Promises
from sealmq.broker.router import Route, Router, Taker
from sealmq.broker.sessions import NEVER, Delivery, Session, drop
from sealmq.broker.store import Store
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.packets import Publish, PubRel
from sealmq.mqtt.topics import SHARED, matches
from sealmq.mqtt.writer import encode_publish_frame, encode_publish_qos0

PATIENCE = 1.0
"""Seconds that writers wait for a reader that is behind: longer than a pause of the network or a flash write, shorter
than anybody's keep-alive."""

DRAIN_RATE = 2_097_152
"""Bytes a second of its backlog that a full link must get rid of: a reader that is only slow, not gone, is given the
time that its backlog takes at this rate, on top of PATIENCE."""

LONG_QUEUE = 1_000
"""Deliveries that wait for a connected client before it counts as behind."""

BACKLOG_FACTOR = 16
"""A full link may take this many times `buffered_bytes` more while its writers are being held: what they had already
sent is in our hands, and should not be lost."""

BACKLOG_TOTAL = 67_108_864
"""Bytes of such backlog for all full links together: 64 MiB."""

DUP = 0x08


class Counters:
    """What happened, in numbers that only grow."""

    __slots__ = (
        "delivered",
        "dropped_expired",
        "dropped_qos0",
        "dropped_queue_full",
        "dropped_too_large",
        "received",
        "refused_disk",
    )

    def __init__(self) -> None:
        self.received = 0
        self.delivered = 0
        self.dropped_qos0 = 0
        self.dropped_queue_full = 0
        self.dropped_too_large = 0
        self.dropped_expired = 0
        self.refused_disk = 0


class Dispatch:
    """Takes a message to everybody who wants it.

    spoken: the sessions that were given bytes since the server last flushed; `spoken_bytes` how many, about.
    """

    def __init__(self, router: Router, limits: Limits, store: Store) -> None:
        self.router = router
        self.counters = Counters()
        self.spoken: set[Session] = set()
        self.spoken_bytes = 0
        self.promises = Promises(self.spoken)
        self._limits = limits
        self._store = store
        self._behind: set[Session] = set()
        self._backlog = 0

    def adopt(self, limits: Limits) -> None:
        """Other limits from now on; what waits already may wait."""
        self._limits = limits

    # -- a message comes ---------------------------------------------------------------------------------------------

    def publish(self, publish: Publish, sender: Session | None, now: float) -> bool:
        """Give the message to its takers. False: there are none. `sender` None: the broker itself, or a will."""
        route = self.router.route(publish.topic)
        if not route.takers:
            return False
        if publish.qos == 0:
            self._publish_qos0(publish, route, sender)
        else:
            self._publish_with_acknowledgement(publish, route, sender, now)
        if self._behind and sender is not None and not self._behind.isdisjoint(route.sessions):
            self._hold(sender, route)
        return True

    def _publish_qos0(self, publish: Publish, route: Route, sender: Session | None) -> None:
        sessions = route.plain_v311
        if sessions:
            piece = encode_publish_qos0(publish, ProtocolLevel.V311)
            for session in sessions:
                session.push(piece)
            self.spoken.update(sessions)
            self.spoken_bytes += len(piece) * len(sessions)
        sessions = route.plain_v5
        if sessions:
            piece = encode_publish_qos0(publish, ProtocolLevel.V5)
            for session in sessions:
                session.push(piece)
            self.spoken.update(sessions)
            self.spoken_bytes += len(piece) * len(sessions)
        self.counters.delivered += len(route.plain_v311) + len(route.plain_v5)
        for taker in route.special:
            self._push_one(publish, taker, sender)

    def _push_one(self, publish: Publish, taker: Taker, sender: Session | None) -> None:
        """QoS 0 to a taker whose copy differs from the others'."""
        session = taker.session
        if taker.from_others_only and session is sender:  # [MQTT-3.8.3-3]
            return
        piece = encode_publish_qos0(
            publish,
            session.level,
            retain=publish.retain and taker.retain_as_published,  # [MQTT-3.3.1-12], [MQTT-3.3.1-13]
            subscription_identifiers=taker.subscription_identifiers,
        )
        self._push_piece(session, piece)

    def _push_piece(self, session: Session, piece: bytes) -> None:
        if self._fits(session, len(piece)):
            session.push(piece)
            self.spoken.add(session)
            self.spoken_bytes += len(piece)
            self.counters.delivered += 1

    def _publish_with_acknowledgement(self, publish: Publish, route: Route, sender: Session | None, now: float) -> None:
        interval = publish.properties.message_expiry_interval
        expires_at = NEVER if interval is None else now + interval
        shared: dict[int, Delivery] = {}
        frames: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        for taker in route.takers:
            session = taker.session
            qos = min(publish.qos, taker.qos)  # [MQTT-3.8.4-8]
            if qos == 0:
                self._push_one(publish, taker, sender)
                continue
            if taker.from_others_only and session is sender:
                continue
            if taker.subscription_identifiers or (publish.retain and taker.retain_as_published):
                retain = publish.retain and taker.retain_as_published
                self.deliver(session, Delivery(publish, qos, retain, taker.subscription_identifiers, expires_at), now)
                continue
            delivery = shared.get(qos)
            if delivery is None:
                delivery = shared[qos] = Delivery(publish, qos, expires_at=expires_at)
            if session.outbox is None:
                self._enqueue(session, delivery)
                continue
            variant = (session.level, qos)
            frame = frames.get(variant)
            if frame is None:
                frame = frames[variant] = encode_publish_frame(publish, session.level, qos)
            self.deliver(session, delivery, now, frame)

    # -- a delivery goes to a session --------------------------------------------------------------------------------

    def deliver(
        self, session: Session, delivery: Delivery, now: float, frame: tuple[bytes, bytes] | None = None
    ) -> None:
        """Send the delivery (QoS 1 or 2) now when the session's client can take it, else let it wait in the queue.

        frame: the packet in front of and behind its packet identifier, when the caller has it already.
        """
        if session.outbox is None or session.queue or session.link_is_full or not self._has_room(session):
            self._enqueue(session, delivery)
            return
        if frame is None:
            frame = self._encode(session, delivery, now)
        if self._fits(session, len(frame[0]) + 2 + len(frame[1])):
            packet_id = session.outgoing.add(delivery)
            self._store.queued(session, delivery, packet_id)
            self._send_when_safe(session, delivery.qos, frame, packet_id)

    def deliver_once(self, session: Session, delivery: Delivery, now: float) -> None:
        """Send a delivery at QoS 0: a retained message to a new subscriber."""
        piece = encode_publish_qos0(
            delivery.publish,
            session.level,
            retain=delivery.retain,
            subscription_identifiers=delivery.subscription_identifiers,
            message_expiry_interval=self._left_of(delivery, now),
        )
        self._push_piece(session, piece)

    def _has_room(self, session: Session) -> bool:
        return len(session.outgoing) < session.in_flight_limit  # [MQTT-3.3.4-7]

    def _fits(self, session: Session, size: int) -> bool:
        """Does the client take a packet of this size? If not it is dropped as if it had been sent [MQTT-3.1.2-25]."""
        if session.packet_limit and size > session.packet_limit:  # [MQTT-3.1.2-24]
            self.counters.dropped_too_large += 1
            return False
        return True

    def _encode(self, session: Session, delivery: Delivery, now: float) -> tuple[bytes, bytes]:
        return encode_publish_frame(
            delivery.publish,
            session.level,
            delivery.qos,
            retain=delivery.retain,
            subscription_identifiers=delivery.subscription_identifiers,
            message_expiry_interval=self._left_of(delivery, now),
        )

    def _left_of(self, delivery: Delivery, now: float) -> int | None:
        """What is left of its Message Expiry Interval, in seconds [MQTT-3.3.2-6]; None: it has none."""
        if delivery.expires_at == NEVER:
            return None
        left = delivery.expires_at - now
        return max(1, round(left)) if left > 0 else 0  # 0 would say that it is over

    def _send_when_safe(
        self, session: Session, qos: int, frame: tuple[bytes, bytes], packet_id: int, first: int = 0
    ) -> None:
        """Send it; at QoS 2 not before its packet identifier is safe. Were that forgotten in a crash, the message would
        be sent again under another one, and the client could not know that it is the same [MQTT-4.3.3-1]."""
        if qos == 2 and session.number:
            self.promises.make(self._store.number, session, partial(self._send, session, frame, packet_id, first))
        else:
            self._send(session, frame, packet_id, first)

    def _send(self, session: Session, frame: tuple[bytes, bytes], packet_id: int, first: int = 0) -> None:
        if session.outbox is None:
            return
        head, tail = frame
        push = session.outbox.push  # never the one of a full link, which may drop a piece of it
        push(bytes((head[0] | first,)) + head[1:] if first else head)
        push(packet_id.to_bytes(2, "big"))
        push(tail)
        self.spoken.add(session)
        self.spoken_bytes += len(head) + len(tail)
        self.counters.delivered += 1

    def _enqueue(self, session: Session, delivery: Delivery) -> None:
        size = delivery.size
        if (
            len(session.queue) >= self._limits.queued_messages
            or session.queued_bytes + size > self._limits.queued_bytes
        ):
            self.counters.dropped_queue_full += 1
            return
        session.queue.append(delivery)
        session.queued_bytes += size
        self._store.queued(session, delivery, 0)
        if len(session.queue) >= LONG_QUEUE and session.outbox is not None:
            self._behind.add(session)

    def send_waiting(self, session: Session, now: float) -> None:
        """Send what the session's client can take now: first what has to leave again, then the queue."""
        if session.outbox is None or session.link_is_full:
            return
        while session.outgoing.unsent and self._has_room(session):
            again = session.outgoing.again()
            if again is None:
                break
            packet_id, delivery = again
            frame = self._encode(session, delivery, now)
            if self._fits(session, len(frame[0]) + 2 + len(frame[1])):
                self._send_when_safe(session, delivery.qos, frame, packet_id, first=DUP)  # [MQTT-3.3.1-1]
            else:
                session.outgoing.drop(packet_id)
                self._store.finished(session, delivery)
        queue = session.queue
        while queue and self._has_room(session):
            delivery = queue.popleft()
            session.queued_bytes -= delivery.size
            if delivery.expires_at <= now:  # [MQTT-3.3.2-5]
                self.counters.dropped_expired += 1
                self._store.finished(session, delivery)
                continue
            frame = self._encode(session, delivery, now)
            if self._fits(session, len(frame[0]) + 2 + len(frame[1])):
                packet_id = session.outgoing.add(delivery)
                self._store.sent(session, delivery, packet_id)
                self._send_when_safe(session, delivery.qos, frame, packet_id)
            else:
                self._store.finished(session, delivery)
        if session in self._behind and len(queue) < LONG_QUEUE // 2:
            self._caught_up(session)

    def wait_for_welcome(self, session: Session) -> None:
        """Nothing may be said to its client before CONNACK [MQTT-3.2.0-1]: it is treated as a full link until then."""
        session.push = drop
        session.link_is_full = True

    def resume(self, session: Session, now: float) -> None:
        """A new link serves the session: send again what is unfinished, then what waits [MQTT-4.4.0-1]."""
        session.outgoing.restart()
        if session.outbox is not None:
            session.push = session.outbox.push
            session.link_is_full = False
            for packet_id in session.outgoing.released:
                self.release(session, PubRel(packet_id))
            self.spoken.add(session)
        self.send_waiting(session, now)

    def release(self, session: Session, pubrel: PubRel) -> None:
        """Send PUBREL when it is safe that PUBREC came: else, after a crash, the message would be sent anew to a client
        that is done with it and has forgotten its packet identifier [MQTT-4.3.3-4]."""
        if session.outbox is not None:
            keep = partial(session.outbox.send, pubrel)
            self.promises.make(self._store.number if session.number else 0, session, keep)

    def withdraw(self, session: Session) -> None:
        """Drop what waits for subscriptions that the session no longer has."""
        # "$share/group/filter" wants what its filter wants [MQTT 4.8.2].
        filters = [each.split("/", 2)[-1] if each.startswith(SHARED) else each for each in session.subscriptions]
        kept = []
        for delivery in session.queue:
            if any(matches(topic_filter, delivery.publish.topic) for topic_filter in filters):
                kept.append(delivery)
            else:
                session.queued_bytes -= delivery.size
                self._store.finished(session, delivery)
        session.queue.clear()
        session.queue.extend(kept)

    # -- who can't keep up -------------------------------------------------------------------------------------------

    def link_full(self, session: Session, now: float) -> None:
        """The session's link has more waiting than `buffered_bytes`."""
        self._end_backlog(session)
        session.link_is_full = True
        session.push = partial(self._push_to_full, session)
        session.behind_since = now
        self._behind.add(session)

    def link_drained(self, session: Session, now: float) -> None:
        """The session's link has room again."""
        if session.outbox is None or not session.link_is_full:
            return
        self._end_backlog(session)
        session.push = session.outbox.push
        if len(session.queue) < LONG_QUEUE:
            self._caught_up(session)
        self.send_waiting(session, now)

    def link_gone(self, session: Session) -> None:
        """No link serves the session any more: nobody waits for it."""
        self._end_backlog(session)
        self._caught_up(session)

    def tick(self, now: float) -> None:
        """Let go of writers whose reader has been behind for longer than PATIENCE."""
        for session in self._behind:
            if session.behind_since == NEVER:
                session.behind_since = now
            elif now - session.behind_since > PATIENCE + session.backlog / DRAIN_RATE:
                self._release_writers(session)

    def _push_to_full(self, session: Session, piece: bytes) -> None:
        """`push` of a full link: what its writers had already sent is taken, within bounds; the rest is dropped."""
        size = len(piece)
        if (
            session.outbox is None
            or session.given_up
            or session.backlog + size > BACKLOG_FACTOR * self._limits.buffered_bytes
            or self._backlog + size > BACKLOG_TOTAL
        ):
            self.counters.dropped_qos0 += 1
            return
        session.backlog += size
        self._backlog += size
        session.outbox.push(piece)

    def _end_backlog(self, session: Session) -> None:
        self._backlog -= session.backlog
        session.backlog = 0
        session.link_is_full = False

    def _hold(self, sender: Session, route: Route) -> None:
        """Read no more from the sender until its slow reader has caught up or PATIENCE is over."""
        outbox = sender.outbox
        # We wait for this one's acknowledgements: if it were not read they would not come, and two clients that write
        # to each other would stand still.
        if outbox is None or sender.outgoing.sent or sender.outgoing.released:
            return
        for session in self._behind & route.sessions:
            if session is not sender and not session.given_up and outbox not in session.holding:
                session.holding.add(outbox)
                outbox.hold()

    def _release_writers(self, session: Session) -> None:
        session.given_up = True
        for outbox in session.holding:
            outbox.release()
        session.holding.clear()

    def _caught_up(self, session: Session) -> None:
        self._behind.discard(session)
        self._release_writers(session)
        session.given_up = False
        session.behind_since = NEVER
