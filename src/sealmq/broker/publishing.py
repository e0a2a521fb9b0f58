"""PUBLISH from a client, and what answers it at each QoS; what is retained; wills [MQTT 3.3 to 3.7, 4.3].

While the disk refuses (`Store.failing`), what would need it is refused at once, before anybody has got it: in MQTT 5
by PUBACK or PUBREC with 0x97; MQTT 3.1.1 has no word for it, so the link is ended, and the client, which was not
acknowledged, sends it again when it is back. What needs no disk goes on as ever. What had been passed on when the disk
began to refuse is kept in memory and written when there is room: at QoS 1 an MQTT 5 client is told 0x97 meanwhile (it
may send it again, which QoS 1 allows); everybody else gets the acknowledgement when it is true, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sealmq.broker.access import REQUEST_TOPICS
from sealmq.broker.complaints import tell_refusal
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.enrolling import Enrolling
from sealmq.broker.limits import Limits
from sealmq.broker.retained import Retained, RetainedMessage
from sealmq.broker.router import REMEMBERED_LENGTH
from sealmq.broker.sessions import NEVER, Session
from sealmq.broker.store import Store
from sealmq.mqtt.codes import ProtocolLevel, ReasonCode
from sealmq.mqtt.packets import PubAck, PubComp, Publish, PubRec, PubRel, Will
from sealmq.mqtt.properties import NO_PROPERTIES, Properties

REMEMBERED_TOPICS = 4_096
"""Topic names that a session is known to be allowed to publish to; beyond it the memory starts anew."""

DISK_REFUSES = "the disk takes no more messages"


class Publishing:
    """Passes on what clients publish, as far as rules, limits and the disk allow.

    enrolling: answers requests for certificates, which are passed on to nobody.
    """

    def __init__(self, retained: Retained, dispatch: Dispatch, limits: Limits, store: Store) -> None:
        self._retained = retained
        self._dispatch = dispatch
        self._limits = limits
        self._store = store
        self.enrolling = Enrolling(dispatch)

    def adopt(self, limits: Limits) -> None:
        """Other limits from now on."""
        self._limits = limits

    def on_publish(self, session: Session, packet: Publish, now: float) -> None:
        """Pass a message on to everybody who wants it, and answer as its QoS demands [MQTT-3.3.4-1]."""
        self._dispatch.counters.received += 1
        if packet.topic not in session.publishable:
            refusal = self._check(session, packet)
            if refusal is not None:
                self._refuse(session, packet, *refusal)
                return
            if packet.topic in REQUEST_TOPICS:  # never remembered, so it always comes by here
                self._on_request(session, packet, now)
                return
        number = 0
        if packet.qos:
            number = self._store.number
            if self._store.failing and self._needs_disk(session, packet):
                self._refuse_for_now(session, packet)
                return
            if packet.qos == 2:
                self._on_publish_exactly_once(session, packet, now)
                return
        if packet.retain and not self._retain(packet, session, now):  # [MQTT-3.3.1-8]
            self._refuse_to_retain(session, packet)
            return
        wanted = self._dispatch.publish(packet, session, now)
        if packet.qos == 1 and session.outbox is not None:
            packet_id = packet.packet_id.to_bytes(2, "big")
            if wanted or session.level == ProtocolLevel.V311:
                puback = b"\x40\x02" + packet_id  # [MQTT-4.3.2-4]
            else:
                puback = b"\x40\x03" + packet_id + b"\x10"  # No matching subscribers
            if self._store.number == number and not packet.retain and not session.promised:
                session.outbox.acknowledge(packet.packet_id, puback)
            else:
                # A retained message is never skipped: that nothing had to be changed may itself not be safe yet.
                keep = partial(session.outbox.acknowledge, packet.packet_id, puback)
                number = self._store.number if self._store.number != number or packet.retain else 0
                self._dispatch.promises.make(number, session, keep, self._breach(session, packet))

    def _on_publish_exactly_once(self, session: Session, packet: Publish, now: float) -> None:
        """What becomes of the message is its takers' affair: that it expires ends no exchange [MQTT-4.3.3-13]."""
        number = self._store.number
        if packet.packet_id not in session.incoming:  # else it is a repetition: answered, not passed on [MQTT-4.3.3-10]
            if packet.retain and not self._retain(packet, session, now):
                self._refuse_to_retain(session, packet)
                return
            session.incoming[packet.packet_id] = None
            self._store.received(session, packet.packet_id)
            self._dispatch.publish(packet, session, now)
        if session.outbox is not None:
            # [MQTT-4.3.3-8]
            pubrec = b"\x50\x02" + packet.packet_id.to_bytes(2, "big")
            if self._store.number == number and not packet.retain and not session.promised:
                session.outbox.answer(pubrec)
                return
            keep = partial(session.outbox.answer, pubrec)
            number = self._store.number if self._store.number != number or packet.retain else 0
            # No breach: it was passed on, and is taken for done only when that is safe. A client that hears nothing
            # sends it again, and is then known by the packet identifier.
            self._dispatch.promises.make(number, session, keep)

    def _on_request(self, session: Session, packet: Publish, now: float) -> None:
        """A request for a certificate: answered by a message of its own, and acknowledged at once."""
        reason_code, why = ReasonCode.SUCCESS, ""
        if packet.qos < 2 or packet.packet_id not in session.incoming:  # else a repetition [MQTT-4.3.3-10]
            reason_code, why = self.enrolling.on_request(session, packet, now)
        if packet.qos == 0 or session.outbox is None:
            return
        if session.level == ProtocolLevel.V311:
            reason_code = ReasonCode.SUCCESS
        answer = self._answer(session, packet, reason_code, why)
        # It needs no commit of its own: what a crash makes us forget is asked again.
        self._dispatch.promises.make(0, session, partial(session.outbox.send, answer))

    # -- what is refused ---------------------------------------------------------------------------------------------

    def _check(self, session: Session, packet: Publish) -> tuple[ReasonCode, str] | None:
        """None when the client may publish to this topic name, which is remembered; else why not."""
        met = self._limits.met_by_topic(packet.topic)
        if met:
            self._dispatch.counters.limits[met] += 1
            return ReasonCode.TOPIC_NAME_INVALID, "the topic name is too long"
        decision = session.may_publish(packet.topic)
        if not decision.allowed:
            return ReasonCode.NOT_AUTHORIZED, decision.rule
        if len(packet.topic) <= REMEMBERED_LENGTH and packet.topic not in REQUEST_TOPICS:
            if len(session.publishable) >= REMEMBERED_TOPICS:
                session.publishable.clear()
            session.publishable[packet.topic] = None
        return None

    def _refuse(self, session: Session, packet: Publish, reason_code: ReasonCode, why: str) -> None:
        """Tell the client where the standard lets us. MQTT 3.1.1 cannot say no: the message is acknowledged and
        dropped [MQTT 3.1.1: MQTT-3.3.5-2], as closing the link would make the client send it again and again."""
        self._dispatch.counters.refused_publish += 1
        tell_refusal(session, "publish to", packet.topic, why)
        if session.outbox is None or packet.qos == 0:
            return
        if session.level == ProtocolLevel.V311:
            reason_code = ReasonCode.SUCCESS
        answer = self._answer(session, packet, reason_code, why)
        # Behind the answers to what came before it [MQTT-4.6.0-2, MQTT-4.6.0-3]; it needs no commit of its own.
        self._dispatch.promises.make(0, session, partial(session.outbox.send, answer))

    def _refuse_to_retain(self, session: Session, packet: Publish) -> None:
        """There is no room. Whoever cannot be told so takes the message for the topic's last word from now on: the one
        before must not pass for it [MQTT 3.1.1: MQTT-3.3.1-7]."""
        if packet.qos == 0 or session.level == ProtocolLevel.V311:
            self._forget(packet.topic)
        self._refuse(session, packet, ReasonCode.QUOTA_EXCEEDED, "no room for another retained message")

    def _answer(self, session: Session, packet: Publish, reason_code: ReasonCode, why: str) -> PubAck | PubRec:
        properties = session.reason_string(why if reason_code else "")
        if packet.qos == 1:
            return PubAck(packet.packet_id, reason_code, properties)
        if not reason_code:
            session.incoming[packet.packet_id] = None
        elif packet.packet_id in session.incoming:
            session.incoming.pop(packet.packet_id, None)
            self._store.completed(session, packet.packet_id)
        return PubRec(packet.packet_id, reason_code, properties)

    # -- while the disk refuses --------------------------------------------------------------------------------------

    def _needs_disk(self, session: Session, packet: Publish) -> bool:
        """Could we say that it is done only when something was written? A repetition waits for what it repeats."""
        if packet.qos == 2 and packet.packet_id in session.incoming:
            return False
        if packet.retain or (packet.qos == 2 and session.number):
            return True
        route = self._dispatch.router.route(packet.topic)
        if any(taker.qos and taker.session.number for taker in route.takers):
            return True
        members = (member for group in route.groups for member in group.members.items())
        return any(held.subscription.qos and member.number for member, held in members)

    def _refuse_for_now(self, session: Session, packet: Publish) -> None:
        self._dispatch.counters.refused_disk += 1
        if session.outbox is None:
            return
        if session.level == ProtocolLevel.V311:
            session.outbox.end(ReasonCode.QUOTA_EXCEEDED, DISK_REFUSES)
            return
        answer = self._answer(session, packet, ReasonCode.QUOTA_EXCEEDED, DISK_REFUSES)
        say = partial(session.outbox.send, answer)
        # At once, or at QoS 1 with the breach of what waits before it: each kind of answer keeps its order.
        self._dispatch.promises.make(0, session, say, say if packet.qos == 1 else None)

    def _breach(self, session: Session, packet: Publish) -> Callable[[], None] | None:
        """What to say at QoS 1 of a message that is passed on but not safe; MQTT 3.1.1 has no word for it."""
        return None if session.level == ProtocolLevel.V311 else partial(self._say_unsafe, session, packet)

    def _say_unsafe(self, session: Session, packet: Publish) -> None:
        if session.outbox is not None:
            session.outbox.send(self._answer(session, packet, ReasonCode.QUOTA_EXCEEDED, DISK_REFUSES))

    # -- what is retained, and wills ---------------------------------------------------------------------------------

    def _retain(self, publish: Publish, session: Session, now: float) -> bool:
        """Keep or forget the topic's last word [MQTT-3.3.1-5 to -7]. False: there is no room."""
        if len(publish.wire) == publish.payload_at if publish.wire else not publish.payload:
            self._forget(publish.topic)
            return True
        if self._store.failing and publish.topic not in self._retained:
            return False  # one more row for each topic name that a client makes up: not now
        interval = publish.properties.message_expiry_interval
        message = RetainedMessage(publish, NEVER if interval is None else now + interval, session.key.identity)
        if not self._retained.keep(message):
            self._dispatch.counters.limits[self._retained.met_by(message)] += 1
            return False
        self._store.retained(message)
        return True

    def _forget(self, topic: str) -> None:
        if self._retained.forget(topic):
            self._store.forgotten(topic)

    def forget_retained_of(self, name: str) -> int:
        """Forget what a device has left that is gone for good: what it published, as far as that is known, and all
        below devices/NAME, where only it may publish by the usual rules. Returns how many those were."""
        below = f"devices/{name}/"
        topics = [
            each.publish.topic
            for each in self._retained
            if each.owner == name or each.publish.topic.startswith(below) or each.publish.topic == below[:-1]
        ]
        for topic in topics:
            self._forget(topic)
        return len(topics)

    def publish_will(self, session: Session, will: Will, now: float) -> None:
        """Speak the session's will [MQTT-3.1.2-8]: a message of its client, for No Local too [MQTT-3.8.3-3]."""
        properties = NO_PROPERTIES
        if will.properties:  # in their order [MQTT-3.1.3-10]
            properties = Properties(**{k: v for k, v in vars(will.properties).items() if k != "will_delay_interval"})
        publish = Publish(will.topic, will.payload, will.qos, will.retain, properties=properties)
        if publish.retain and not self._retain(publish, session, now):  # [MQTT-3.1.2-14], [MQTT-3.1.2-15]
            self._forget(publish.topic)
        self._dispatch.publish(publish, session, now)

    # -- PUBREL ------------------------------------------------------------------------------------------------------

    def on_pubrel(self, session: Session, packet: PubRel, now: float) -> None:
        """The client releases a QoS 2 message: it may use the packet identifier anew [MQTT-4.3.3-11]."""
        known = packet.packet_id in session.incoming
        if known:
            session.incoming.pop(packet.packet_id, None)
            self._store.completed(session, packet.packet_id)
        if session.outbox is not None:
            # Not before it is safe: else, after a crash, the identifier's next message would be taken for this one.
            pubcomp = b"\x70\x02" + packet.packet_id.to_bytes(2, "big")
            if known and not session.number and not session.promised:
                session.outbox.acknowledge(packet.packet_id, pubcomp)
                return
            keep = partial(session.outbox.acknowledge, packet.packet_id, pubcomp)
            if not known and session.level == ProtocolLevel.V5:
                unknown = PubComp(packet.packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)
                keep = partial(session.outbox.send, unknown)
            self._dispatch.promises.make(self._store.number if session.number else 0, session, keep)
