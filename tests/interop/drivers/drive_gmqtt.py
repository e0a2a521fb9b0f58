"""gmqtt: see orders.py."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from importlib.metadata import version
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage
from orders import as_bytes, as_text, orders, say, say_message, tls_context

NAMES = {
    "content_type": "content_type",
    "response_topic": "response_topic",
    "expiry": "message_expiry_interval",
    "payload_format": "payload_format_id",
}

AT_A_TIME = 100
"""Messages on the way: gmqtt raises OverflowError beyond the Receive Maximum of the broker."""


def for_message(said: dict[str, Any]) -> dict[str, Any]:
    found = {theirs: said[name] for name, theirs in NAMES.items() if name in said}
    if "correlation_data" in said:
        found["correlation_data"] = as_bytes(said["correlation_data"])
    if "user" in said:
        found["user_property"] = [(name, value) for name, value in said["user"]]
    return found


def of_message(properties: dict[str, Any]) -> dict[str, Any]:
    found = {name: properties[theirs][0] for name, theirs in NAMES.items() if theirs in properties}
    if "correlation_data" in properties:
        found["correlation_data"] = as_text(properties["correlation_data"][0])
    if "user_property" in properties:
        found["user"] = properties["user_property"]
    if "subscription_identifier" in properties:
        found["identifiers"] = properties["subscription_identifier"]
    return found


class Link:
    """One connection. What it has sent and nobody has acknowledged lies in `unacknowledged`."""

    def __init__(self, settings: dict[str, Any], order: dict[str, Any]) -> None:
        self.settings, self.number, self.level = settings, order["link"], order["level"]
        self.unacknowledged = PersistentStorage()
        self.connected: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.subscribed = asyncio.Event()
        more: dict[str, Any] = {"session_expiry_interval": order["expiry"]} if self.level == 5 else {}
        if will := order["will"]:
            more["will_message"] = gmqtt.Message(
                will["topic"], as_bytes(will["payload"]), will["qos"], will["retain"], **for_message(will["properties"])
            )
        client = gmqtt.Client(
            order["client_id"], clean_session=order["clean"], persistent_storage=self.unacknowledged, **more
        )
        client.stop_reconnect()
        client.on_connect = lambda _c, session_present, *_: self.connected.set_result(session_present)
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = self.on_message
        self.client = client

    def on_message(self, client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: Any) -> int:
        say_message(self.number, topic, payload, qos, properties["retain"], of_message(properties))
        return 0

    async def connect(self) -> int:
        level = MQTTv50 if self.level == 5 else MQTTv311
        context = tls_context(self.settings)
        await self.client.connect(self.settings["host"], self.settings["port"], ssl=context, version=level)
        return await self.connected

    async def subscribe(self, order: dict[str, Any]) -> None:
        self.subscribed.clear()
        more = {} if order["identifier"] is None else {"subscription_identifier": order["identifier"]}
        self.client.subscribe(order["filter"], order["qos"], retain_as_published=order["as_published"], **more)
        await self.subscribed.wait()

    async def publish(self, order: dict[str, Any]) -> None:
        for number, each in enumerate(order["messages"]):
            if number % AT_A_TIME == 0:
                await self.unacknowledged.wait_empty()
            properties = for_message(each["properties"])
            self.client.publish(each["topic"], as_bytes(each["payload"]), order["qos"], each["retain"], **properties)
        await self.unacknowledged.wait_empty()

    async def disconnect(self) -> None:
        try:
            await self.client.disconnect()
        except ssl.SSLError:
            pass  # gmqtt passes on what asyncio says when the broker's last acknowledgements cross our close_notify


async def main() -> None:
    settings = json.loads(sys.argv[1])
    say("ready", version=version("gmqtt"))
    links: dict[int, Link] = {}
    async for order in orders():
        number = order["link"]
        if order["do"] == "connect":
            links[number] = Link(settings, order)
            say("connected", link=number, code=0, session_present=bool(await links[number].connect()))
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
