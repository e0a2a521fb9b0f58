"""The last word on each topic [MQTT 3.3.1.3]: kept for whoever subscribes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sealmq.mqtt.packets import Publish

BRANCH = 256
"""Bytes that one level of the tree costs, about: an object, a dictionary, the level's name."""


class RetainedMessage(NamedTuple):
    """A retained message; `expires_at` in Unix seconds."""

    publish: Publish
    expires_at: float

    @property
    def size(self) -> int:
        """Bytes that count against the limit: the message, and a branch of the tree for each level of its topic."""
        return self.publish.weight + BRANCH * (self.publish.topic.count("/") + 1)


class _Level:
    __slots__ = ("below", "message")

    def __init__(self) -> None:
        self.below: dict[str, _Level] = {}
        self.message: RetainedMessage | None = None


class Retained:
    """All retained messages, in a tree of topic levels, so that a filter walks only where it can match.

    messages, size: how many there may be, and how many bytes they may have in all.
    """

    def __init__(self, messages: int, size: int) -> None:
        self._most_messages = messages
        self._most_bytes = size
        self._tree = _Level()
        self.count = 0
        self.size = 0

    def __contains__(self, topic: str) -> bool:
        """Is there a last word on the topic?"""
        return self._find(topic.split("/")) is not None

    def __iter__(self) -> Iterator[RetainedMessage]:
        """Every message, those included whose time is over and of whom nobody has asked since."""
        waiting = [self._tree]
        while waiting:
            level = waiting.pop()
            if level.message is not None:
                yield level.message
            waiting.extend(level.below.values())

    def adopt(self, messages: int, size: int) -> None:
        """Other bounds from now on; what is kept already stays."""
        self._most_messages = messages
        self._most_bytes = size

    def keep(self, message: RetainedMessage) -> bool:
        """Keep it in place of the one before [MQTT-3.3.1-5]. False: there is no room; the one before stays."""
        names = message.publish.topic.split("/")
        before = self._find(names)
        count = self.count + (before is None)
        size = self.size + message.size - (before.size if before else 0)
        if count > self._most_messages or size > self._most_bytes:
            return False
        level = self._tree
        for name in names:
            below = level.below.get(name)
            if below is None:
                below = level.below[name] = _Level()
            level = below
        level.message = message
        self.count, self.size = count, size
        return True

    def forget(self, topic: str) -> bool:
        """Forget the message [MQTT-3.3.1-6]. False: there was none."""
        names = topic.split("/")
        before = self._find(names)
        if before is None:
            return False
        path = [self._tree]
        for name in names:
            path.append(path[-1].below[name])
        path[-1].message = None
        for depth in range(len(names), 0, -1):
            if path[depth].message or path[depth].below:
                break
            del path[depth - 1].below[names[depth - 1]]
        self.count -= 1
        self.size -= before.size
        return True

    def matching(self, topic_filter: str, now: float) -> Iterator[RetainedMessage]:
        """What a new subscription is sent; the expired are forgotten on the way [MQTT-3.3.2-5]."""
        expired: list[str] = []
        for message in _walk(self._tree, topic_filter.split("/")):
            if message.expires_at <= now:
                expired.append(message.publish.topic)
            else:
                yield message
        for topic in expired:
            self.forget(topic)

    def _find(self, names: list[str]) -> RetainedMessage | None:
        level = self._tree
        for name in names:
            below = level.below.get(name)
            if below is None:
                return None
            level = below
        return level.message


def _walk(root: _Level, names: list[str]) -> Iterator[RetainedMessage]:
    """Every message below `root` that the filter's levels match. A list of what is left to visit: no recursion, so a
    topic of many levels can't exhaust the stack."""
    waiting: list[tuple[_Level, int]] = [(root, 0)]
    while waiting:
        level, depth = waiting.pop()
        if depth == len(names):
            if level.message is not None:
                yield level.message
            continue
        name = names[depth]
        if name == "#":
            if level.message is not None:
                yield level.message  # "sport/#" also matches "sport" [MQTT 4.7.1.2]
            waiting.extend((below, depth) for key, below in level.below.items() if _may_be_wild(level, root, key))
        elif name == "+":
            waiting.extend((below, depth + 1) for key, below in level.below.items() if _may_be_wild(level, root, key))
        elif name in level.below:
            waiting.append((level.below[name], depth + 1))


def _may_be_wild(level: _Level, root: _Level, key: str) -> bool:
    """A wildcard at the beginning does not match topic names that begin with "$" [MQTT-4.7.2-1]."""
    return level is not root or not key.startswith("$")
