"""How a message gets to one session: now where its client can take it, else later; and how sessions catch up.

What can't leave at once waits in the session's queue. `send_waiting` gives it on as far as the client, its link and its
share of the turn (pace.py) allow.
"""

from __future__ import annotations

from functools import partial

from sealmq.broker.agenda import Agenda
from sealmq.broker.counters import Counters
from sealmq.broker.limits import Limits
from sealmq.broker.owed import Owed
from sealmq.broker.pace import STEP, Pace
from sealmq.broker.patience import LONG_QUEUE, Patience
from sealmq.broker.promises import Promises
from sealmq.broker.sessions import NEVER, Delivery, Session, SessionKey, drop
from sealmq.broker.store import Store
from sealmq.mqtt.aliases import MOST_ADDED
from sealmq.mqtt.writer import encode_publish_frame, encode_publish_qos0

DUP = 0x08


class Deliveries:
    """Gives sessions what is theirs.

    spoken:   the sessions that were given bytes since the server last flushed; `spoken_bytes` how many, about.
    expiring: when which queue has something that has expired (expiry.py).
    """

    def __init__(self, limits: Limits, store: Store) -> None:
        self.counters = Counters()
        self.spoken: set[Session] = set()
        self.spoken_bytes = 0
        self.promises = Promises(self.spoken)
        self._limits = limits
        self._store = store
        self.patience = Patience(lambda: self._limits.buffered_bytes, self.counters.count_dropped_qos0)
        self.pace = Pace(lambda: self._limits.buffered_bytes)
        self.expiring: Agenda[SessionKey] = Agenda()

    def adopt(self, limits: Limits) -> None:
        """Other limits from now on; what waits already may wait."""
        self._limits = limits

    def deliver(
        self, session: Session, delivery: Delivery, now: float, frame: tuple[bytes, bytes] | None = None
    ) -> None:
        """Send the delivery (QoS 1 or 2) now when the session's client can take it, else let it wait in the queue.

        frame: the packet in front of and behind its packet identifier, when the caller has it already.
        """
        outgoing = session.outgoing
        if (
            session.outbox is None
            or session.queue  # what waits goes first, whatever its topic [MQTT-4.6.0-5 to -6]
            or session.link_is_full
            or not self._has_room(session)
            or outgoing.unsent  # they were first [MQTT-4.6.0-1]
            or self._met_by_quota(session, delivery.size)
        ):
            if len(outgoing) >= self._limits.in_flight and not session.queue:
                self.counters.limits["in_flight"] += 1
            self._enqueue(session, delivery)
            return
        if frame is None:
            frame = self._encode(session, delivery, now)
        if session.packet_limit and not self._fits(session, len(frame[0]) + 2 + len(frame[1])):
            return
        packet_id = outgoing.add(delivery)
        session.count_in_flight(delivery.size)
        if session.number:
            self._store.queued(session, delivery, packet_id)
            self._send_when_safe(session, delivery.qos, frame, packet_id)
        else:
            self._send(session, frame, packet_id)

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

    def _push_piece(self, session: Session, piece: bytes) -> None:
        if self._fits(session, len(piece)):
            if session.aliases is not None:
                piece = session.aliases.shorten_packet(piece, self._may_introduce_alias(session, len(piece)))
            session.push(piece)
            self.spoken.add(session)
            self.spoken_bytes += len(piece)
            self.counters.delivered += 1

    def _has_room(self, session: Session) -> bool:
        """May another message be in flight? By number, and by bytes: what its client does not acknowledge is memory."""
        outgoing = session.outgoing
        return (
            len(outgoing.sent) + len(outgoing.released) < session.in_flight_limit  # [MQTT-3.3.4-9], [MQTT-4.9.0-2]
            and session.in_flight_bytes <= self._limits.queued_bytes
        )

    def _fits(self, session: Session, size: int) -> bool:
        """Does the client take a packet of this size? If not it is dropped as if it had been sent [MQTT-3.1.2-25]."""
        if session.packet_limit and size > session.packet_limit:  # [MQTT-3.1.2-24]
            self.counters.dropped_too_large += 1
            return False
        return True

    def _may_introduce_alias(self, session: Session, size: int) -> bool:
        """A packet that a full link might drop must not be the one that says what an alias means."""
        return not session.link_is_full and not 0 < session.packet_limit < size + MOST_ADDED

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
        if session.aliases is not None:
            may_introduce = self._may_introduce_alias(session, len(head) + 2 + len(tail))
            head, tail = session.aliases.shorten(head, tail, may_introduce)
        push = session.outbox.push  # never the one of a full link, which may drop a piece of it
        push(bytes((head[0] | first,)) + head[1:] if first else head)
        push(packet_id.to_bytes(2, "big"))
        push(tail)
        self.spoken.add(session)
        self.spoken_bytes += len(head) + len(tail)
        self.counters.delivered += 1

    def _enqueue(self, session: Session, delivery: Delivery) -> None:
        waiting = len(session.queue)
        met = (
            "queued_messages" if waiting >= self._limits.queued_messages else self._met_by_bytes(session, delivery.size)
        )
        if met:
            self.counters.dropped_queue_full += 1
            self.counters.limits[met] += 1
            return
        session.enqueue(delivery)  # [MQTT 3.1.1: MQTT-3.1.2-5]
        if delivery.expires_at != NEVER:
            self.expiring.remind(session.key, delivery.expires_at)
        if session.number:
            self._store.queued(session, delivery, 0)
        if waiting + 1 >= LONG_QUEUE and session.outbox is not None:
            self.patience.behind.add(session)

    def _met_by_bytes(self, session: Session, size: int) -> str:
        """The limit that forbids the session's queue so many bytes more, "" when none does."""
        if session.queued_bytes + size > self._limits.queued_bytes:
            return "queued_bytes"
        return self._met_by_quota(session, size)

    def _met_by_quota(self, session: Session, size: int) -> str:
        """The limit that forbids its identity, or everybody, so many bytes more; "" when none does."""
        limits, quota = self._limits, session.quota
        if quota.queued_bytes + size > limits.queued_bytes_per_identity:
            return "queued_bytes_per_identity"
        if quota.everybody is not None and quota.everybody.queued_bytes + size > limits.queued_bytes_in_all:
            return "queued_bytes_in_all"
        return ""

    def send_waiting(self, session: Session, now: float) -> None:
        """Send what the session's client can take now, as far as its share of this turn goes (pace.py)."""
        if not (session.queue or session.outgoing.unsent or session.owed) or session.link_is_full:
            return
        left = room = self.pace.room(session)
        if not room:
            return
        size: int | None = 0
        while left > 0:
            size = self._send_next(session, now)
            if size is None:
                break
            left -= max(size, STEP)
        self.pace.gave(session, room - left, size is None)
        if session in self.patience.behind and len(session.queue) < LONG_QUEUE // 2:
            self.patience.caught_up(session)

    def _send_next(self, session: Session, now: float) -> int | None:
        """First what has to leave again, then the queue, then what is retained. The bytes that were sent, 0 for a step
        that sent nothing; None: there is no more that the client could take now."""
        # Without room nothing else has to wait [MQTT-3.3.4-10], [MQTT-4.9.0-3].
        if len(session.outgoing) < session.in_flight_limit:
            again = session.outgoing.again()  # its bytes are counted already
            if again is not None:
                return self._send_again(session, now, *again)
            if session.queue and self._has_room(session):
                return self._send_queued(session, now)
        return self._send_owed(session, session.owed, now) if session.owed is not None else None

    def _send_again(self, session: Session, now: float, packet_id: int, delivery: Delivery) -> int:
        frame = self._encode(session, delivery, now)
        size = len(frame[0]) + 2 + len(frame[1])
        if self._fits(session, size):
            self._send_when_safe(session, delivery.qos, frame, packet_id, first=DUP)  # [MQTT-3.3.1-1], [MQTT-4.3.3-7]
            return size
        session.outgoing.drop(packet_id)
        session.count_in_flight(-delivery.size)
        self._store.finished(session, delivery)
        return 0

    def _send_queued(self, session: Session, now: float) -> int:
        delivery = session.dequeue()
        if delivery.expires_at <= now:  # [MQTT-3.3.2-5]
            self.counters.dropped_expired += 1
            self._store.finished(session, delivery)
            return 0
        frame = self._encode(session, delivery, now)
        size = len(frame[0]) + 2 + len(frame[1])
        if not self._fits(session, size):
            self._store.finished(session, delivery)
            return 0
        packet_id = session.outgoing.add(delivery)
        session.count_in_flight(delivery.size)
        self._store.sent(session, delivery, packet_id)
        self._send_when_safe(session, delivery.qos, frame, packet_id)
        return size

    def _send_owed(self, session: Session, owed: Owed, now: float) -> int | None:
        """One step through what is retained for the session's new subscriptions."""
        topic_filter = owed.topic_filter
        held = session.subscriptions.get(topic_filter)
        if held is None:  # it has unsubscribed meanwhile [MQTT-3.10.4-2], or all is done
            owed.skip()
            if not owed.topic_filter:
                session.owed = None
                return None
            return 0
        if held.subscription.qos and not self._has_room(session):
            return None  # asked before the message is looked up: it could be another when there is room
        message = owed.next(now)
        if message is None:
            return 0
        delivery = Delivery(
            message.publish,
            min(message.publish.qos, held.subscription.qos),  # [MQTT-3.8.4-8]
            True,  # [MQTT 3.1.1: MQTT-3.3.1-8], and in MQTT 5 whatever Retain As Published says [MQTT 3.3.1.3]
            (held.identifier,) if held.identifier else (),
            message.expires_at,
        )
        if delivery.qos:
            self.deliver(session, delivery, now)
        else:
            self.deliver_once(session, delivery, now)
        return delivery.size

    def go_on(self, now: float) -> None:
        """A turn of the loop is over: prepare what the unfinished are given in the next one."""
        pace = self.pace
        pace.new_turn()
        for session in list(pace.unfinished):
            if pace.is_over:
                break
            del pace.unfinished[session]  # who is not done yet comes back in, behind those who had nothing
            self.send_waiting(session, now)

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
                self.release(session, packet_id)
            self.spoken.add(session)
        self.send_waiting(session, now)

    def release(self, session: Session, packet_id: int) -> None:
        """Send PUBREL when it is safe that PUBREC came: else, after a crash, the message would be sent anew to a client
        that is done with it and has forgotten its packet identifier [MQTT-4.3.3-4]."""
        if session.outbox is not None:
            pubrel = b"\x62\x02" + packet_id.to_bytes(2, "big")
            if not session.number and not session.promised:
                session.outbox.answer(pubrel)
                return
            keep = partial(session.outbox.answer, pubrel)
            self.promises.make(self._store.number if session.number else 0, session, keep)

    # -- the link tells ----------------------------------------------------------------------------------------------

    def link_full(self, session: Session, now: float) -> None:
        """The session's link has more waiting than `buffered_bytes`."""
        self.patience.link_full(session, now)

    def link_drained(self, session: Session, now: float) -> None:
        """The session's link has room again."""
        if session.outbox is None or not session.link_is_full:
            return
        self.patience.link_free(session)
        session.push = session.outbox.push
        if len(session.queue) < LONG_QUEUE:
            self.patience.caught_up(session)
        self.send_waiting(session, now)

    def link_gone(self, session: Session) -> None:
        """No link serves the session any more: nobody waits for it."""
        self.patience.link_free(session)
        self.patience.caught_up(session)
        self.pace.forget(session)

    def tick(self, now: float) -> None:
        """Time has passed: let go of writers, and look again at slow links."""
        self.patience.tick(now)
        self.pace.tick()
