"""Sessions whose clients are away: made, come back to, forgotten. With real brokers in tests/interop/test_bench.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sealmq.kit.bench.absent import DISCONNECT, Sessions
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.workloads import Durable, find
from sealmq.mqtt.connection import MQTTConnection
from sealmq.mqtt.packets import ConnAck, Connect, Disconnect, Subscribe
from sealmq.mqtt.state import Sender
from wires import CONNACK, SUBACK, FakeDialer, heard

(DURABLE,) = find(["durable"])
assert isinstance(DURABLE, Durable)
FLOW = replace(DURABLE.flow, subscribers=3)


def said(data: bytes) -> list[Any]:
    """The packets that a client has sent."""
    broker = MQTTConnection(Sender.SERVER)
    connect_length = 2 + data[1]
    packets = [*broker.receive_data(data[:connect_length])]
    broker.send(ConnAck())
    return [*packets, *broker.receive_data(data[connect_length:])]


def test_they_are_made_left_and_forgotten() -> None:
    sessions = Sessions(Target("localhost", 1), FLOW, "bench")
    dialer = FakeDialer([CONNACK + SUBACK] * 3 + [CONNACK] * 3)
    sessions.make(dialer)  # type: ignore[arg-type]
    sessions.forget(dialer)  # type: ignore[arg-type]
    made = [said(heard(broker)) for broker in dialer.brokers]
    for number, (connect, subscribe, disconnect) in enumerate(made[:3]):
        assert isinstance(connect, Connect)
        assert isinstance(subscribe, Subscribe)
        assert isinstance(disconnect, Disconnect)
        assert (connect.client_id, connect.clean_start) == (f"bench-a{number}", False)
        assert [(each.topic_filter, each.qos) for each in subscribe.subscriptions] == [(f"bench/{number:05}", 1)]
    for number, (connect, disconnect) in enumerate(made[3:]):
        assert isinstance(disconnect, Disconnect)
        assert (connect.client_id, connect.clean_start) == (f"bench-a{number}", True)
    dialer.close()


def test_who_comes_back_is_the_same_client_and_asks_for_nothing_new() -> None:
    guests = Sessions(Target("localhost", 1), FLOW, "bench").guests()
    dialer = FakeDialer([CONNACK] * 3)
    for guest in guests:
        guest.start(dialer, 0.0)  # type: ignore[arg-type]
        assert guest.step()
    assert DISCONNECT not in [heard(broker) for broker in dialer.brokers]
    for guest in guests:
        guest.leave()
    dialer.close()
