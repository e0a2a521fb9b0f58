"""The orders' properties as paho's, and back; aiomqtt uses the same."""

from __future__ import annotations

from typing import Any

from orders import as_bytes, as_text
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

NAMES = {
    "content_type": "ContentType",
    "response_topic": "ResponseTopic",
    "expiry": "MessageExpiryInterval",
    "payload_format": "PayloadFormatIndicator",
}


def for_connect(order: dict[str, Any]) -> Properties | None:
    if order["level"] < 5:
        return None
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = order["expiry"]
    return properties


def for_subscribe(order: dict[str, Any]) -> Properties | None:
    if order["identifier"] is None:
        return None
    properties = Properties(PacketTypes.SUBSCRIBE)
    properties.SubscriptionIdentifier = order["identifier"]
    return properties


def for_message(said: dict[str, Any], packet: int = PacketTypes.PUBLISH) -> Properties | None:
    if not said:
        return None
    properties = Properties(packet)
    for name, paho_name in NAMES.items():
        if name in said:
            setattr(properties, paho_name, said[name])
    if "correlation_data" in said:
        properties.CorrelationData = as_bytes(said["correlation_data"])
    if "user" in said:
        properties.UserProperty = [(name, value) for name, value in said["user"]]
    return properties


def of_message(properties: Properties | None) -> dict[str, Any]:
    found = {name: getattr(properties, theirs) for name, theirs in NAMES.items() if hasattr(properties, theirs)}
    if hasattr(properties, "CorrelationData"):
        found["correlation_data"] = as_text(properties.CorrelationData)
    if hasattr(properties, "UserProperty"):
        found["user"] = properties.UserProperty
    if hasattr(properties, "SubscriptionIdentifier"):
        found["identifiers"] = properties.SubscriptionIdentifier
    return found
