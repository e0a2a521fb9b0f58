"""SUBSCRIBE and UNSUBSCRIBE: what a session wants, and what is retained of it [MQTT 3.8 to 3.11]."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from sealmq.broker.complaints import tell_refusal
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.limits import Limits
from sealmq.broker.owed import Owed, Walk
from sealmq.broker.router import Router
from sealmq.broker.sessions import Held, Session
from sealmq.broker.store import Store
from sealmq.errors import RemoteProtocolError
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe
from sealmq.mqtt.topics import SHARED, check_topic_filter, wanted_by

log = logging.getLogger("sealmq.broker")

FILTERS_IN_ONE = 1_000
"""Topic filters in one SUBSCRIBE: as many as a session may hold by default. The 262,000 that fit into a megabyte would
take seconds in which nobody else is served."""


class Subscriptions:
    """Takes subscriptions in and out of sessions and router, as far as rules and limits allow.

    walk: finds what is retained for a new subscription.
    """

    def __init__(self, router: Router, walk: Walk, dispatch: Dispatch, limits: Limits, store: Store) -> None:
        self._router = router
        self._walk = walk
        self._dispatch = dispatch
        self._limits = limits
        self._store = store

    def on_subscribe(self, session: Session, packet: Subscribe, now: float) -> None:
        """Take one filter after the other [MQTT-3.8.4-5], give each its reason code [MQTT-3.8.4-6], then send what is
        retained."""
        if len(packet.subscriptions) > FILTERS_IN_ONE:
            raise RemoteProtocolError(
                f"{len(packet.subscriptions):,} topic filters are in one SUBSCRIBE, {FILTERS_IN_ONE:,} may be",
                ReasonCode.QUOTA_EXCEEDED,
            )
        identifiers = packet.properties.subscription_identifiers
        identifier = identifiers[0] if identifiers else 0
        reason_codes: list[int] = []
        reasons: list[str] = []
        granted: list[tuple[Held, bool]] = []
        for subscription in packet.subscriptions:
            refusal = self._check(session, subscription)
            if refusal is not None:
                self._dispatch.counters.refused_subscribe += 1
                reason_codes.append(refusal[0])
                reasons.append(f"{subscription.topic_filter}: {refusal[1]}")
                continue
            held = Held(subscription, identifier)
            granted.append((held, session.subscribe(held)))  # [MQTT-3.8.4-3], [MQTT 3.1.1: MQTT-3.8.4-3]
            self._router.subscribe(session, held)
            self._store.subscribed(session, held)
            reason_codes.append(subscription.qos)  # [MQTT-3.8.4-7]
        # [MQTT-2.2.1-6, MQTT-3.8.4-2, MQTT-3.9.3-1]
        answer = SubAck(packet.packet_id, reason_codes, session.reason_string("; ".join(reasons)))

        def keep() -> None:
            if session.outbox is not None:
                session.outbox.send(answer)  # [MQTT-3.8.4-1]
            for held, is_new in granted:
                handling = held.subscription.retain_handling
                if held.subscription.topic_filter not in session.subscriptions:
                    continue  # taken back before this could be said
                # [MQTT-3.3.1-9 to -11], [MQTT-3.8.4-4], [MQTT 3.1.1: MQTT-3.3.1-6]
                if handling == 0 or (handling == 1 and is_new):
                    self._owe_retained(session, held.subscription.topic_filter)
            self._dispatch.send_waiting(session, now)

        self._promise(session, keep)

    def _check(self, session: Session, subscription: Subscription) -> tuple[ReasonCode, str] | None:
        """None when the session may hold it; else why not."""
        topic_filter = subscription.topic_filter
        if self._store.failing and session.number:
            return ReasonCode.QUOTA_EXCEEDED, "the disk takes no more subscriptions"
        try:
            check_topic_filter(topic_filter)  # wildcards are there, so none is refused [MQTT 3.1.1: MQTT-3.8.3-2]
        except RemoteProtocolError as error:
            return ReasonCode.TOPIC_FILTER_INVALID, error.what
        met = self._limits.met_by_topic(topic_filter)
        if met:
            self._dispatch.counters.limits[met] += 1
            return ReasonCode.TOPIC_FILTER_INVALID, "the topic filter is too long"
        decision = session.may_subscribe(wanted_by(topic_filter))
        if not decision.allowed:
            tell_refusal(session, "subscribe to", topic_filter, decision.rule)
            return ReasonCode.NOT_AUTHORIZED, decision.rule
        if topic_filter in session.subscriptions:
            return None
        for met, held in (
            ("subscriptions_per_session", len(session.subscriptions)),
            ("subscriptions_per_identity", session.quota.subscriptions),
        ):
            most = getattr(self._limits, met)
            if held >= most:
                self._dispatch.counters.limits[met] += 1
                return ReasonCode.QUOTA_EXCEEDED, f"no more than {most:,} subscriptions"
        return None

    def _owe_retained(self, session: Session, topic_filter: str) -> None:
        if topic_filter.startswith(SHARED):
            return  # what is retained is for a subscriber, not for a group [MQTT 4.8.2]
        if session.owed is None:
            session.owed = Owed(self._walk)
        session.owed.add(topic_filter)

    def on_unsubscribe(self, session: Session, packet: Unsubscribe) -> None:
        """Forget the filters, one after the other [MQTT-3.10.4-6], compared letter by letter [MQTT-3.10.4-1].

        What is on its way goes on [MQTT-3.10.4-3]; nothing new is taken in [MQTT-3.10.4-2].
        """
        reason_codes: list[int] = []
        for topic_filter in packet.topic_filters:
            if topic_filter not in session.subscriptions:
                reason_codes.append(ReasonCode.NO_SUBSCRIPTION_EXISTED)
                continue
            self._forget(session, topic_filter)
            reason_codes.append(ReasonCode.SUCCESS)
        if session.outbox is not None:
            # [MQTT-2.2.1-6, MQTT-3.10.4-4 to -5, MQTT-3.11.3-1]
            answer = UnsubAck(packet.packet_id, reason_codes)
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
            decision = session.may_subscribe(wanted_by(topic_filter))
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
        session.unsubscribe(topic_filter)
        self._router.unsubscribe(session, topic_filter)
        self._store.unsubscribed(session, topic_filter)
