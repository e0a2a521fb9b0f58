"""QoS 1 and 2 on the sender's side: packet identifiers, and what is unfinished [MQTT 4.3.2, 4.3.3].

    QoS 1   PUBLISH ->            <- PUBACK                     done
    QoS 2   PUBLISH ->            <- PUBREC
            PUBREL  ->            <- PUBCOMP                    done

An `Outgoing` belongs to a session, not to a link: after a reconnect it says what has to be sent again. The receiver's
side of QoS 2 needs no more than a set of packet identifiers, which the session keeps itself.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from sealmq.errors import LocalProtocolError
from sealmq.mqtt.codes import ReasonCode


class HasQoS(Protocol):
    """What an unfinished delivery must tell: 1 or 2."""

    @property
    def qos(self) -> int: ...


Delivery = TypeVar("Delivery", bound=HasQoS)

HIGHEST_PACKET_ID = 65_535


class Outgoing(Generic[Delivery]):
    """What was sent at QoS 1 or 2 and is not finished.

    sent:     packet identifier -> delivery: PUBLISH left, neither PUBACK nor PUBREC came. In the order of sending.
    unsent:   the same from the link before this one: each has to be sent again, as soon as the window has room. The
              next one stands last: Python takes the last of a dictionary at once, and has to look for the first.
    released: packet identifier -> delivery: PUBREC came, PUBREL left or is about to, in that order.
    """

    __slots__ = ("_last", "released", "sent", "unsent")

    def __init__(self) -> None:
        self.sent: dict[int, Delivery] = {}
        self.unsent: dict[int, Delivery] = {}
        self.released: dict[int, Delivery] = {}
        self._last = 0

    def __len__(self) -> int:
        """How much of the peer's Receive Maximum is in use [MQTT-4.9.0-1]."""
        return len(self.sent) + len(self.released)

    def add(self, delivery: Delivery) -> int:
        """Give the delivery a packet identifier that is not in use [MQTT-2.2.1-3, MQTT-2.2.1-4] and keep it."""
        packet_id = self._last + 1
        if packet_id > HIGHEST_PACKET_ID:
            packet_id = 1
        if packet_id in self.sent or packet_id in self.released or packet_id in self.unsent:
            packet_id = self._free_id(packet_id)
        self._last = packet_id
        self.sent[packet_id] = delivery
        return packet_id

    def _free_id(self, start: int) -> int:
        for step in range(HIGHEST_PACKET_ID):
            packet_id = (start - 1 + step) % HIGHEST_PACKET_ID + 1
            if packet_id not in self.sent and packet_id not in self.released and packet_id not in self.unsent:
                return packet_id
        raise LocalProtocolError("all 65,535 packet identifiers are in use", ReasonCode.RECEIVE_MAXIMUM_EXCEEDED)

    def on_puback(self, packet_id: int) -> Delivery | None:
        """QoS 1 is done. None: no such PUBLISH is waiting for a PUBACK."""
        delivery = self.sent.get(packet_id)
        if delivery is None or delivery.qos != 1:
            return None
        del self.sent[packet_id]
        return delivery

    def on_pubrec(self, packet_id: int, failed: bool) -> Delivery | None:
        """The peer has the message (`failed`: it has refused it, which ends the delivery).

        None: no PUBLISH is waiting for it; when `packet_id in released` it is a repeated PUBREC: PUBREL is due again.
        """
        delivery = self.sent.get(packet_id)
        if delivery is None or delivery.qos != 2:
            return None
        del self.sent[packet_id]  # [MQTT-4.3.3-4]: behind PUBREC the message is not sent again
        if not failed:
            self.released[packet_id] = delivery
        return delivery

    def on_pubcomp(self, packet_id: int) -> Delivery | None:
        """QoS 2 is done. None: no PUBREL was out for it."""
        return self.released.pop(packet_id, None)

    def restart(self) -> None:
        """The link is gone: everything that left and is not finished has to leave again [MQTT-4.4.0-1].

        The order of the first sending is kept [MQTT-4.6.0-1], [MQTT 3.1.1: MQTT-4.6.0-1].
        """
        in_order = {**self.sent, **dict(reversed(self.unsent.items()))}
        self.unsent = dict(reversed(in_order.items()))
        self.sent = {}

    def again(self) -> tuple[int, Delivery] | None:
        """The next delivery to send once more, under its old packet identifier; None when there is none left."""
        if not self.unsent:
            return None
        packet_id, delivery = self.unsent.popitem()
        self.sent[packet_id] = delivery
        return packet_id, delivery

    def drop(self, packet_id: int) -> None:
        """Behave as if this delivery were done: the peer of the new link cannot take it [MQTT-3.1.2-25], or somebody
        else gets it [MQTT 4.8.2]."""
        self.sent.pop(packet_id, None)
        self.unsent.pop(packet_id, None)
