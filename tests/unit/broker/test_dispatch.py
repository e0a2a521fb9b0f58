"""Dispatch alone: who gets what bytes, what waits, what is counted."""

from __future__ import annotations

import pytest

from outboxes import RememberingOutbox, RememberingStore, held, session
from sealmq.broker.dispatch import BACKLOG_FACTOR, BACKLOG_TOTAL, LONG_QUEUE, PATIENCE, Dispatch
from sealmq.broker.limits import Limits
from sealmq.broker.router import Router
from sealmq.broker.sessions import NEVER, Delivery, Session
from sealmq.mqtt.packets import MESSAGE_OVERHEAD, Packet, Publish, PubRel
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.reader import read_packet
from sealmq.mqtt.writer import write_packet

NOW = 1_000.0


def make(**limits: int) -> Dispatch:
    return Dispatch(Router(), Limits(**limits), RememberingStore())


def reader(dispatch: Dispatch, name: str = "one", level: int = 5, qos: int = 0, **how: object) -> Session:
    one = session(name, level, RememberingOutbox())
    dispatch.router.subscribe(one, held("a", qos, **how))
    return one


def heard(one: Session, level: int = 5) -> list[Packet]:
    assert isinstance(one.outbox, RememberingOutbox)
    data, found = one.outbox.heard(), []
    while data:
        length = 2 + data[1]
        found.append(read_packet(data[:length], 2, level))
        data = data[length:]
    return found


def test_without_takers_nothing_happens_and_it_is_said() -> None:
    dispatch = make()
    assert not dispatch.publish(Publish("a"), None, NOW)
    assert dispatch.spoken == set()


def test_at_qos_0_one_piece_of_bytes_serves_everybody_of_a_level() -> None:
    dispatch = make()
    readers = [reader(dispatch, f"r{number}") for number in range(3)]
    assert dispatch.publish(Publish("a", b"1"), None, NOW)
    pieces = [one.outbox.pushed[0] for one in readers]  # type: ignore[union-attr]
    assert pieces[0] is pieces[1] is pieces[2]
    assert dispatch.spoken == set(readers)
    assert dispatch.spoken_bytes == 3 * len(pieces[0])
    assert dispatch.counters.delivered == 3


def test_at_qos_1_only_the_identifier_differs() -> None:
    dispatch = make()
    one, two = reader(dispatch, "one", qos=1), reader(dispatch, "two", qos=1)
    two.outgoing._last = 0x0102
    dispatch.publish(Publish("a", b"1", 2, packet_id=9), None, NOW)
    for each, packet_id in ((one, 1), (two, 0x0103)):
        assert heard(each) == [Publish("a", b"1", 1, packet_id=packet_id)]
        assert list(each.outgoing.sent) == [packet_id]


def test_the_sender_of_a_will_is_nobody() -> None:
    dispatch = make()
    one = reader(dispatch, no_local=True)
    dispatch.publish(Publish("a"), None, NOW)
    dispatch.publish(Publish("a"), one, NOW)
    assert len(heard(one)) == 1


def test_what_does_not_fit_the_window_waits_in_order_and_follows() -> None:
    dispatch = make()
    one = reader(dispatch, qos=1)
    one.in_flight_limit = 2
    for number in range(5):
        dispatch.publish(Publish("a", b"%d" % number, 1, packet_id=1), None, NOW)
    assert [packet.payload for packet in heard(one)] == [b"0", b"1"]
    assert (len(one.queue), one.queued_bytes) == (3, 3 * (MESSAGE_OVERHEAD + 2))
    one.outgoing.on_puback(2)
    dispatch.send_waiting(one, NOW)
    assert [packet.payload for packet in heard(one)] == [b"2"]
    dispatch.publish(Publish("a", b"5", 1, packet_id=1), None, NOW)
    assert heard(one) == []
    for packet_id in (1, 3):
        one.outgoing.on_puback(packet_id)
    dispatch.send_waiting(one, NOW)
    assert [packet.payload for packet in heard(one)] == [b"3", b"4"]


@pytest.mark.parametrize(("left", "said"), [(10.0, 10), (9.6, 10), (9.4, 9), (1.4, 1), (0.4, 1), (0.0, 0), (-3.0, 0)])
def test_what_is_left_of_an_expiry_is_whole_seconds_and_not_over_before_it_is(left: float, said: int) -> None:
    dispatch = make()
    delivery = Delivery(Publish("a"), 1, expires_at=NOW + left)
    assert dispatch._left_of(delivery, NOW) == said
    assert dispatch._left_of(Delivery(Publish("a"), 1), NOW) is None


def test_an_expired_delivery_is_dropped_and_makes_room_for_the_next() -> None:
    dispatch = make()
    one = reader(dispatch, qos=1)
    one.in_flight_limit = 0
    for interval in (5, 50):
        dispatch.publish(
            Publish("a", b"%d" % interval, 1, packet_id=1, properties=Properties(message_expiry_interval=interval)),
            None,
            NOW,
        )
    one.in_flight_limit = 1
    dispatch.send_waiting(one, NOW + 5)
    (packet,) = heard(one)
    assert (packet.payload, packet.properties.message_expiry_interval) == (b"50", 45)
    assert (dispatch.counters.dropped_expired, one.queued_bytes) == (1, 0)


def test_a_full_queue_drops_what_comes_and_keeps_what_is_there() -> None:
    dispatch = make(queued_messages=2)
    one = reader(dispatch, qos=1)
    one.detach()
    for number in range(4):
        dispatch.publish(Publish("a", b"%d" % number, 1, packet_id=1), None, NOW)
    assert [delivery.publish.payload for delivery in one.queue] == [b"0", b"1"]
    assert dispatch.counters.dropped_queue_full == 2


def test_resuming_releases_first_and_then_sends_again() -> None:
    dispatch = make()
    one = reader(dispatch, qos=2)
    for number in range(3):
        dispatch.publish(Publish("a", b"%d" % number, 2, packet_id=1), None, NOW)
    one.outgoing.on_pubrec(2, failed=False)
    one.detach()
    dispatch.link_gone(one)
    outbox = RememberingOutbox()
    one.attach(outbox, one.identity, 5)
    one.in_flight_limit = 2
    dispatch.resume(one, NOW)
    assert outbox.sent == [PubRel(2)]
    assert heard(one) == [Publish("a", b"0", 2, dup=True, packet_id=1)]  # the release takes one place of two
    one.outgoing.on_pubcomp(2)
    dispatch.send_waiting(one, NOW)
    assert heard(one) == [Publish("a", b"2", 2, dup=True, packet_id=3)]


def test_a_copy_for_a_small_client_is_measured_with_everything_in_it() -> None:
    dispatch = make()
    one = reader(dispatch, qos=1, identifier=268_435_455)
    size = len(write_packet(Publish("a", b"x" * 50, 1, packet_id=1), 5)) + 5  # the identifier: 1 + 4 bytes
    for limit, fits in ((size - 1, False), (size, True)):
        one.packet_limit = limit
        dispatch.publish(Publish("a", b"x" * 50, 1, packet_id=1), None, NOW)
        assert len(heard(one)) == fits
    assert dispatch.counters.dropped_too_large == 1
    assert len(one.outgoing) == 1


# --- who can't keep up


def test_the_backlog_of_a_full_link_is_bounded_and_counted() -> None:
    dispatch = make(buffered_bytes=100)
    one = reader(dispatch)
    dispatch.link_full(one, NOW)
    for _ in range(100):
        dispatch.publish(Publish("a", b"x" * 45), None, NOW)
    assert one.backlog <= 100 * BACKLOG_FACTOR
    assert dispatch._backlog == one.backlog
    assert dispatch.counters.dropped_qos0 == 100 - one.backlog // 51
    dispatch.link_drained(one, NOW)
    assert (dispatch._backlog, one.backlog) == (0, 0)
    assert one.push == one.outbox.push  # type: ignore[union-attr]


def test_all_full_links_together_have_a_bound_too() -> None:
    dispatch = make(buffered_bytes=BACKLOG_TOTAL)
    one = reader(dispatch)
    dispatch.link_full(one, NOW)
    dispatch._backlog = BACKLOG_TOTAL - 10
    one.push(b"x" * 11)
    assert dispatch.counters.dropped_qos0 == 1
    one.push(b"x" * 10)
    assert dispatch.counters.dropped_qos0 == 1


def test_a_writer_is_held_until_its_reader_has_drained_or_patience_ends() -> None:
    for ends in ("drained", "patience", "gone"):
        dispatch = make()
        slow, writer = reader(dispatch), session("writer", outbox=RememberingOutbox())
        dispatch.link_full(slow, NOW)
        for _ in range(3):
            dispatch.publish(Publish("a"), writer, NOW)
        assert writer.outbox.holds == 1  # type: ignore[union-attr]
        dispatch.tick(NOW + PATIENCE)
        assert writer.outbox.holds == 1  # type: ignore[union-attr]
        if ends == "drained":
            dispatch.link_drained(slow, NOW)
        elif ends == "patience":
            dispatch.tick(NOW + PATIENCE + 0.01)
        else:
            slow.detach()
            dispatch.link_gone(slow)
        assert writer.outbox.holds == 0, ends  # type: ignore[union-attr]
        dispatch.publish(Publish("a"), writer, NOW)
        assert writer.outbox.holds == 0  # type: ignore[union-attr]


def test_a_link_that_is_full_again_is_waited_for_again() -> None:
    dispatch = make()
    slow, writer = reader(dispatch), session("writer", outbox=RememberingOutbox())
    dispatch.link_full(slow, NOW)
    dispatch.tick(NOW + 10)
    dispatch.link_drained(slow, NOW + 11)
    assert (slow.given_up, slow.behind_since) == (False, NEVER)
    dispatch.link_full(slow, NOW + 12)
    dispatch.publish(Publish("a"), writer, NOW + 12)
    assert writer.outbox.holds == 1  # type: ignore[union-attr]


def test_a_queue_counts_as_long_only_while_its_client_is_there() -> None:
    dispatch = make()
    one = reader(dispatch, qos=1)
    one.in_flight_limit = 0
    publish = Publish("a", b"", 1, packet_id=1)
    for _ in range(LONG_QUEUE):
        dispatch.publish(publish, None, NOW)
    assert dispatch._behind == {one}
    dispatch.tick(NOW)
    assert one.behind_since == NOW
    one.detach()
    dispatch.link_gone(one)
    dispatch.publish(publish, None, NOW)
    assert dispatch._behind == set()


def test_draining_what_was_not_full_changes_nothing() -> None:
    dispatch = make()
    one = reader(dispatch)
    dispatch.link_drained(one, NOW)
    one.detach()
    dispatch.link_drained(one, NOW)
    assert one.outbox is None
