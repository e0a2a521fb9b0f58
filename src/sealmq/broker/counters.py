"""What happened, in numbers that only grow, and how many are here."""

from __future__ import annotations

from collections import Counter

from sealmq.broker.limits import BROKEN_LIMITS


class Counters:
    """What happened to messages.

    received:  PUBLISH packets that came. delivered: that left.
    dropped_*: what somebody wanted and did not get, and why.
    refused_*: what a client was told that it may not, or not while the disk refuses.
    limits:    a limit's name in sealmq.toml -> how often it was met.
    expired_retained: retained messages whose time was over.
    unspoken_wills: wills of those who were revoked or removed.
    clones:    how often one certificate was found in two places.
    """

    __slots__ = (
        "clones",
        "delivered",
        "dropped_expired",
        "dropped_qos0",
        "dropped_queue_full",
        "dropped_too_large",
        "expired_retained",
        "limits",
        "received",
        "refused_disk",
        "refused_publish",
        "refused_subscribe",
        "unspoken_wills",
    )

    def __init__(self) -> None:
        self.limits: Counter[str] = Counter()
        self.received = 0
        self.delivered = 0
        self.dropped_qos0 = 0
        self.dropped_queue_full = 0
        self.dropped_too_large = 0
        self.dropped_expired = 0
        self.expired_retained = 0
        self.refused_disk = 0
        self.refused_publish = 0
        self.refused_subscribe = 0
        self.unspoken_wills = 0
        self.clones = 0

    def broken(self, reason_code: int, *, before_connect: bool) -> None:
        """A client has broken a rule; count it where that was a limit."""
        met = BROKEN_LIMITS.get(reason_code)
        if met is not None:
            self.limits["first_packet_size" if met == "packet_size" and before_connect else met] += 1

    @property
    def dropped(self) -> int:
        """Messages that somebody wanted and did not get."""
        return self.dropped_qos0 + self.dropped_queue_full + self.dropped_too_large + self.dropped_expired

    def count_dropped_qos0(self) -> None:
        """A message at QoS 0 that a slow reader did not get."""
        self.dropped_qos0 += 1
        self.limits["buffered_bytes"] += 1


class Traffic:
    """What links count.

    bytes_received, bytes_sent:     inside TLS.
    packets_received, packets_sent: all but PUBLISH, which dispatch.py counts.
    sockets:    connections that were accepted. connections: CONNECT packets.
    connected:  clients that are connected now, `most_connected` at most since the start.
    refused:    why a handshake was refused -> how often.
    """

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "connected",
        "connections",
        "most_connected",
        "packets_received",
        "packets_sent",
        "refused",
        "sockets",
    )

    def __init__(self) -> None:
        self.bytes_received = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.packets_sent = 0
        self.sockets = 0
        self.connections = 0
        self.connected = 0
        self.most_connected = 0
        self.refused: Counter[str] = Counter()

    def connect(self) -> None:
        """One client more."""
        self.connected += 1
        self.most_connected = max(self.most_connected, self.connected)

    def disconnect(self) -> None:
        """One client less."""
        self.connected -= 1
