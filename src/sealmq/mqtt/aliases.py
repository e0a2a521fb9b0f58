"""The topic aliases that we use towards one peer, over one link [MQTT 3.3.2.3.4].

The first long topic names that come get an alias each, until the peer takes no more; no alias is ever given to another
name. A table that followed the traffic would be at its worst where it is needed most: whoever listens to more topics
than there are aliases would be sent every name, and an alias on top of it.

The packet is changed as it was encoded, so that one encoding goes on serving the receivers without aliases.
"""

from __future__ import annotations

from sealmq.mqtt.wire import variable_byte_integer

SHORTEST = 16
"""Bytes of a topic name below which an alias is not worth a place in the table: it costs three bytes itself."""

MOST_ADDED = 5
"""Bytes that a packet may grow by when it introduces an alias: the property, and two lengths may need a byte more."""


class TopicAliases:
    """Our aliases on one link.

    most:  the peer's Topic Alias Maximum, or less [MQTT-3.1.2-26, MQTT-3.3.2-11].
    known: topic name -> the property that the peer knows it by.
    """

    __slots__ = ("_most", "known")

    def __init__(self, most: int) -> None:
        self._most = most
        self.known: dict[bytes, bytes] = {}

    def shorten(self, head: bytes, tail: bytes, may_introduce: bool) -> tuple[bytes, bytes]:
        """A PUBLISH at level 5 with an alias in it, in place of its topic name where the peer knows the alias already.

        head: fixed header and topic name. tail: properties and payload. At QoS 1 and 2 the packet identifier stands
        between them. may_introduce: the packet is sure to be sent, and may be MOST_ADDED bytes longer.
        """
        at = 4
        while head[at - 3] > 127:
            at += 1
        topic = head[at:]
        if len(topic) < SHORTEST:
            return head, tail
        alias = self.known.get(topic)
        if alias is not None:
            topic = b""
        elif may_introduce and len(self.known) < self._most:
            number = len(self.known) + 1  # never 0 [MQTT-3.3.2-8], never above what was allowed
            alias = self.known[topic] = b"\x23" + number.to_bytes(2, "big")
        else:
            return head, tail
        start, length = _properties(tail)
        tail = b"%b%b%b" % (variable_byte_integer(length + 3), alias, tail[start:])
        size = 2 + len(topic) + len(tail) + (2 if head[0] & 0x06 else 0)
        return b"%c%b%b%b" % (head[0], variable_byte_integer(size), len(topic).to_bytes(2, "big"), topic), tail

    def shorten_packet(self, packet: bytes, may_introduce: bool) -> bytes:
        """The same for a whole packet at QoS 0."""
        at = 2
        while packet[at - 1] > 127:
            at += 1
        end = at + 2 + int.from_bytes(packet[at : at + 2], "big")
        return b"".join(self.shorten(packet[:end], packet[end:], may_introduce))


def _properties(tail: bytes) -> tuple[int, int]:
    """Where the properties begin, behind their length, and that length."""
    length = shift = at = 0
    while True:
        byte = tail[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return at, length
