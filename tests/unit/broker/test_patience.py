"""Who is behind, how much a full link still takes, who is held for it."""

from __future__ import annotations

from outboxes import RememberingOutbox, session
from sealmq.broker.patience import BACKLOG_FACTOR, DRAIN_RATE, PATIENCE, Patience
from sealmq.broker.sessions import Delivery, Session
from sealmq.mqtt.packets import Publish

NOW = 1_000.0


def made(buffered_bytes: int = 100) -> tuple[Patience, list[int]]:
    dropped: list[int] = []
    return Patience(lambda: buffered_bytes, lambda: dropped.append(1)), dropped


def full(patience: Patience, name: str = "slow") -> Session:
    one = session(name, outbox=RememberingOutbox())
    patience.link_full(one, NOW)
    return one


def test_a_full_link_takes_so_much_and_no_more() -> None:
    patience, dropped = made()
    slow = full(patience)
    slow.push(b"x" * 100 * BACKLOG_FACTOR)
    slow.push(b"x")
    assert (slow.backlog, patience.backlog, len(dropped)) == (1_600, 1_600, 1)
    patience.link_free(slow)
    assert (slow.backlog, patience.backlog, slow.link_is_full) == (0, 0, False)


def test_who_was_given_up_takes_nothing() -> None:
    patience, dropped = made()
    slow = full(patience)
    patience.tick(NOW + PATIENCE + 0.01)
    slow.push(b"x")
    assert (slow.backlog, len(dropped)) == (0, 1)


def test_a_large_backlog_is_given_its_time() -> None:
    patience, _ = made(DRAIN_RATE)
    slow = full(patience)
    slow.push(b"x" * (2 * DRAIN_RATE))
    patience.tick(NOW + PATIENCE + 1.9)
    assert not slow.given_up
    patience.tick(NOW + PATIENCE + 2.1)
    assert slow.given_up


def test_a_writer_is_held_once_for_each_slow_reader_and_never_for_itself() -> None:
    patience, _ = made()
    one, two = full(patience, "one"), full(patience, "two")
    patience.hold(one, (one,))
    for _ in range(2):
        patience.hold(one, (one, two))
    assert isinstance(one.outbox, RememberingOutbox)
    assert one.outbox.holds == 1
    patience.caught_up(two)
    assert one.outbox.holds == 0
    assert patience.behind == {one}


def test_a_writer_whose_acknowledgements_we_wait_for_is_not_held() -> None:
    patience, _ = made()
    slow, writer = full(patience), session("writer", outbox=RememberingOutbox())
    writer.outgoing.add(Delivery(Publish("a"), 1))
    patience.hold(writer, (slow,))
    assert slow.holding == {}
