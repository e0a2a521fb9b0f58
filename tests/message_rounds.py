"""What paho-mqtt and aiomqtt programs send themselves through a TLS context and get back: every byte is compared."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

WAIT = 60.0


def paho_round(context: Any, host: str, port: int, topic: str, *, messages: int, large: int) -> None:
    """So many messages at QoS 1, and one of `large` bytes, there and back. Raises AssertionError, or as paho."""
    received: list[bytes] = []
    subscribed, complete = threading.Event(), threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect_timeout = WAIT
    client.tls_set_context(context)
    client.max_inflight_messages_set(100)

    def on_message(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        received.append(message.payload)
        if len(received) == messages + 1:
            complete.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.connect(host, port)
    client.loop_start()
    try:
        assert subscribed.wait(WAIT), "no SUBACK"
        sent = [*(b"message %d" % number for number in range(messages)), os.urandom(large)]
        answers = [client.publish(topic, payload, qos=1) for payload in sent]
        answers[-1].wait_for_publish(WAIT)
        assert complete.wait(WAIT), f"{len(received)} of {len(sent)} came"
        # Digests: a failure must not print megabytes.
        assert [hashlib.sha256(each).hexdigest() for each in received] == [
            hashlib.sha256(each).hexdigest() for each in sent
        ]
    finally:
        client.disconnect()
        client.loop_stop()


def aiomqtt_round(context: Any, host: str, port: int, topic: str, *, messages: int, large: int) -> None:
    """The same with aiomqtt."""

    async def main() -> None:
        sent = [*(b"message %d" % number for number in range(messages)), os.urandom(large)]
        async with (
            asyncio.timeout(2 * WAIT),
            aiomqtt.Client(
                host, port, tls_context=context, protocol=aiomqtt.ProtocolVersion.V5, timeout=WAIT
            ) as client,
        ):
            await client.subscribe(topic, qos=1)

            async def publish() -> None:
                for payload in sent:
                    await client.publish(topic, payload, qos=1, timeout=WAIT)

            publishing = asyncio.create_task(publish())
            count = 0
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                expected = sent[count]
                same = hashlib.sha256(message.payload).digest() == hashlib.sha256(expected).digest()
                assert same, f"message {count} of {len(sent)} is another"
                count += 1
                if count == len(sent):
                    break
            await publishing

    asyncio.run(main())
