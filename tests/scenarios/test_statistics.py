"""$SYS/broker, seen by clients."""

from __future__ import annotations

import logging

import pytest

from sealmq.broker.statistics import INTERVAL
from sealmq.mqtt.packets import PubAck, Publish, Will
from stacks import Client, Stage


def numbers(client: Client) -> dict[str, Publish]:
    return {message.topic.removeprefix("$SYS/broker/"): message for message in client.messages()}


def test_an_operator_finds_the_numbers_at_once_and_then_in_intervals(stage: Stage, level: int) -> None:
    operator = stage.client(level=level)
    operator.connect()
    stage.wait(1)
    assert operator.subscribe("$SYS/broker/clients/#", qos=2) == [2]
    found = numbers(operator)
    assert (found["clients/connected"].payload, found["clients/total"].payload) == (b"1", b"1")
    assert all(message.retain and message.qos == 0 for message in found.values())
    other = stage.client("other", level)
    other.connect("other", clean_start=False, **({"session_expiry_interval": 100} if level == 5 else {}))
    other.lose()
    stage.wait(INTERVAL)
    found = numbers(operator)
    payloads = {name: message.payload for name, message in found.items()}
    assert payloads["clients/connected"] == payloads["clients/disconnected"] == b"1"
    assert payloads["clients/total"] == payloads["clients/maximum"] == b"2"
    assert not any(message.retain for message in found.values())


def test_bytes_and_packets_are_counted_as_they_pass(stage: Stage) -> None:
    operator = stage.client()
    operator.connect()
    traffic, counters = stage.broker.statistics.traffic, stage.counters
    before = (traffic.bytes_received, traffic.bytes_sent, traffic.packets_received, traffic.packets_sent)
    operator.publish("a", b"x" * 100, qos=1)
    after = (traffic.bytes_received, traffic.bytes_sent, traffic.packets_received, traffic.packets_sent)
    assert [new - old for old, new in zip(before, after, strict=True)] == [108, 5, 0, 1]
    assert (counters.received, traffic.sockets, traffic.connections) == (1, 1, 1)


def test_a_device_does_not_see_them(stage: Stage, level: int) -> None:
    sensor = stage.client("sensor-1", level)
    sensor.connect()
    for topic_filter in ("$SYS/#", "$SYS/broker/uptime", "$share/g/$SYS/#"):
        assert sensor.subscribe(topic_filter) == [0x87 if level == 5 else 0x80]
    assert sensor.messages() == []


def test_a_wildcard_at_the_beginning_does_not_find_them(stage: Stage) -> None:
    operator = stage.client()
    operator.connect()
    for topic_filter in ("#", "+/broker/uptime"):
        operator.subscribe(topic_filter)
    stage.wait(2 * INTERVAL)
    assert operator.messages() == []  # [MQTT-4.7.2-1]


def test_nobody_else_publishes_there(stage: Stage) -> None:
    operator, listener = stage.pair()
    listener.subscribe("$SYS/#")
    listener.messages()
    for topic in ("$SYS", "$SYS/broker/uptime", "$SYS/mine"):
        operator.publish(topic, b"false", qos=1, retain=True)
        answer = operator.expect(PubAck)
        assert answer.reason_code == 0x87
        assert answer.properties.reason_string == "the topics below $SYS are the broker's own"
    assert listener.messages() == []
    assert stage.broker.retained.count == 0
    mourner = stage.client()
    assert mourner.connect("mourner", will=Will("$SYS/broker/uptime", b"")).reason_code == 0x87
    operator.publish("$SYSTEM/mine", qos=1)
    assert operator.expect(PubAck).reason_code == 0x87  # a topic like any other: no rule allows it


def test_refusals_do_not_fill_the_log(stage: Stage, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sealmq.broker")
    sensor = stage.client("sensor-1", level)
    sensor.connect()
    for number in range(300):
        sensor.publish(f"not/mine/{number}", qos=number % 3)
        sensor.subscribe("#")
    lines = [record.getMessage() for record in caplog.records if " may not " in record.getMessage()]
    assert len(lines) == 5  # 1, 2, 3, 10, 100
    assert (stage.counters.refused_publish, stage.counters.refused_subscribe) == (300, 300)


def test_refused_handshakes_are_counted_by_their_reason(stage: Stage) -> None:
    stage.registry.revoked.add("sensor-1")
    sensor = stage.client("sensor-1")
    sensor.connect()
    operator = stage.client()
    operator.connect()
    operator.subscribe("$SYS/broker/sealmq/handshakes/#")
    assert {name: message.payload for name, message in numbers(operator).items()} == {
        "sealmq/handshakes/refused": b"1",
        "sealmq/handshakes/refused/certificate": b"1",
    }
