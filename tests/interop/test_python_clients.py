"""paho-mqtt and aiomqtt programs that exchange many messages: every one exactly once, in order."""

from __future__ import annotations

import asyncio
import threading

import aiomqtt
import paho.mqtt.client as paho
import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

import sealmq.client
from running import Broker

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

PATIENCE = 120.0
"""Seconds for all messages, on a machine that has other things to do."""

PROTOCOLS = pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5], ids=["3.1.1", "5"])


@PROTOCOLS
@pytest.mark.parametrize(("qos", "count"), [(1, 10_000), (2, 2_000)], ids=["QoS 1", "QoS 2"])
def test_two_paho_programs_exchange_every_message_exactly_once_and_in_order(
    broker: Broker, topic: str, protocol: paho.MQTTProtocolVersion, qos: int, count: int
) -> None:
    received: list[bytes] = []
    subscribed, complete = threading.Event(), threading.Event()

    def on_message(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        received.append(message.payload)
        if len(received) >= count:
            complete.set()

    reader = sealmq.client.paho_client(broker.home / "devices" / "sensor-1", protocol=protocol)
    writer = sealmq.client.paho_client(broker.home / "devices" / "operator", protocol=protocol)
    writer.max_inflight_messages = 200
    reader.on_message = on_message
    reader.on_subscribe = lambda *_: subscribed.set()
    for client in (reader, writer):
        client.connect_timeout = PATIENCE
        client.connect("localhost", broker.port)
        client.loop_start()
    try:
        if protocol == paho.MQTTv5:
            reader.subscribe(topic, options=SubscribeOptions(qos=qos))
        else:
            reader.subscribe(topic, qos=qos)
        assert subscribed.wait(PATIENCE)
        sent = [f"message {number}".encode() for number in range(count)]
        answers = [writer.publish(topic, payload, qos) for payload in sent]
        answers[-1].wait_for_publish(PATIENCE)
        assert complete.wait(PATIENCE), f"{len(received)} of {count} came"
    finally:
        for client in (writer, reader):
            client.disconnect()
            client.loop_stop()
    assert received == sent


@pytest.mark.parametrize("protocol", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5], ids=["3.1.1", "5"])
@pytest.mark.parametrize(("qos", "count"), [(1, 10_000), (2, 2_000)], ids=["QoS 1", "QoS 2"])
def test_two_aiomqtt_programs_exchange_every_message_exactly_once_and_in_order(
    broker: Broker, topic: str, protocol: aiomqtt.ProtocolVersion, qos: int, count: int
) -> None:
    async def exchange() -> list[object]:
        devices = broker.home / "devices"
        options = {"port": broker.port, "protocol": protocol, "timeout": PATIENCE}
        async with (
            sealmq.client.connect(devices / "sensor-1", **options) as reader,
            sealmq.client.connect(devices / "operator", max_inflight_messages=200, **options) as writer,
        ):
            reader.pending_calls_threshold = writer.pending_calls_threshold = count
            await reader.subscribe(topic, qos=qos)
            received: list[object] = []

            async def read() -> None:
                async for message in reader.messages:
                    received.append(message.payload)
                    if len(received) == count:
                        return

            reading = asyncio.create_task(read())
            for start in range(0, count, 200):
                batch = range(start, min(start + 200, count))
                await asyncio.gather(*(writer.publish(topic, f"message {number}", qos) for number in batch))
            await asyncio.wait_for(reading, PATIENCE)
            return received

    received = asyncio.run(exchange())
    assert received == [f"message {number}".encode() for number in range(count)]
