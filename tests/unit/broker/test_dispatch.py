"""Dispatch alone: who gets what bytes."""

from __future__ import annotations

from deliveries_stage import NOW, heard, make, reader
from sealmq.mqtt.packets import Publish


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
