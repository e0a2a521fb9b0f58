"""The last word on each topic [MQTT 3.3.1.3]: kept for whoever subscribes later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sealmq.broker.agenda import Agenda
from sealmq.mqtt.packets import Publish

BRANCH = 256
"""Bytes that one level of the tree costs, about: an object, a dictionary, the level's name."""

STRETCH = 64
"""Levels that a walk looks at without finding a message before it lets others have their turn."""


class RetainedMessage(NamedTuple):
    """A retained message; `expires_at` in Unix seconds; `owner` is the identity that published it, "" when unknown."""

    publish: Publish
    expires_at: float
    owner: str = ""

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
    messages_each, size_each: how many may be of one identity, and how many bytes they may have.
    """

    def __init__(self, messages: int, size: int, messages_each: int = 1 << 60, size_each: int = 1 << 60) -> None:
        self.adopt(messages, size, messages_each, size_each)
        self._owned: Counter[str] = Counter()
        self._owned_bytes: Counter[str] = Counter()
        self._tree = _Level()
        self._agenda: Agenda[str] = Agenda()
        self.count = 0
        self.size = 0

    def __contains__(self, topic: str) -> bool:
        """Is there a last word on the topic?"""
        return self._find(topic.split("/")) is not None

    def __iter__(self) -> Iterator[RetainedMessage]:
        """Every message, those included whose time was over since the last tick."""
        waiting = [self._tree]
        while waiting:
            level = waiting.pop()
            if level.message is not None:
                yield level.message
            waiting.extend(level.below.values())

    def adopt(self, messages: int, size: int, messages_each: int, size_each: int) -> None:
        """Other bounds from now on; what is kept already stays."""
        self._most_messages = messages
        self._most_bytes = size
        self._most_of_one = messages_each
        self._most_bytes_of_one = size_each

    def keep(self, message: RetainedMessage) -> bool:
        """Keep it in place of the one before [MQTT-3.3.1-5]. False: there is no room; the one before stays."""
        if self.met_by(message):
            return False
        names = message.publish.topic.split("/")
        before = self._find(names)
        level = self._tree
        for name in names:
            below = level.below.get(name)
            if below is None:
                below = level.below[name] = _Level()
            level = below
        level.message = message
        self.count += before is None
        if before is not None:
            self._disown(before)
        self._owned[message.owner] += 1
        self._owned_bytes[message.owner] += message.size
        self.size += message.size - (before.size if before else 0)
        self._agenda.remind(message.publish.topic, message.expires_at)
        return True

    def met_by(self, message: RetainedMessage) -> str:
        """The name of the limit that forbids to keep it, "" when none does."""
        before = self._find(message.publish.topic.split("/"))
        if before is None and self.count >= self._most_messages:
            return "retained_messages"
        is_anothers = before is None or before.owner != message.owner
        if is_anothers and message.owner and self._owned[message.owner] >= self._most_of_one:
            return "retained_messages_per_identity"
        size = self.size + message.size - (before.size if before else 0)
        if size > self._most_bytes:
            return "retained_bytes"
        its_own = self._owned_bytes[message.owner] + message.size
        if before is not None and not is_anothers:
            its_own -= before.size
        return "retained_bytes_per_identity" if message.owner and its_own > self._most_bytes_of_one else ""

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
        self._disown(before)
        self._agenda.forget(topic)
        return True

    def _disown(self, message: RetainedMessage) -> None:
        self._owned[message.owner] -= 1
        self._owned_bytes[message.owner] -= message.size
        if not self._owned[message.owner]:
            del self._owned[message.owner], self._owned_bytes[message.owner]

    def expired(self, now: float) -> Iterator[str]:
        """Forget the messages whose time is over [MQTT-3.3.2-5], one at each step; their topics."""
        for topic in self._agenda.due(now):
            message = self._find(topic.split("/"))
            if message is None:
                continue
            if message.expires_at <= now:
                self.forget(topic)
                yield topic
            else:  # another took its place
                self._agenda.remind(topic, message.expires_at)

    def walk(self, topic_filter: str, now: float) -> Iterator[RetainedMessage | None]:
        """All that a filter matches, step by step: None after each stretch in which nothing was found, and for what has
        expired. Between two steps anything may be kept or forgotten: the walk finds what is there when it comes by."""
        for message in _walk(self._tree, topic_filter.split("/")):
            yield None if message is not None and message.expires_at <= now else message

    def _find(self, names: list[str]) -> RetainedMessage | None:
        level = self._tree
        for name in names:
            below = level.below.get(name)
            if below is None:
                return None
            level = below
        return level.message


def _walk(root: _Level, names: list[str]) -> Iterator[RetainedMessage | None]:
    """Every message below `root` that the filter's levels match; None after STRETCH levels without one.

    A list of where we are in each level: no recursion, so a topic of many levels can't exhaust the stack.
    """
    path: list[tuple[Iterator[_Level], int]] = [(iter((root,)), 0)]
    visited = 0
    while path:
        levels, depth = path[-1]
        level = next(levels, None)
        if level is None:
            path.pop()
            continue
        visited += 1
        name = names[depth] if depth < len(names) else ""
        if level.message is not None and (depth == len(names) or name == "#"):
            visited = 0
            yield level.message  # "sport/#" also matches "sport" [MQTT 4.7.1.2]
        elif visited >= STRETCH:
            visited = 0
            yield None
        if depth == len(names):
            continue
        if name == "#":
            path.append((_below(level, root), depth))
        elif name == "+":
            path.append((_below(level, root), depth + 1))
        elif name in level.below:
            path.append((iter((level.below[name],)), depth + 1))


def _below(level: _Level, root: _Level) -> Iterator[_Level]:
    """What a wildcard finds below a level, as it is now; at the beginning no topic names that begin with "$".

    [MQTT-4.7.2-1]
    """
    if level is root:
        return iter([below for name, below in level.below.items() if not name.startswith("$")])
    return iter(list(level.below.values()))
