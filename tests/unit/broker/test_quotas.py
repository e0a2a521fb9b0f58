"""Quotas: what an identity holds is what its sessions hold, and nothing of it is left when they are gone."""

from __future__ import annotations

import pytest

from outboxes import RememberingOutbox, held, session
from sealmq.broker.quotas import Quotas
from sealmq.broker.sessions import Delivery
from sealmq.mqtt.packets import Publish

NOTHING = (0, 0, 0)


def counted(quotas: Quotas, identity: str) -> tuple[int, int, int]:
    quota = quotas.of(identity)
    return quota.links, quota.subscriptions, quota.queued_bytes


def test_a_session_counts_with_all_that_it_has_and_comes_to_have() -> None:
    quotas = Quotas()
    one, size = session(outbox=RememberingOutbox()), Delivery(Publish("a", b"x"), 1).size
    one.subscribe(held("a"))
    one.enqueue(Delivery(Publish("a", b"x"), 1))
    one.join(quotas.open_session("one"))
    assert counted(quotas, "one") == (1, 1, size)
    assert one.subscribe(held("b"))
    assert not one.subscribe(held("b", 1))
    one.enqueue(Delivery(Publish("a", b"y"), 1))
    one.detach()
    assert counted(quotas, "one") == (0, 2, 2 * size)
    assert quotas.everybody.queued_bytes == 2 * size
    assert one.dequeue().publish.payload == b"x"
    assert [each.publish.payload for each in one.take_out(lambda _: True)] == [b"y"]
    one.unsubscribe("a")
    assert counted(quotas, "one") == (0, 1, 0)


def test_sessions_of_an_identity_share_and_others_do_not() -> None:
    quotas = Quotas()
    sessions = [session(name) for name in ("one", "one", "two")]
    for each in sessions:
        each.join(quotas.open_session(each.key.identity))
        each.subscribe(held("a"))
    assert counted(quotas, "one") == (0, 2, 0)
    assert counted(quotas, "two") == (0, 1, 0)
    assert quotas.of("one").sessions == 2
    assert quotas.of("nobody").sessions == 0


def test_nothing_is_left_of_an_identity_without_sessions() -> None:
    quotas = Quotas()
    one = session(outbox=RememberingOutbox())
    one.join(quotas.open_session("one"))
    one.enqueue(Delivery(Publish("a", b"x"), 1))
    one.leave()
    quotas.end_session("one")
    assert len(quotas) == 0
    assert counted(quotas, "one") == NOTHING
    assert quotas.everybody.queued_bytes == 0
    with pytest.raises(KeyError):
        quotas.end_session("one")
    one.detach()  # its link may go after it
    assert counted(quotas, "one") == NOTHING
