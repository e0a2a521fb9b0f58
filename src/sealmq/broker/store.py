"""Where the broker's memory is kept: the question, and the answer that keeps it in memory alone.

The broker holds sessions and retained messages as living objects, and tells the store of every change that has to
survive. The store numbers what it is told. What a client must not hear before it is safe (PUBACK, PUBREC, PUBREL,
PUBCOMP, SUBACK of a session that lasts) waits until the server says `Broker.committed(number)`.

Only sessions that outlive their links are told of, so a message for nobody persistent costs no disk.
"""

from __future__ import annotations

from typing import Protocol

from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import Delivery, Held, Session


class Store(Protocol):
    """What the broker tells. Nothing here waits or fails.

    number:  of the last change that was told; it grows with every change.
    failing: why the last write failed, "" when it did not: new promises should not be made.
    """

    number: int
    failing: str

    def opened(self, session: Session) -> None:
        """The session exists, or its expiry or will has changed. With expiry 0 it is forgotten here.

        A store that keeps it gives it a number. Of the deliveries of those without, it need not be told.
        """

    def ended(self, session: Session) -> None:
        """The session and all that belongs to it is gone."""

    def subscribed(self, session: Session, held: Held) -> None:
        """The session holds this subscription."""

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """The session no longer holds it."""

    def queued(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """A delivery at QoS 1 or 2 waits for the session's client (packet_id 0), or is about to leave under its id."""

    def sent(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """A delivery that waited is about to leave."""

    def released(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """PUBREC came: the client has the message, and PUBREL is due."""

    def finished(self, session: Session, delivery: Delivery) -> None:
        """The delivery is done, refused, expired or dropped."""

    def received(self, session: Session, packet_id: int) -> None:
        """A QoS 2 message came and was passed on; it must not be passed on again."""

    def completed(self, session: Session, packet_id: int) -> None:
        """PUBREL came for it: the packet identifier is free."""

    def retained(self, message: RetainedMessage) -> None:
        """The last word on its topic."""

    def forgotten(self, topic: str) -> None:
        """No message is retained on the topic any more."""


class MemoryStore:
    """Keeps nothing: sessions live as long as the process."""

    number = 0
    failing = ""

    def opened(self, session: Session) -> None:
        """See Store."""

    def ended(self, session: Session) -> None:
        """See Store."""

    def subscribed(self, session: Session, held: Held) -> None:
        """See Store."""

    def unsubscribed(self, session: Session, topic_filter: str) -> None:
        """See Store."""

    def queued(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""

    def sent(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""

    def released(self, session: Session, delivery: Delivery, packet_id: int) -> None:
        """See Store."""

    def finished(self, session: Session, delivery: Delivery) -> None:
        """See Store."""

    def received(self, session: Session, packet_id: int) -> None:
        """See Store."""

    def completed(self, session: Session, packet_id: int) -> None:
        """See Store."""

    def retained(self, message: RetainedMessage) -> None:
        """See Store."""

    def forgotten(self, topic: str) -> None:
        """See Store."""
