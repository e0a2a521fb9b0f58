"""Captures made by hand, block by block and header by header: not by the code that is tested with them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence

from sealmq.kit.capture.frames import ACK, FIN, RST, SYN
from sealmq.kit.capture.pcap_files import Packet

CLIENT = ("192.0.2.1", 40_000)
SERVER = ("192.0.2.2", 8883)
CLIENT_6 = ("2001:db8::1", 40_000)
SERVER_6 = ("2001:db8::2", 8883)
HELLO = bytes.fromhex("160301002d010000290303") + bytes(32) + bytes.fromhex("000002130101000000")
"""A ClientHello without extensions, in its record."""
SERVER_HELLO = bytes.fromhex("160303002c020000280303") + bytes(32) + bytes.fromhex("00130100") + bytes(2)
CONNECT = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03abc"

Address = tuple[str, int]


def tcp(source: Address, destination: Address, sequence: int, flags: int = ACK, payload: bytes = b"") -> bytes:
    """A TCP segment without its checksum."""
    header = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence & 0xFFFF_FFFF, 0, 0x50, flags, 1_000, 0, 0)
    return header + payload


def ipv4(source: str, destination: str, inner: bytes, *, options: bytes = b"", fragment: int = 0, length: int = -1,
         protocol: int = 6) -> bytes:  # fmt: skip
    """A packet of IPv4 without its checksum."""
    size = 20 + len(options)
    length = size + len(inner) if length < 0 else length
    header = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, length, 1, fragment, 64, protocol, 0)
    return header + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + options + inner


def ipv6(source: str, destination: str, inner: bytes, *, following: int = 6, length: int = -1) -> bytes:
    """A packet of IPv6."""
    header = struct.pack("!IHBB", 6 << 28, len(inner) if length < 0 else length, following, 64)
    return header + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + inner


def ip(source: Address, destination: Address, sequence: int, flags: int = ACK, payload: bytes = b"") -> bytes:
    """A TCP segment in IP of the addresses' version."""
    inner = tcp(source, destination, sequence, flags, payload)
    return (ipv6 if ":" in source[0] else ipv4)(source[0], destination[0], inner)


def ethernet(packet: bytes, *tags: int) -> bytes:
    """A frame of Ethernet, with as many VLAN tags as there are TPIDs."""
    type_ = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return bytes(12) + b"".join(struct.pack("!HH", tag, 7) for tag in tags) + struct.pack("!H", type_) + packet


def raw(packet: bytes, at: float = 1_000.0) -> Packet:
    """A packet that was captured as a whole, without a link layer."""
    return Packet(at, 101, packet, len(packet))


class Talk:
    """Two ends that talk over TCP, every packet as it would be captured. Time goes on by 10 ms with each."""

    def __init__(self, client: Address = CLIENT, server: Address = SERVER, *, start: int = 1_000, at: float = 1_000.0):
        self.ends = (client, server)
        self.sequences = [start, start + 777]
        self.at = at
        self.packets: list[Packet] = []

    def send(self, side: int, payload: bytes = b"", flags: int = ACK) -> Talk:
        """`side` 0 is the client."""
        source, destination = self.ends[side], self.ends[side ^ 1]
        self.packets.append(raw(ip(source, destination, self.sequences[side], flags, payload), self.at))
        self.sequences[side] += len(payload) + bool(flags & (SYN | FIN))
        self.at += 0.01
        return self

    def begin(self) -> Talk:
        return self.send(0, flags=SYN).send(1, flags=SYN | ACK).send(0)

    def end(self) -> Talk:
        return self.send(0, flags=FIN | ACK).send(1, flags=FIN | ACK)

    def reset(self, side: int) -> Talk:
        return self.send(side, flags=RST)


def pcap(packets: Iterable[Packet], *, order: str = "<", nanoseconds: bool = False, link_type: int = 101) -> bytes:
    """A classic capture file."""
    parts = 1_000_000_000 if nanoseconds else 1_000_000
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    file = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link_type)]
    for packet in packets:
        seconds, fraction = divmod(round(packet.at * parts), parts)
        file.append(struct.pack(order + "IIII", seconds, fraction, len(packet.data), packet.length) + packet.data)
    return b"".join(file)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", *, major: int = 1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(order: str = "<", *, link_type: int = 101, kept: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, kept) + options, order)


def enhanced(data: bytes, ticks: int, order: str = "<", *, number: int = 0, length: int = -1) -> bytes:
    """An Enhanced Packet Block."""
    length = len(data) if length < 0 else length
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFF_FFFF, len(data), length)
    return block(6, head + data + bytes(-len(data) % 4), order)


def secrets(text: bytes, order: str = "<", *, kind: int = 0x544C534B) -> bytes:
    """A Decryption Secrets Block."""
    return block(10, struct.pack(order + "II", kind, len(text)) + text, order)


def pcapng(packets: Sequence[Packet], *, order: str = "<", key_log: bytes = b"") -> bytes:
    """A capture of one section and interface, in microseconds."""
    file = [section(order), interface(order)]
    if key_log:
        file.append(secrets(key_log, order))
    return b"".join(file + [enhanced(one.data, round(one.at * 1e6), order, length=one.length) for one in packets])
