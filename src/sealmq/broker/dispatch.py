"""How a message gets from the route to its takers, and to one member of each group.

Encode once, append many: a fan-out encodes each variant (protocol level, QoS) once, and what a taker costs at QoS 0 is
one list append. QoS 1 and 2 differ in the packet identifier alone.
"""

from __future__ import annotations

from collections.abc import Container

from sealmq.broker.deliveries import Deliveries
from sealmq.broker.groups import Group
from sealmq.broker.limits import Limits
from sealmq.broker.router import Route, Router, Taker
from sealmq.broker.sessions import NEVER, Delivery, Session
from sealmq.broker.store import Store
from sealmq.mqtt.codes import ProtocolLevel
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.topics import matches, wanted_by
from sealmq.mqtt.writer import encode_publish_frame, encode_publish_qos0


class Dispatch(Deliveries):
    """Takes a message to everybody who wants it."""

    def __init__(self, router: Router, limits: Limits, store: Store) -> None:
        super().__init__(limits, store)
        self.router = router

    # -- a message comes ---------------------------------------------------------------------------------------------

    def publish(self, publish: Publish, sender: Session | None, now: float) -> bool:
        """Give the message to its takers [MQTT-4.5.0-1]. False: there are none. `sender` None: the broker itself."""
        route = self.router.route(publish.topic)
        if route.groups:
            self._publish_to_groups(publish, route, sender, now)
        if not route.takers:
            return bool(route.groups)
        if publish.qos == 0:
            self._publish_qos0(publish, route, sender)
        else:
            self._publish_with_acknowledgement(publish, route, sender, now)
        if sender is not None and (behind := self.patience.behind) and not behind.isdisjoint(route.sessions):
            self.patience.hold(sender, route.sessions)
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
        if route.aliased:
            self._push_aliased(publish, route.aliased)
        for taker in route.special:
            self._push_one(publish, taker, sender)

    def _push_aliased(self, publish: Publish, sessions: tuple[Session, ...]) -> None:
        """QoS 0 to takers of topic aliases: encoded once for each number that the topic has on their links."""
        piece = encode_publish_qos0(publish, ProtocolLevel.V5)
        topic = publish.topic.encode()
        shortened: dict[bytes, bytes] = {}
        for session in sessions:
            aliases = session.aliases
            if aliases is None:
                continue  # away
            alias = aliases.known.get(topic)
            if alias is None:
                session.push(aliases.shorten_packet(piece, not session.link_is_full))
                continue
            short = shortened.get(alias)
            if short is None:
                short = shortened[alias] = aliases.shorten_packet(piece, False)
            session.push(short)
        self.spoken.update(sessions)
        self.spoken_bytes += len(piece) * len(sessions)
        self.counters.delivered += len(sessions)

    def _push_one(self, publish: Publish, taker: Taker, sender: Session | None) -> None:
        """QoS 0 to a taker whose copy differs from the others'."""
        wanted = taker.of_its_own if taker.session is sender else taker
        if wanted is not None:  # [MQTT-3.8.3-3]
            piece = encode_publish_qos0(
                publish,
                taker.session.level,
                retain=publish.retain and wanted.retain_as_published,  # [MQTT-3.3.1-12], [MQTT-3.3.1-13]
                subscription_identifiers=wanted.subscription_identifiers,
            )
            self._push_piece(taker.session, piece)

    def _publish_with_acknowledgement(self, publish: Publish, route: Route, sender: Session | None, now: float) -> None:
        interval = publish.properties.message_expiry_interval
        expires_at = NEVER if interval is None else now + interval
        shared: dict[int, Delivery] = {}
        frames: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        for each in route.takers:
            session = each.session
            taker = each.of_its_own if session is sender else each
            if taker is None:  # [MQTT-3.8.3-3]
                continue
            qos = taker.qos if taker.qos < publish.qos else publish.qos  # [MQTT-3.8.4-8]
            if qos == 0:
                self._push_one(publish, taker, sender)
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

    # -- one member of a group gets it -------------------------------------------------------------------------------

    def _publish_to_groups(self, publish: Publish, route: Route, sender: Session | None, now: float) -> None:
        """One copy for each shared subscription that matches, whatever else its members get [MQTT 4.8.2]."""
        interval = publish.properties.message_expiry_interval
        expires_at = NEVER if interval is None else now + interval
        for group in route.groups:
            chosen = self._give(group, publish, expires_at, now)
            if chosen in self.patience.behind and sender is not None:
                self.patience.hold(sender, (chosen,))  # it was the best: everybody is behind

    def _give(self, group: Group, publish: Publish, expires_at: float, now: float) -> Session | None:
        """Give the message to the member whose turn it is. None: there is nobody who could have it."""
        session = group.next(publish.qos, self._is_ready)
        if session is None:
            return None
        subscription, identifier = group.members[session]
        delivery = Delivery(
            publish,
            min(publish.qos, subscription.qos),  # [MQTT-4.8.2-3]
            publish.retain and subscription.retain_as_published,
            (identifier,) if identifier else (),  # a copy of its own [MQTT-3.3.4-5]
            expires_at,
            subscription.topic_filter,
        )
        if delivery.qos:
            self.deliver(session, delivery, now)
        else:
            self.deliver_once(session, delivery, now)
        return session

    def _is_ready(self, session: Session) -> bool:
        """Could it be sent a message at once?"""
        waits = session.queue or session.outgoing.unsent
        is_slow = session.link_is_full or session in self.patience.behind
        return not is_slow and not waits and self._has_room(session)

    def hand_on(self, session: Session, now: float) -> None:
        """The session's client is gone: what it took for groups and did not finish goes to other members that are here.

        At QoS 1 that may be done as soon as the link is lost; at QoS 2 what was sent belongs to this client, whether it
        comes back [MQTT-4.8.2-4] or not [MQTT-4.8.2-5]. What nobody else can take stays, for the end of the session.
        """
        served = {shared for shared in session.subscriptions if shared in self.router.groups}
        served = {shared for shared in served if self.router.groups[shared].is_served}
        for delivery in self._take_shared(session, served) if served else ():
            self._store.finished(session, delivery)
            self._pass_on(delivery, now)

    def inherit(self, session: Session, now: float) -> None:
        """The session has ended: what it took for groups goes to other members, also to those that are away."""
        for delivery in self._take_shared(session, self.router.groups) if self.router.groups else ():
            self._pass_on(delivery, now)

    def _pass_on(self, delivery: Delivery, now: float) -> None:
        if delivery.expires_at <= now:  # [MQTT-3.3.2-5]
            self.counters.dropped_expired += 1
        else:
            self._give(self.router.groups[delivery.shared], delivery.publish, delivery.expires_at, now)

    def _take_shared(self, session: Session, groups: Container[str]) -> list[Delivery]:
        """Take out of the session, in its order, what it holds for these groups and another member may have."""
        session.outgoing.restart()
        unsent = reversed(session.outgoing.unsent.items())
        left = {packet_id: one for packet_id, one in unsent if one.qos == 1 and one.shared in groups}
        for packet_id, one in left.items():
            session.outgoing.drop(packet_id)
            session.count_in_flight(-one.size)
        return [*left.values(), *session.take_out(lambda one: one.shared in groups)]

    def withdraw(self, session: Session, now: float) -> None:
        """Drop what waits for subscriptions that the session no longer has. What it took for a group, another gets."""
        filters = [wanted_by(each) for each in session.subscriptions]

        def is_unwanted(one: Delivery) -> bool:
            if one.shared:
                return one.shared not in session.subscriptions
            return not any(matches(each, one.publish.topic) for each in filters)

        for one in session.take_out(is_unwanted):
            self._store.finished(session, one)
            if one.shared in self.router.groups:
                self._pass_on(one, now)
