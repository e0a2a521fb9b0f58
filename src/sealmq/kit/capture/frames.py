"""From a captured packet to the TCP segment in it: link layers, IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293).

Rule 1: a packet is looked at once, and what isn't TCP is left: no packet costs more than a few microseconds.
Rule 2: fragments of IP are not put together: no TCP of today sends any. They are counted.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final, NamedTuple

from sealmq.kit.capture.pcap_files import Packet

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10

_ETHERNET: Final = 1
_LOOPBACK: Final = (0, 108)
_RAW: Final = (12, 14, 101, 228, 229)
_COOKED: Final = 113
_COOKED_2: Final = 276

_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_TAGS: Final = (0x8100, 0x88A8, 0x9100)  # IEEE 802.1Q, 802.1ad, and what was used before it
_MOST_TAGS: Final = 4
_MOST_EXTENSIONS: Final = 8
_NAMED_LINKS: Final = 16
_TCP: Final = 6
_FRAGMENT: Final = 44
_EXTENSIONS: Final = (0, 43, 60, 135, 139, 140)  # hop-by-hop, routing, destination, mobility, HIP, Shim6: of one form

_NEW: Final = tuple.__new__  # half the time of calling the class
_FLOW: Final = struct.Struct("4s4s2s2s")  # of IPv4
_TYPE: Final = struct.Struct("!H").unpack_from
_IPV4_AND_TCP: Final = struct.Struct("!BxHxxHxBxx12sI4xBB").unpack_from  # as far as there are no options
_TCP_HEADER: Final = struct.Struct("!4sI4xBB").unpack_from


class Segment(NamedTuple):
    """One TCP segment.

    flow:     source address, destination address, source port, destination port: 12 bytes of IPv4, 36 of IPv6.
    sequence: number of its first byte. flags: FIN, SYN, RST, ACK. at: Unix seconds.
    """

    flow: bytes
    sequence: int
    flags: int
    payload: bytes
    at: float

    @property
    def source(self) -> tuple[str, int]:
        """Address and port of who sent it."""
        return endpoints(self.flow)[0]

    @property
    def destination(self) -> tuple[str, int]:
        """Address and port of whom it was sent to."""
        return endpoints(self.flow)[1]


def endpoints(flow: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    """Source and destination, each with its port."""
    size = (len(flow) - 4) // 2
    source, destination = ipaddress.ip_address(flow[:size]), ipaddress.ip_address(flow[size : 2 * size])
    ports = struct.unpack("!HH", flow[2 * size :])
    return (str(source), ports[0]), (str(destination), ports[1])


def reverse(flow: bytes) -> bytes:
    """The flow of who answers."""
    if len(flow) == 12:
        source, destination, from_, to = _FLOW.unpack(flow)
        return _FLOW.pack(destination, source, to, from_)
    size = (len(flow) - 4) // 2
    return flow[size : 2 * size] + flow[:size] + flow[-2:] + flow[-4:-2]


class Frames:
    """Takes the segments out of packets, and counts what it can't take."""

    __slots__ = ("cut", "fragments", "packets", "strange", "unknown_links")

    def __init__(self) -> None:
        self.packets = 0
        self.fragments = 0
        self.cut = 0
        self.strange = 0
        self.unknown_links: set[int] = set()

    def segment(self, packet: Packet) -> Segment | None:
        """The TCP segment in a packet, None where there is none that can be read."""
        self.packets += 1
        at, link_type, data, _ = packet
        if link_type == _ETHERNET and data[12:15] == b"\x08\x00\x45":  # the usual: IPv4 without options
            start = 14
        else:
            start = self._ip_begins(link_type, data)
            if start < 0:
                return None
        try:
            first, total, fragment, protocol, flow, sequence, size, flags = _IPV4_AND_TCP(data, start)
        except struct.error:
            self._too_short(packet)
            return None
        if first != 0x45:
            return self._options(packet, start)
        if protocol != _TCP:
            return None
        if fragment & 0x3FFF:
            self.fragments += 1
            return None
        stop = start + total if total else len(data)  # 0: the kernel cut it into segments later
        if stop > len(data):
            self.cut += 1
        begin = start + 20 + (size >> 4) * 4
        if begin > stop or size < 0x50:
            self.strange += 1
            return None
        return _NEW(Segment, (flow, sequence, flags, data[begin:stop], at))

    def _ip_begins(self, link_type: int, data: bytes) -> int:
        """Where IP begins in a frame, -1 where it doesn't."""
        if link_type in _RAW:
            start = 0
        elif link_type in _LOOPBACK:
            start = 4
        elif link_type in (_ETHERNET, _COOKED, _COOKED_2):
            start = self._behind_type(link_type, data)
        else:
            if link_type >= 0 and len(self.unknown_links) < _NAMED_LINKS:
                self.unknown_links.add(link_type)
            return -1
        return start if 0 <= start < len(data) and data[start] >> 4 in (4, 6) else -1

    def _behind_type(self, link_type: int, data: bytes) -> int:
        """Where what an EtherType announces begins, -1 where it isn't IP."""
        place, size = {_ETHERNET: (12, 14), _COOKED: (14, 16), _COOKED_2: (0, 20)}[link_type]
        for _ in range(_MOST_TAGS + 1):
            if place + 2 > len(data):
                return -1
            (type_,) = _TYPE(data, place)
            if type_ not in _TAGS:
                return size if type_ in (_IPV4, _IPV6) else -1
            place, size = size + 2, size + 4
        return -1

    def _options(self, packet: Packet, start: int) -> Segment | None:
        """The segment in IPv4 with options, or in IPv6."""
        data = packet.data
        if data[start] >> 4 == 6:
            return self._ipv6(packet, start)
        total, fragment = struct.unpack_from("!H2xH", data, start + 2)
        size = (data[start] & 15) * 4
        if data[start + 9] != _TCP:
            return None
        if fragment & 0x3FFF:
            self.fragments += 1
            return None
        stop = start + total if total else len(data)
        if size < 20:
            self.strange += 1
            return None
        return self._tcp(packet, data[start + 12 : start + 20], start + size, stop)

    def _ipv6(self, packet: Packet, start: int) -> Segment | None:
        """The segment in IPv6, behind its extension headers (RFC 8200 section 4)."""
        data = packet.data
        if start + 40 > len(data):
            self._too_short(packet)
            return None
        (length,) = _TYPE(data, start + 4)
        stop = start + 40 + length if length else len(data)  # 0: longer than the field can say (RFC 2675)
        following, at = data[start + 6], start + 40
        for _ in range(_MOST_EXTENSIONS):
            if following == _TCP:
                return self._tcp(packet, data[start + 8 : start + 40], at, stop)
            if following == _FRAGMENT:
                self.fragments += 1
                return None
            if following not in _EXTENSIONS or at + 8 > len(data):
                return None
            following, at = data[at], at + 8 + data[at + 1] * 8
        self.strange += 1
        return None

    def _tcp(self, packet: Packet, addresses: bytes, start: int, stop: int) -> Segment | None:
        """The segment that begins at `start`, in a packet of IP that ends at `stop`."""
        data = packet.data
        if start + 20 > len(data):
            self._too_short(packet)
            return None
        ports, sequence, size, flags = _TCP_HEADER(data, start)
        begin = start + (size >> 4) * 4
        if begin > stop or size < 0x50:
            self.strange += 1
            return None
        if stop > len(data):
            self.cut += 1
        return Segment(addresses + ports, sequence, flags, data[begin:stop], packet.at)

    def _too_short(self, packet: Packet) -> None:
        """Count a packet whose headers aren't all there: cut by the capture, or of no use to anybody."""
        if len(packet.data) < packet.length:
            self.cut += 1
        elif packet.data:
            self.strange += 1
