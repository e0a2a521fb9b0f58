"""Deliveries to one session: what waits, what leaves again, what is dropped and counted."""

from __future__ import annotations

import pytest

from deliveries_stage import NOW, heard, make, reader
from outboxes import RememberingOutbox, session
from sealmq.broker.patience import BACKLOG_FACTOR, BACKLOG_TOTAL, LONG_QUEUE, PATIENCE
from sealmq.broker.sessions import NEVER, Delivery
from sealmq.mqtt.packets import MESSAGE_OVERHEAD, Publish, PubRel
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet


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
    assert dispatch.patience.backlog == one.backlog
    assert dispatch.counters.dropped_qos0 == 100 - one.backlog // 51
    dispatch.link_drained(one, NOW)
    assert (dispatch.patience.backlog, one.backlog) == (0, 0)
    assert one.push == one.outbox.push  # type: ignore[union-attr]


def test_all_full_links_together_have_a_bound_too() -> None:
    dispatch = make(buffered_bytes=BACKLOG_TOTAL)
    one = reader(dispatch)
    dispatch.link_full(one, NOW)
    dispatch.patience.backlog = BACKLOG_TOTAL - 10
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
    assert dispatch.patience.behind == {one}
    dispatch.tick(NOW)
    assert one.behind_since == NOW
    one.detach()
    dispatch.link_gone(one)
    dispatch.publish(publish, None, NOW)
    assert dispatch.patience.behind == set()


def test_draining_what_was_not_full_changes_nothing() -> None:
    dispatch = make()
    one = reader(dispatch)
    dispatch.link_drained(one, NOW)
    one.detach()
    dispatch.link_drained(one, NOW)
    assert one.outbox is None
