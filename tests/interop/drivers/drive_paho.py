"""paho-mqtt, over TCP or WebSocket: see orders.py."""

from __future__ import annotations

import json
import sys
import threading
from importlib.metadata import version
from typing import Any

import paho.mqtt.client as paho
import paho_properties
from orders import as_bytes, say, say_message, tls_context
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

WAIT = 30


class Link:
    """One connection, turned by paho's own thread."""

    def __init__(self, settings: dict[str, Any], order: dict[str, Any]) -> None:
        number, self.level = order["link"], order["level"]
        transport = "tcp" if settings["path"] is None else "websockets"
        options: dict[str, Any] = {} if self.level == 5 else {"clean_session": order["clean"]}
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            order["client_id"],
            protocol=MQTTProtocolVersion(self.level),
            transport=transport,
            **options,
        )
        client.connect_timeout = WAIT  # of its handshakes, too
        client.tls_set_context(tls_context(settings))
        if settings["path"] is not None:
            client.ws_set_options(path=settings["path"])
        if will := order["will"]:
            properties = paho_properties.for_message(will["properties"], PacketTypes.WILLMESSAGE)
            client.will_set(will["topic"], as_bytes(will["payload"]), will["qos"], will["retain"], properties)
        self.subscribed = threading.Event()
        client.on_connect = lambda _c, _u, flags, code, _p: say(
            "connected", link=number, code=code.value, session_present=flags.session_present
        )
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = lambda _c, _u, message: say_message(
            number,
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            paho_properties.of_message(message.properties),
        )
        start = {"clean_start": order["clean"], "properties": paho_properties.for_connect(order)}
        client.connect(settings["host"], settings["port"], **(start if self.level == 5 else {}))
        client.loop_start()
        self.client = client

    def subscribe(self, order: dict[str, Any]) -> None:
        self.subscribed.clear()
        if self.level == 5:
            options = SubscribeOptions(order["qos"], retainAsPublished=order["as_published"])
            self.client.subscribe(order["filter"], options=options, properties=paho_properties.for_subscribe(order))
        else:
            self.client.subscribe(order["filter"], order["qos"])
        assert self.subscribed.wait(WAIT)

    def publish(self, order: dict[str, Any]) -> None:
        answers = [
            self.client.publish(
                each["topic"],
                as_bytes(each["payload"]),
                order["qos"],
                each["retain"],
                paho_properties.for_message(each["properties"]),
            )
            for each in order["messages"]
        ]
        for answer in answers:
            answer.wait_for_publish(WAIT)
            assert answer.is_published()

    def disconnect(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def main() -> None:
    settings = json.loads(sys.argv[1])
    say("ready", version=version("paho-mqtt"))
    links: dict[int, Link] = {}
    for line in sys.stdin:
        order = json.loads(line)
        number = order["link"]
        if order["do"] == "connect":
            links[number] = Link(settings, order)
        elif order["do"] == "subscribe":
            links[number].subscribe(order)
            say("subscribed", link=number)
        elif order["do"] == "publish":
            links[number].publish(order)
            say("published", link=number)
        elif order["do"] == "disconnect":
            links.pop(number).disconnect()
            say("disconnected", link=number)


main()
