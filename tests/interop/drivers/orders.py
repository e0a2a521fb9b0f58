"""What every Python driver has in common: orders come as JSON, a line each; what happened is said the same way.

A driver is a small program that does with one client library what the interop tests ask for. Orders:
  {"do": "connect", "link", "level", "client_id", "clean", "expiry", "will"}    answered by "connected"
  {"do": "subscribe", "link", "filter", "qos", "identifier", "as_published"}    answered by "subscribed"
  {"do": "publish", "link", "qos", "messages"}    answered by "published", when all are acknowledged
  {"do": "disconnect", "link"}    answered by "disconnected"
A message that came is {"event": "message", "link", "topic", "payload", "qos", "retain", "properties"}.
Bytes are in base64.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

LONGEST_ORDER = 1 << 26

_one_at_a_time = threading.Lock()


def say(event: str, **more: Any) -> None:
    """Tell the test what happened."""
    line = json.dumps({"event": event, **more}) + "\n"
    with _one_at_a_time:  # a library may call us from a thread of its own
        sys.stdout.write(line)
        sys.stdout.flush()


def say_message(link: int, topic: str, payload: bytes, qos: int, retain: bool, properties: dict[str, Any]) -> None:
    """Tell the test which message came."""
    more = {"payload": as_text(payload), "qos": qos, "retain": bool(retain), "properties": properties}
    say("message", link=link, topic=topic, **more)


def as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_bytes(text: str) -> bytes:
    return base64.b64decode(text)


def tls_context(settings: dict[str, Any]) -> ssl.SSLContext:
    """A context as a program makes it that knows nothing of SealMQ: trust the root, verify, show the certificate."""
    context = ssl.create_default_context(cafile=settings["root"])
    context.load_cert_chain(settings["chain"], settings["key"])
    return context


async def orders() -> AsyncIterator[dict[str, Any]]:
    """The orders, for drivers that live in an event loop."""
    reader = asyncio.StreamReader(limit=LONGEST_ORDER)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)
