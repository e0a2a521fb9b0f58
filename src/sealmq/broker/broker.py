"""The application: one handler for each packet. No sockets, no bytes, no clock.

The order is the security argument. A packet that comes here was framed, sized, legal in its state and its alias
resolved (mqtt/connection.py); here it is allowed (access.py), stored, routed (router.py, dispatch.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from sealmq.broker.access import Grants
from sealmq.broker.agenda import Agenda
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.expiry import SHARE, Expiry
from sealmq.broker.limits import Limits
from sealmq.broker.publishing import Publishing
from sealmq.broker.quotas import Quotas
from sealmq.broker.retained import Retained, RetainedMessage
from sealmq.broker.router import Router
from sealmq.broker.rules import Rule
from sealmq.broker.sessions import NEVER, Delivery, Outbox, Session, SessionKey, drop
from sealmq.broker.statistics import Statistics
from sealmq.broker.store import Store
from sealmq.broker.subscriptions import Subscriptions
from sealmq.identity import Identity
from sealmq.mqtt.aliases import TopicAliases
from sealmq.mqtt.codes import ProtocolLevel, ReasonCode
from sealmq.mqtt.connection import LONGEST_REASON
from sealmq.mqtt.packets import (
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PubAck,
    PubComp,
    PubRec,
    PubRel,
    Will,
)
from sealmq.mqtt.properties import NO_PROPERTIES, Properties

log = logging.getLogger("sealmq.broker")

EXPIRY_NEVER = 0xFFFF_FFFF
"""Session Expiry Interval that means for ever [MQTT 3.1.2.11.2]."""

PINGRESP = b"\xd0\x00"
"""The whole packet [MQTT 3.13]."""

SMALLEST_PACKET_LIMIT = 128
"""Bytes that a client's Maximum Packet Size must leave us: our CONNACK with all that it has to say has less, and a
client that cannot be told our limits cannot keep them [MQTT-3.2.2-15]."""


class Broker:
    """Decides who may say what to whom.

    rules:         who may publish and subscribe to what, in order.
    limits:        what one client and all of them may ask for.
    store:         is told of everything that has to survive.
    new_client_id: makes a client identifier that nobody has, for clients that bring none.

    on_answer:     what to do with each kind of packet that answers a message, or releases one.
    """

    def __init__(self, rules: Iterable[Rule], limits: Limits, store: Store, new_client_id: Callable[[], str]) -> None:
        self.limits = limits
        self.sessions: dict[SessionKey, Session] = {}
        self.router = Router()
        self.retained = Retained(*limits.retained)
        self.dispatch = Dispatch(self.router, limits, store)
        self.publishing = Publishing(self.retained, self.dispatch, limits, store)
        self.statistics = Statistics(self.sessions, self.router, self.retained, self.dispatch.counters)
        self.subscriptions = Subscriptions(self.router, self._walk, self.dispatch, limits, store)
        self.rules = tuple(rules)
        self.quotas = Quotas()
        self._store = store
        self._new_client_id = new_client_id
        self.on_answer: dict[type[Packet], Callable[[Session, Any, float], None]] = {
            PubAck: self.on_puback,
            PubRec: self.on_pubrec,
            PubRel: self.publishing.on_pubrel,
            PubComp: self.on_pubcomp,
        }
        self._agenda: Agenda[SessionKey] = Agenda()
        self._expiry = Expiry(self.sessions, self.retained, self.dispatch, store)

    # -- CONNECT to the session --------------------------------------------------------------------------------------

    def on_connect(self, outbox: Outbox, identity: Identity, packet: Connect, now: float) -> Session | None:
        """Answer CONNECT with CONNACK. None: it was refused, and the link is to be closed [MQTT-3.1.4-2]."""
        client_id = packet.client_id or self._assign_client_id(packet)
        if not client_id:
            # [MQTT-3.1.3-8] of 3.1.1: without a name there is nothing to come back to.
            self._refuse(
                outbox, ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "a session that lasts needs a client identifier"
            )
            return None
        if len(client_id.encode()) > self.limits.client_id_length:
            # [MQTT-3.1.3-8], [MQTT 3.1.1: MQTT-3.1.3-9]
            self.dispatch.counters.limits["client_id_length"] += 1
            self._refuse(outbox, ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "the client identifier is too long")
            return None
        grants = Grants(self.rules, identity, client_id)
        key = SessionKey(identity.name, client_id)
        thrown_away = self._expel_predecessor(key, identity, now)
        refusal = self._reason_to_refuse(packet, grants, key)
        if refusal is not None:
            self._refuse(outbox, *refusal)
            return None
        before = self.sessions.get(key)
        thrown_away = thrown_away or (packet.clean_start and before is not None and before.number != 0)
        session = self._take_over(key, packet.clean_start, now)  # [MQTT-3.1.4-4]
        resumed = session is not None
        if session is None:  # [MQTT-3.1.2-6], [MQTT 3.1.1: MQTT-3.1.2-4]
            session = self._open_session(Session(key, identity, grants))
        self._settle(session, packet, grants)
        if session.level != packet.level and session.subscriptions:
            self.router.forget_routes()
        session.attach(outbox, identity, packet.level)
        self.statistics.traffic.connect()
        self.router.presence_changed(session)
        self.subscriptions.check_again(session)
        self._store.opened(session)
        # [MQTT-3.1.4-5], [MQTT-3.2.2-2 to -3]
        connack = ConnAck(resumed, ReasonCode.SUCCESS, self._connack_properties(session, packet, client_id))
        if thrown_away:
            # "No session present" is a promise too: a crash must not bring back what was thrown away [MQTT-3.1.2-4].
            self.dispatch.wait_for_welcome(session)
            self.dispatch.promises.make(self._store.number, session, partial(self._welcome, session, connack, now))
        else:
            self._welcome(session, connack, now)
        return session

    def _welcome(self, session: Session, connack: ConnAck, now: float) -> None:
        if session.outbox is not None:
            session.outbox.send(connack)
            self.dispatch.resume(session, now)

    def keep_alive(self, packet: Connect) -> int:
        """Seconds of silence (half as much again is granted) after which this client is lost; 0: never.

        An MQTT 5 client is told when it is less than it asked for [MQTT-3.2.2-21]; a 3.1.1 client cannot be.
        """
        most = self.limits.keep_alive_maximum
        if packet.level == ProtocolLevel.V5 and not 0 < packet.keep_alive <= most:
            return most
        return packet.keep_alive

    def _assign_client_id(self, packet: Connect) -> str:
        if packet.level == ProtocolLevel.V311 and not packet.clean_start:
            return ""
        return self._new_client_id()  # [MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT 3.1.1: MQTT-3.1.3-6]

    def _refuse(self, outbox: Outbox, reason_code: ReasonCode, why: str) -> None:
        outbox.send(ConnAck(False, reason_code, Properties(reason_string=why[:LONGEST_REASON])))
        outbox.end(reason_code, f"CONNECT refused: {why}")

    def _reason_to_refuse(self, packet: Connect, grants: Grants, key: SessionKey) -> tuple[ReasonCode, str] | None:
        if packet.properties.authentication_method is not None:
            # [MQTT-4.12.0-1]: no method is configured. So we send no AUTH, and accept none by CONNACK: what is asked of
            # those [MQTT-4.12.0-2, MQTT-4.12.0-4, MQTT-4.12.0-5] is kept by this refusal.
            return ReasonCode.BAD_AUTHENTICATION_METHOD, "no authentication method but the certificate is known here"
        if 0 < (packet.properties.maximum_packet_size or 0) < SMALLEST_PACKET_LIMIT:
            return (
                ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
                f"Maximum Packet Size is below {SMALLEST_PACKET_LIMIT}: no room for our answers",
            )
        if self._store.failing and self._needs_disk(packet, key):
            return ReasonCode.SERVER_UNAVAILABLE, "the disk takes no more sessions"
        met = self._met_by_session(key)
        if met:
            self.dispatch.counters.limits[met] += 1
            return ReasonCode.QUOTA_EXCEEDED, f"there are as many as [limits] {met} allows"
        will = packet.will
        if will is None:
            return None
        met = self.limits.met_by_topic(will.topic)
        if met:
            self.dispatch.counters.limits[met] += 1
            return ReasonCode.TOPIC_NAME_INVALID, "the will's topic name is too long"
        decision = grants.may_leave_will(will.topic)
        if not decision.allowed:
            return ReasonCode.NOT_AUTHORIZED, f"the will may not be published to {will.topic!r}: {decision.rule}"
        return None

    def _met_by_session(self, key: SessionKey) -> str:
        """The limit that forbids this identity another client, or another session; "" when none does."""
        quota = self.quotas.of(key.identity)
        before = self.sessions.get(key)
        if (before is None or before.outbox is None) and quota.links >= self.limits.connections_per_identity:
            return "connections_per_identity"
        if before is None and quota.sessions >= self.limits.sessions_per_identity:
            return "sessions_per_identity"
        if before is None and len(self.sessions) >= self.limits.sessions:
            return "sessions"
        return ""

    def _open_session(self, session: Session) -> Session:
        self.sessions[session.key] = session
        session.join(self.quotas.open_session(session.key.identity))
        return session

    def _take_over(self, key: SessionKey, clean_start: bool, now: float) -> Session | None:
        """The session to go on with, its former link ended [MQTT-3.1.4-3]; None when a new one is due."""
        session = self.sessions.get(key)
        if session is None:
            return None
        if session.outbox is not None:
            outbox = session.outbox
            self.on_lost(session, now, is_back=not clean_start)
            outbox.end(ReasonCode.SESSION_TAKEN_OVER, "the same client connected again")
        self._look_at(session, now)  # its time may have come since the last tick
        if key not in self.sessions:
            return None
        if clean_start:  # [MQTT-3.1.2-4]
            self._end_session(session, now)
            return None
        if session.will is not None:
            # [MQTT-3.1.3-9]: back before the delay has passed, so the will is not published.
            session.will, session.will_at = None, NEVER
        return session  # [MQTT-3.1.2-5]

    def _needs_disk(self, packet: Connect, key: SessionKey) -> bool:
        """Would this CONNECT have to write, other than that a session goes on?"""
        before = self.sessions.get(key)
        if before is not None and before.number and not packet.clean_start:
            return False
        lasts = not packet.clean_start
        if packet.level == ProtocolLevel.V5:
            lasts = bool(packet.properties.session_expiry_interval)
        return lasts or (before is not None and before.number != 0)

    def _settle(self, session: Session, packet: Connect, grants: Grants) -> None:
        """What CONNECT says of this link and of the session's life."""
        properties = packet.properties
        session.grants = grants
        session.publishable.clear()
        session.will = packet.will  # [MQTT-3.1.2-7]
        session.will_at = NEVER
        if packet.level == ProtocolLevel.V311:  # [MQTT 3.1.1: MQTT-3.1.2-4, MQTT-3.1.2-6, MQTT-4.1.0-1]
            session.expiry = 0.0 if packet.clean_start else self._capped(EXPIRY_NEVER, session.identity)
        else:
            session.expiry = self._capped(properties.session_expiry_interval or 0, session.identity)
        in_flight = self.limits.in_flight  # fewer than the client takes is allowed [MQTT 3.1.2.11.3]
        session.in_flight_limit = min(properties.receive_maximum or in_flight, in_flight)
        packet_limit = properties.maximum_packet_size or 0
        # [MQTT-3.1.2-26], [MQTT-3.1.2-27]; none is known from the link before [MQTT-3.3.2-7].
        aliases = min(properties.topic_alias_maximum or 0, self.limits.topic_alias_maximum)
        if packet_limit != session.packet_limit or bool(aliases) != session.takes_aliases:
            session.packet_limit, session.takes_aliases = packet_limit, bool(aliases)
            if session.subscriptions:
                self.router.forget_routes()
        session.aliases = TopicAliases(aliases) if aliases else None
        session.problem_information = properties.request_problem_information != 0

    def _capped(self, interval: int, identity: Identity) -> float:
        # Many have the same claim, and none of them comes back with it: nothing of it outlives its link.
        most = self.limits.session_expiry_maximum if identity.kind != "claim" else 0
        seconds = interval if most == EXPIRY_NEVER else min(interval, most)
        return NEVER if seconds == EXPIRY_NEVER else float(seconds)

    def _connack_properties(self, session: Session, packet: Connect, client_id: str) -> Properties:
        if packet.level == ProtocolLevel.V311:
            return NO_PROPERTIES
        # Every QoS, RETAIN, wildcards and the rest are there, which is what CONNACK says by not speaking of it
        # [MQTT-3.2.2-9 to -10, MQTT-3.2.2-12 to -13]. We have no Response Information to give [MQTT-3.1.2-28].
        properties = Properties(
            receive_maximum=self.limits.receive_maximum,
            maximum_packet_size=self.limits.packet_size,
            topic_alias_maximum=self.limits.topic_alias_maximum,
        )
        if not packet.client_id:
            properties.assigned_client_identifier = client_id  # [MQTT-3.2.2-16]
        asked = packet.properties.session_expiry_interval or 0
        if asked and session.expiry != (NEVER if asked == EXPIRY_NEVER else asked):
            self.dispatch.counters.limits["session_expiry_maximum"] += 1
            properties.session_expiry_interval = int(session.expiry)
        keep_alive = self.keep_alive(packet)
        if keep_alive != packet.keep_alive:
            self.dispatch.counters.limits["keep_alive_maximum"] += 1
            properties.server_keep_alive = keep_alive  # [MQTT-3.2.2-22]
        return properties

    # -- the link ends -----------------------------------------------------------------------------------------------

    def on_disconnect(self, session: Session, packet: Disconnect, now: float) -> None:
        """The client says goodbye. With any reason but 'normal' its will is spoken [MQTT-3.1.2-8]."""
        interval = packet.properties.session_expiry_interval
        if interval is not None:  # that CONNECT gave one too was asked by mqtt/connection.py [MQTT 3.14.2.2.2]
            session.expiry = self._capped(interval, session.identity)
        if packet.reason_code == ReasonCode.SUCCESS:  # [MQTT-3.14.4-3], [MQTT-3.1.2-10]
            session.will = None
        self.on_lost(session, now)

    def on_lost(self, session: Session, now: float, *, is_back: bool = False) -> None:
        """The link is gone. The will is due now or after its delay, and the session lives on as long as it may.

        is_back: its client has already come by another link, and takes up what it left.
        """
        session.detach()
        self.statistics.traffic.disconnect()
        self.router.presence_changed(session)
        self.dispatch.link_gone(session)
        if session.expiry == 0:  # [MQTT-4.1.0-2], [MQTT 3.1.1: MQTT-3.1.2-6]
            self._end_session(session, now)
            return
        if not is_back:
            self.dispatch.hand_on(session, now)
        session.expires_at = now + session.expiry  # [MQTT-3.1.2-23]
        if session.will is not None:
            session.will_at = now + (session.will.properties.will_delay_interval or 0)  # [MQTT-3.1.2-8]
            if session.will_at <= now:
                self._publish_will(session, now)
        self._store.opened(session)
        self._remind(session)

    def end_sessions(self, identity: str, now: float, why: str, heir: Identity | None = None) -> None:
        """The identity is no more (its device was revoked, its account removed): end every session that belongs to
        it, and its links. Nothing more is said in its name, its wills included.

        heir: who has the name by now, and keeps its own sessions.
        """
        self.end_sessions_of({identity: heir}, now, why)

    def end_sessions_of(self, heirs: Mapping[str, Identity | None], now: float, why: str) -> None:
        """The same for many at once: identity -> who has the name by now, in one walk over the sessions."""
        for session in [session for key, session in self.sessions.items() if key.identity in heirs]:
            heir = heirs[session.key.identity]
            if heir is None or session.identity.bearer != heir.bearer:
                self._expel(session, why, now)

    def _expel_predecessor(self, key: SessionKey, identity: Identity, now: float) -> bool:
        """End a session that another bearer of the name has left. True: a store had kept it."""
        session = self.sessions.get(key)
        if session is None or session.identity.bearer == identity.bearer:
            return False
        was_kept = session.number != 0
        self._expel(session, "its name belongs to somebody else by now", now)
        return was_kept

    def silence(self, session: Session, why: str) -> None:
        """Let the will of somebody who is trusted no more never be spoken, nor after a crash."""
        if session.will is None:
            return
        self.dispatch.counters.unspoken_wills += 1
        log.info("%s (client %r): its will to %r is not published: %s", *session.key, session.will.topic, why)
        self.forget_will(session)

    def _expel(self, session: Session, why: str, now: float) -> None:
        self.silence(session, why)
        session.expiry = 0.0
        if session.outbox is None:
            self._end_session(session, now)
            return
        outbox = session.outbox
        self.on_lost(session, now)
        outbox.end(ReasonCode.ADMINISTRATIVE_ACTION, why)

    def _end_session(self, session: Session, now: float) -> None:
        """Forget it, and what is retained not [MQTT 3.1.1: MQTT-3.1.2-7]."""
        for topic_filter in session.subscriptions:
            self.router.unsubscribe(session, topic_filter)
        del self.sessions[session.key]
        self._agenda.forget(session.key)
        self.dispatch.expiring.forget(session.key)
        self._store.ended(session)
        self.dispatch.inherit(session, now)
        session.leave()
        self.quotas.end_session(session.key.identity)
        if session.will is not None:  # [MQTT-3.1.2-8]: at the latest when the session ends
            self._publish_will(session, now)

    def forget_will(self, session: Session) -> None:
        """The session's will is not to be spoken any more, nor after a crash."""
        session.will, session.will_at = None, NEVER
        self._store.opened(session)

    def _publish_will(self, session: Session, now: float) -> None:
        will: Will | None = session.will
        session.will, session.will_at = None, NEVER  # [MQTT-3.1.2-10]
        if will is None:  # [MQTT 3.1.1: MQTT-3.1.2-12]
            return
        self.publishing.publish_will(session, will, now)

    def tick(self, now: float) -> None:
        """Time has passed: wills that are due, sessions and messages that end, writers that have waited long enough,
        numbers."""
        left = SHARE
        for key in self._agenda.due(now):
            session = self.sessions.get(key)
            if session is not None and session.outbox is None:
                left -= 1 + len(session.queue)
                self._look_at(session, now)
                if key in self.sessions:
                    self._remind(session)
            if left <= 0:
                break  # the rest is due at the next tick
        self._expiry.tick(now)
        self.dispatch.tick(now)
        for publish in self.statistics.tick(now):
            self.dispatch.publish(publish, None, now)

    def _remind(self, session: Session) -> None:
        self._agenda.remind(session.key, min(session.will_at, session.expires_at))

    def _look_at(self, session: Session, now: float) -> None:
        """Do what is due for a session whose client is away."""
        if session.will_at <= now:
            self._publish_will(session, now)
            self._store.opened(session)  # without it: what was said once is not to be said again after a crash
        if session.expires_at <= now:  # [MQTT-4.1.0-2]
            self._end_session(session, now)

    # -- messages, and what answers them -----------------------------------------------------------------------------

    def _walk(self, topic_filter: str, now: float) -> Iterator[RetainedMessage | None]:
        """What is retained, and the broker's own numbers, which are never old."""
        yield from self.retained.walk(topic_filter, now)
        yield from self.statistics.walk(topic_filter, now)

    def on_puback(self, session: Session, packet: PubAck, now: float) -> None:
        """The client has a QoS 1 message, or refuses it: done, for everybody [MQTT-4.4.0-2, MQTT-4.8.2-6]."""
        delivery = session.outgoing.on_puback(packet.packet_id)
        if delivery is None:
            return  # late, or made up: nothing hangs on it
        self._finish(session, delivery, now)

    def _finish(self, session: Session, delivery: Delivery, now: float) -> None:
        session.count_in_flight(-delivery.size)
        self._store.finished(session, delivery)
        self.dispatch.send_waiting(session, now)

    def on_pubrec(self, session: Session, packet: PubRec, now: float) -> None:
        """The client has a QoS 2 message, or refuses it, which ends it [MQTT-4.4.0-2, MQTT-4.8.2-6]."""
        failed = packet.reason_code >= ReasonCode.UNSPECIFIED_ERROR
        delivery = session.outgoing.on_pubrec(packet.packet_id, failed)
        if delivery is not None and failed:
            self._finish(session, delivery, now)
        elif session.outbox is not None and not failed:
            known = delivery is not None or packet.packet_id in session.outgoing.released
            if delivery is not None:
                self._store.released(session, delivery, packet.packet_id)
            if known or session.level == ProtocolLevel.V311:
                self.dispatch.release(session, packet.packet_id)
            else:
                unknown = PubRel(packet.packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND)
                self.dispatch.promises.make(0, session, partial(session.outbox.send, unknown))

    def on_pubcomp(self, session: Session, packet: PubComp, now: float) -> None:
        """A QoS 2 message is done."""
        delivery = session.outgoing.on_pubcomp(packet.packet_id)
        if delivery is not None:
            self._finish(session, delivery, now)

    def on_pingreq(self, session: Session) -> None:
        """The client asks whether we live [MQTT-3.12.4-1]."""
        if session.outbox is None:
            return
        if session.push is drop:  # its CONNACK waits
            self.dispatch.promises.make(0, session, partial(session.outbox.answer, PINGRESP))
        else:
            session.outbox.answer(PINGRESP)

    # -- the store ---------------------------------------------------------------------------------------------------

    def restore(self, sessions: Iterable[Session], retained: Iterable[RetainedMessage]) -> None:
        """Go on with what a store kept, before the first client comes."""
        for session in sessions:
            self._open_session(session)
            for held in session.subscriptions.values():
                self.router.subscribe(session, held)
            self._remind(session)
            self._expiry.restore(session)
        too_many = [message for message in retained if not self.retained.keep(message)]
        forgotten = {message.publish.topic: self.retained.met_by(message) for message in too_many}
        if forgotten:
            log.warning(
                "%d retained messages are more than [limits] %s allow now, and are forgotten, among them the one to %r",
                len(forgotten),
                " and ".join(sorted(set(forgotten.values()))),
                next(iter(forgotten)),
            )
        for topic in forgotten:
            self._store.forgotten(topic)

    def committed(self, number: int) -> None:
        """The store has made everything up to change `number` safe."""
        self.dispatch.promises.commit(number)

    def not_committed(self) -> None:
        """The store could not make safe what it was told, and goes on trying."""
        self.dispatch.promises.fail()
