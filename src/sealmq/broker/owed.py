"""What a session's new subscriptions are still to be sent of what is retained [MQTT 3.3.1.3].

Not a list of messages: a walk through what is retained, which goes on where it stopped. What changes in the meantime
reaches the subscriber as an ordinary message, and the walk finds the last word of each topic, so no old one comes
behind a new one. It lives as long as the process: after a restart of the broker in the middle of it, a session that
lasts has to subscribe anew for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sealmq.broker.retained import RetainedMessage

Walk = Callable[[str, float], Iterator[RetainedMessage | None]]
"""(topic filter, now) -> the retained messages that it matches; None where a stretch of the walk found nothing."""


class Owed:
    """The topic filters whose turn comes, one after the other; each once, however often it is subscribed to."""

    __slots__ = ("_filters", "_found", "_walk")

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._filters: dict[str, None] = {}
        self._found: Iterator[RetainedMessage | None] | None = None

    @property
    def topic_filter(self) -> str:
        """The filter whose messages are being sent; "" when all is done."""
        return next(iter(self._filters), "")

    def add(self, topic_filter: str) -> None:
        """Send what this filter matches, all of it, after what has been asked for before."""
        if topic_filter == self.topic_filter:
            self._found = None  # from the beginning again
        else:
            self._filters[topic_filter] = None

    def skip(self) -> None:
        """Nothing more for this filter."""
        self._filters.pop(self.topic_filter, None)
        self._found = None

    def next(self, now: float) -> RetainedMessage | None:
        """The next message of `topic_filter`. None: there was none in this step, or it is done with that filter."""
        if self._found is None:
            self._found = self._walk(self.topic_filter, now)
        try:
            message = next(self._found)
        except StopIteration:
            self.skip()
            return None
        return message if message is not None and message.expires_at > now else None
