"""Where the broker's memory is kept: the question, and the answer that keeps it in memory alone.

The broker holds sessions and retained messages as living objects and tells the store of every change that has to
survive. A store that writes to disk numbers what it is given, and later says up to which number all is safe; one that
keeps nothing has nothing to say.
"""

from __future__ import annotations

from typing import Protocol

from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import Delivery, Held, Session


class Store(Protocol):
    """What the broker tells of sessions that outlive their links, and of retained messages. Nothing here waits."""

    def opened(self, session: Session) -> None:
        """The session exists, or its expiry or will has changed."""

    def ended(self, session: Session) -> None:
        """The session and all that belongs to it is gone."""

    def subscribed(self, session: Session, held: Held) -> None:
        """The session holds this subscription."""

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """The session no longer holds it."""

    def queued(self, session: Session, delivery: Delivery) -> None:
        """A delivery at QoS 1 or 2 waits for, or has left to, the session's client."""

    def finished(self, session: Session, delivery: Delivery) -> None:
        """The delivery is done, refused, expired or dropped."""

    def received(self, session: Session, packet_id: int) -> None:
        """A QoS 2 message came and was passed on; it must not be passed on again."""

    def released(self, session: Session, packet_id: int) -> None:
        """PUBREL came for it."""

    def retained(self, message: RetainedMessage) -> None:
        """The last word on its topic."""

    def forgotten(self, topic: str) -> None:
        """No message is retained on the topic any more."""


class MemoryStore:
    """Keeps nothing: sessions live as long as the process."""

    def opened(self, session: Session) -> None:
        """See Store."""

    def ended(self, session: Session) -> None:
        """See Store."""

    def subscribed(self, session: Session, held: Held) -> None:
        """See Store."""

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """See Store."""

    def queued(self, session: Session, delivery: Delivery) -> None:
        """See Store."""

    def finished(self, session: Session, delivery: Delivery) -> None:
        """See Store."""

    def received(self, session: Session, packet_id: int) -> None:
        """See Store."""

    def released(self, session: Session, packet_id: int) -> None:
        """See Store."""

    def retained(self, message: RetainedMessage) -> None:
        """See Store."""

    def forgotten(self, topic: str) -> None:
        """See Store."""
