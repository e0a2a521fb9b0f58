"""Subscriptions alone: answers, what is retained, and what is taken away again."""

from __future__ import annotations

import pytest

from outboxes import RememberingOutbox, RememberingStore, held, session
from sealmq.broker.access import Grants
from sealmq.broker.dispatch import Dispatch
from sealmq.broker.limits import Limits
from sealmq.broker.retained import Retained, RetainedMessage
from sealmq.broker.router import Router
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.broker.sessions import NEVER
from sealmq.broker.subscriptions import Subscriptions
from sealmq.mqtt.packets import Publish, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe
from sealmq.mqtt.properties import Properties


class Rooms:
    def __init__(self, **limits: int) -> None:
        bounds = Limits(**limits)
        self.store = RememberingStore()
        self.router = Router()
        self.retained = Retained(100, 100_000)
        self.dispatch = Dispatch(self.router, bounds, self.store)
        self.subscriptions = Subscriptions(self.router, self.retained, self.dispatch, bounds, self.store)
        self.outbox = RememberingOutbox()
        self.session = session(outbox=self.outbox)

    def subscribe(self, *subscriptions: Subscription, **properties: object) -> SubAck:
        packet = Subscribe(1, list(subscriptions), Properties(**properties))
        self.subscriptions.on_subscribe(self.session, packet, 0.0)
        answer = self.outbox.sent.pop()
        assert isinstance(answer, SubAck)
        return answer

    def unsubscribe(self, *topic_filters: str) -> UnsubAck:
        self.subscriptions.on_unsubscribe(self.session, Unsubscribe(2, list(topic_filters)))
        answer = self.outbox.sent.pop()
        assert isinstance(answer, UnsubAck)
        return answer


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


def test_session_and_router_agree(rooms: Rooms) -> None:
    assert rooms.subscribe(Subscription("a", 1), Subscription("b/#", 2), subscription_identifiers=(9,)) == SubAck(
        1, [1, 2]
    )
    assert rooms.session.subscriptions == {"a": held("a", 1, 9), "b/#": held("b/#", 2, 9)}
    assert [taker.session for taker in rooms.router.route("b/x").takers] == [rooms.session]
    assert rooms.unsubscribe("a", "x", "b/#") == UnsubAck(2, [0, 0x11, 0])
    assert rooms.session.subscriptions == {}
    assert rooms.router.route("b/x").takers == []
    assert rooms.store.told == ["subscribed", "subscribed", "unsubscribed", "unsubscribed"]


def test_a_refusal_says_which_filter_and_why(rooms: Rooms) -> None:
    answer = rooms.subscribe(
        Subscription("a/#/b"), Subscription("ok"), Subscription("$private"), Subscription("$share/g/a")
    )
    assert answer.reason_codes == [0x8F, 0, 0x87, 0x9E]
    reason = answer.properties.reason_string or ""
    assert [part.split(":")[0] for part in reason.split("; ")] == ["a/#/b", "$private", "$share/g/a"]
    assert list(rooms.session.subscriptions) == ["ok"]


def test_suback_leaves_before_what_is_retained(rooms: Rooms) -> None:
    rooms.retained.keep(RetainedMessage(Publish("a", b"1", retain=True), NEVER))
    order: list[str] = []
    rooms.outbox.send = lambda packet: order.append(type(packet).__name__)  # type: ignore[method-assign]
    rooms.session.push = lambda piece: order.append("PUBLISH")
    rooms.subscriptions.on_subscribe(rooms.session, Subscribe(1, [Subscription("a")]), 0.0)
    assert order == ["SubAck", "PUBLISH"]


def test_the_same_filter_twice_in_one_packet_is_two_subscriptions_one_after_the_other(rooms: Rooms) -> None:
    rooms.retained.keep(RetainedMessage(Publish("a", b"1", retain=True), NEVER))
    rooms.subscribe(Subscription("a", 0, retain_handling=1), Subscription("a", 2, retain_handling=1))
    assert len(rooms.outbox.pushed) == 1  # the second was not new
    assert rooms.session.subscriptions["a"].subscription.qos == 2


def test_a_subscription_too_many_is_refused_and_a_replacement_is_not() -> None:
    rooms = Rooms(subscriptions_per_session=1)
    assert rooms.subscribe(Subscription("a"), Subscription("b"), Subscription("a", 1)).reason_codes == [0, 0x97, 1]


def test_what_a_client_may_no_longer_have_is_taken_away(rooms: Rooms) -> None:
    rooms.subscribe(*(Subscription(one) for one in ("a", "b", "c/#")))
    only_b = Grants([Rule(None, None, "allow", ACTIONS, ("b",))], rooms.session.identity, "client")
    rooms.session.grants = only_b
    rooms.subscriptions.check_again(rooms.session)
    assert list(rooms.session.subscriptions) == ["b"]
    assert rooms.router.route("a").takers == rooms.router.route("c/x").takers == []


def test_a_session_without_a_link_is_not_answered(rooms: Rooms) -> None:
    rooms.session.detach()
    rooms.subscriptions.on_subscribe(rooms.session, Subscribe(1, [Subscription("a")]), 0.0)
    rooms.subscriptions.on_unsubscribe(rooms.session, Unsubscribe(1, ["a"]))
    assert rooms.outbox.sent == []
    assert rooms.session.subscriptions == {}
