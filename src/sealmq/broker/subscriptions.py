"""SUBSCRIBE and UNSUBSCRIBE: what a session wants, and what is retained of it [MQTT 3.8 to 3.11]."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from sealmq.broker.dispatch import Dispatch
from sealmq.broker.limits import Limits
from sealmq.broker.retained import Retained
from sealmq.broker.router import Router
from sealmq.broker.sessions import Delivery, Held, Session
from sealmq.broker.store import Store
from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import ProtocolLevel, ReasonCode
from sealmq.mqtt.packets import SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe
from sealmq.mqtt.topics import check_topic_filter, split_shared

log = logging.getLogger("sealmq.broker")


class Subscriptions:
    """Takes subscriptions in and out of sessions and router, as far as rules and limits allow."""

    def __init__(self, router: Router, retained: Retained, dispatch: Dispatch, limits: Limits, store: Store) -> None:
        self._router = router
        self._retained = retained
        self._dispatch = dispatch
        self._limits = limits
        self._store = store

    def on_subscribe(self, session: Session, packet: Subscribe, now: float) -> None:
        """Answer each filter with its own reason code [MQTT-3.8.4-6], then send what is retained."""
        identifiers = packet.properties.subscription_identifiers
        identifier = identifiers[0] if identifiers else 0
        reason_codes: list[int] = []
        reasons: list[str] = []
        granted: list[tuple[Held, bool]] = []
        for subscription in packet.subscriptions:
            refusal = self._check(session, subscription)
            if refusal is not None:
                reason_codes.append(refusal[0])
                reasons.append(f"{subscription.topic_filter}: {refusal[1]}")
                continue
            held = Held(subscription, identifier)
            granted.append((held, subscription.topic_filter not in session.subscriptions))
            session.subscriptions[subscription.topic_filter] = held
            self._router.subscribe(session, held)
            self._store.subscribed(session, held)
            reason_codes.append(subscription.qos)
        answer = SubAck(packet.packet_id, reason_codes, session.reason_string("; ".join(reasons)))

        def keep() -> None:
            if session.outbox is not None:
                session.outbox.send(answer)  # [MQTT-3.8.4-1]
            for held, is_new in granted:
                handling = held.subscription.retain_handling
                if held.subscription.topic_filter not in session.subscriptions:
                    continue  # taken back before this could be said
                if handling == 0 or (handling == 1 and is_new):  # [MQTT-3.3.1-9 to -11]
                    self._send_retained(session, held, now)

        self._promise(session, keep)

    def _check(self, session: Session, subscription: Subscription) -> tuple[ReasonCode, str] | None:
        """None when the session may hold it; else why not."""
        topic_filter = subscription.topic_filter
        if self._store.failing and session.number:
            return ReasonCode.QUOTA_EXCEEDED, "the disk takes no more subscriptions"
        try:
            check_topic_filter(topic_filter)
        except RemoteProtocolError as error:
            return ReasonCode.TOPIC_FILTER_INVALID, error.what
        if self._limits.forbids_topic(topic_filter):
            return ReasonCode.TOPIC_FILTER_INVALID, "the topic filter is too long"
        if session.level == ProtocolLevel.V5 and split_shared(topic_filter) is not None:
            return ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, "shared subscriptions are not supported"
        decision = session.may_subscribe(topic_filter)
        if not decision.allowed:
            who, client_id = session.key
            log.info("%s (client %r) may not subscribe to %r: %s", who, client_id, topic_filter, decision.rule)
            return ReasonCode.NOT_AUTHORIZED, decision.rule
        most = self._limits.subscriptions_per_session
        if len(session.subscriptions) >= most and topic_filter not in session.subscriptions:
            return ReasonCode.QUOTA_EXCEEDED, f"no more than {most} subscriptions"
        return None

    def _send_retained(self, session: Session, held: Held, now: float) -> None:
        identifiers = (held.identifier,) if held.identifier else ()
        subscription = held.subscription
        for message in list(self._retained.matching(subscription.topic_filter, now)):
            qos = min(message.publish.qos, subscription.qos)  # [MQTT-3.8.4-8]
            # [MQTT-3.3.1-8]: RETAIN is 1, whatever Retain As Published says.
            delivery = Delivery(message.publish, qos, True, identifiers, message.expires_at)
            if qos:
                self._dispatch.deliver(session, delivery, now)
            else:
                self._dispatch.deliver_once(session, delivery, now)

    def on_unsubscribe(self, session: Session, packet: Unsubscribe) -> None:
        """Forget the filters, compared letter by letter [MQTT-3.10.4-1]."""
        reason_codes: list[int] = []
        for topic_filter in packet.topic_filters:
            if topic_filter not in session.subscriptions:
                reason_codes.append(ReasonCode.NO_SUBSCRIPTION_EXISTED)
                continue
            self._forget(session, topic_filter)
            reason_codes.append(ReasonCode.SUCCESS)
        if session.outbox is not None:
            answer = UnsubAck(packet.packet_id, reason_codes)  # [MQTT-3.10.4-4, MQTT-3.11.3-1]
            self._promise(session, partial(session.outbox.send, answer))

    def adopt(self, limits: Limits) -> None:
        """Other limits from now on; what is held already stays."""
        self._limits = limits

    def check_again(self, session: Session) -> list[str]:
        """A client came back, perhaps in another role or to other rules: take away what it may no longer have.

        Returns the filters that it lost.
        """
        lost = []
        for topic_filter in list(session.subscriptions):
            decision = session.may_subscribe(topic_filter)
            if not decision.allowed:
                who, client_id = session.key
                log.info("%s (client %r) loses %r, to which it may no longer subscribe", who, client_id, topic_filter)
                self._forget(session, topic_filter)
                lost.append(topic_filter)
        return lost

    def _promise(self, session: Session, keep: Callable[[], None]) -> None:
        """Answer, when what is answered for is safe: at once for a session that does not outlive its link."""
        number = self._store.number if session.number else 0
        self._dispatch.promises.make(number, session, keep)

    def _forget(self, session: Session, topic_filter: str) -> None:
        del session.subscriptions[topic_filter]
        self._router.unsubscribe(session, topic_filter)
        self._store.unsubscribed(session, topic_filter)
