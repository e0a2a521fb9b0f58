"""aiomqtt: see orders.py."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any

import aiomqtt
import paho_properties
from orders import as_bytes, orders, say, say_message, tls_context
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

AT_A_TIME = 50
WAIT = 30


class Link:
    """One connection, and the task that reads its messages."""

    def __init__(self, settings: dict[str, Any], order: dict[str, Any]) -> None:
        self.number, self.level = order["link"], order["level"]
        options: dict[str, Any] = {"clean_session": order["clean"]}
        if self.level == 5:
            options = {"clean_start": order["clean"], "properties": paho_properties.for_connect(order)}
        if will := order["will"]:
            properties = paho_properties.for_message(will["properties"], PacketTypes.WILLMESSAGE)
            options["will"] = aiomqtt.Will(
                will["topic"], as_bytes(will["payload"]), will["qos"], will["retain"], properties
            )
        self.client = aiomqtt.Client(
            settings["host"],
            settings["port"],
            identifier=order["client_id"],
            protocol=aiomqtt.ProtocolVersion(self.level),
            tls_context=tls_context(settings),
            timeout=WAIT,
            **options,
        )
        self.client.pending_calls_threshold = 2 * AT_A_TIME
        self.reading: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.client.__aenter__()
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for message in self.client.messages:
            properties = paho_properties.of_message(message.properties)
            say_message(self.number, message.topic.value, message.payload, message.qos, message.retain, properties)

    async def subscribe(self, order: dict[str, Any]) -> None:
        if self.level == 5:
            options = SubscribeOptions(order["qos"], retainAsPublished=order["as_published"])
            properties = paho_properties.for_subscribe(order)
            await self.client.subscribe(order["filter"], options=options, properties=properties)
        else:
            await self.client.subscribe(order["filter"], order["qos"])

    async def publish(self, order: dict[str, Any]) -> None:
        messages = order["messages"]
        for first in range(0, len(messages), AT_A_TIME):
            await asyncio.gather(
                *(
                    self.client.publish(
                        each["topic"],
                        as_bytes(each["payload"]),
                        order["qos"],
                        each["retain"],
                        paho_properties.for_message(each["properties"]),
                    )
                    for each in messages[first : first + AT_A_TIME]
                )
            )

    async def disconnect(self) -> None:
        assert self.reading is not None
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        await self.client.__aexit__(None, None, None)


async def main() -> None:
    settings = json.loads(sys.argv[1])
    say("ready", version=version("aiomqtt"))
    links: dict[int, Link] = {}
    async for order in orders():
        number = order["link"]
        if order["do"] == "connect":
            links[number] = Link(settings, order)
            await links[number].connect()
            say("connected", link=number, code=0, session_present=None)
        elif order["do"] == "subscribe":
            await links[number].subscribe(order)
            say("subscribed", link=number)
        elif order["do"] == "publish":
            await links[number].publish(order)
            say("published", link=number)
        elif order["do"] == "disconnect":
            await links.pop(number).disconnect()
            say("disconnected", link=number)


asyncio.run(main())
