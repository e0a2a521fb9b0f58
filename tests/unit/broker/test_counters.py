"""Numbers that grow."""

from __future__ import annotations

from sealmq.broker.counters import Counters, Traffic


def test_what_was_dropped_is_all_that_was_dropped() -> None:
    counters = Counters()
    counters.dropped_qos0, counters.dropped_queue_full = 1, 10
    counters.dropped_too_large, counters.dropped_expired = 100, 1_000
    counters.received = counters.delivered = counters.refused_publish = 5
    assert counters.dropped == 1_111


def test_the_most_clients_are_remembered() -> None:
    traffic = Traffic()
    traffic.connect()
    traffic.connect()
    traffic.disconnect()
    traffic.connect()
    traffic.disconnect()
    assert (traffic.connected, traffic.most_connected) == (1, 2)
