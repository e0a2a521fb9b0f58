"""Files of captured packets: pcap in both byte orders, with micro- and nanoseconds, and pcapng.

Both formats are described in the IETF drafts draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.

Rule 1: a file is read once, from its front to its end, a CHUNK at a time: the memory doesn't depend on its size.
Rule 2: a length that lies costs nothing: it is held against a bound before anything is read or kept for it.
Rule 3: what can't be read any more ends the reading with a Finding; what was read before it counts.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

from sealmq.errors import ConfigError

CHUNK: Final = 1 << 20
"""Bytes that are read at once: fewer calls don't make it faster."""

LONGEST_PACKET: Final = 256 * 1024
"""Bytes of a packet: what tcpdump and Wireshark record at most."""

LONGEST_SECRETS: Final = 16 << 20
"""Bytes of a block of secrets: 50,000 connections' key logs."""

MOST_INTERFACES: Final = 4_096
"""Interfaces of one section: a machine has a few."""

_LONGEST_DESCRIPTION: Final = 64 * 1024  # bytes of a block that describes an interface
_TLS_KEY_LOG: Final = 0x544C534B  # secrets type of a Decryption Secrets Block
_LINK_TYPE: Final = 0xFFFF  # the rest of the field says how long the checksum behind a frame is

_NEW: Final = tuple.__new__  # half the time of calling the class

_CLASSIC: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000, 0),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000, 0),
    b"\xa1\xb2\xcd\x34": (">", 1_000_000, 8),  # an old variant of Linux, with 8 bytes more for each packet
    b"\x34\xcd\xb2\xa1": ("<", 1_000_000, 8),
}
"""First bytes of a pcap -> byte order, parts of a second, bytes of a packet's header beyond 16."""

_SECTION: Final = 0x0A0D0D0A  # the same in both byte orders
_INTERFACE: Final = 1
_OLD_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_PACKET: Final = 6
_SECRETS: Final = 10
_BOUNDS: Final = {
    _INTERFACE: _LONGEST_DESCRIPTION,
    _OLD_PACKET: LONGEST_PACKET + _LONGEST_DESCRIPTION,
    _SIMPLE_PACKET: LONGEST_PACKET + _LONGEST_DESCRIPTION,
    _PACKET: LONGEST_PACKET + _LONGEST_DESCRIPTION,
    _SECRETS: LONGEST_SECRETS,
}
"""Blocks of pcapng that are read -> bytes that they may have. All others are passed over."""


class Packet(NamedTuple):
    """A packet as it was captured.

    at:        Unix seconds. link_type: what its bytes begin with, a LINKTYPE number.
    data:      what was kept of it. length: bytes that it had.
    """

    at: float
    link_type: int
    data: bytes
    length: int


class Secrets(NamedTuple):
    """A key log that lies in the file (pcapng's Decryption Secrets Block)."""

    text: str


class Finding(NamedTuple):
    """Something about the file that its reader should know: one sentence without a full stop at its end."""

    sentence: str


def read_packets(file: BinaryIO) -> Iterator[Packet | Secrets | Finding]:
    """All packets of a file, in its order, with the secrets and findings between them.

    Raises ConfigError, before the first packet, for a file that is no capture: it says what it looks like.
    """
    window = _Window(file)
    window.fill(4)
    magic = window.data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from _Blocks(window).read()
    elif magic in _CLASSIC:
        order, parts, more = _CLASSIC[magic]
        if not window.fill(24):
            raise ConfigError("this capture is cut off within its first 24 bytes", remedy="capture it again")
        yield from _read_classic(window, order, parts, more)
    else:
        window.fill(512)
        raise _no_capture(window.data[:512])


class _Window:
    """The part of a file that is looked at. data: its bytes; at: where the next is."""

    __slots__ = ("_file", "at", "data")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.data = b""
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def fill(self, wanted: int) -> bool:
        """Have so many bytes behind `at`. False where the file ends before."""
        left = len(self.data) - self.at
        if left >= wanted:
            return True
        parts = [self.data[self.at :]]
        while left < wanted:
            part = self._file.read(max(CHUNK, wanted - left))
            if not part:
                break
            parts.append(part)
            left += len(part)
        self.data = b"".join(parts)
        self.at = 0
        return left >= wanted

    def skip(self, count: int) -> bool:
        """Pass over so many bytes. False where the file ends before."""
        while count > self.left:
            count -= self.left
            self.at = len(self.data)
            if not self.fill(1):
                return False
        self.at += count
        return True


def _read_classic(window: _Window, order: str, parts: int, more: int) -> Iterator[Packet | Finding]:
    """The packets of a pcap, whose first bytes were looked at already."""
    link_type = int(struct.unpack_from(order + "I", window.data, 20)[0]) & _LINK_TYPE
    unpack = struct.Struct(order + "IIII").unpack_from
    window.at = 24
    size = 16 + more
    number = 0
    while window.fill(size):
        data, at = window.data, window.at
        end = len(data)
        wanted = size
        while at + size <= end:
            seconds, part, captured, length = unpack(data, at)
            if captured > LONGEST_PACKET:
                yield Finding(
                    f"packet {number + 1} of the file says that it has {captured:,} bytes, which none has: "
                    "nothing behind it was read"
                )
                return
            stop = at + size + captured
            if stop > end:
                wanted = size + captured
                break
            number += 1
            yield _NEW(Packet, (seconds + part / parts, link_type, data[at + size : stop], length))
            at = stop
        window.at = at
        if wanted > size and not window.fill(wanted):
            break
    if window.left:
        yield _cut_off(number)


class _Interface(NamedTuple):
    """link_type, ticks in a second, seconds to add, bytes that are kept of a packet (0: all)."""

    link_type: int
    rate: int
    offset: int
    kept: int


_UNREADABLE: Final = _Interface(-1, 1, 0, 0)


class _Blocks:
    """The blocks of a pcapng."""

    def __init__(self, window: _Window) -> None:
        self._window = window
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._odd = 0
        self._at = 0.0

    def read(self) -> Iterator[Packet | Secrets | Finding]:
        """All that is in them, in the order of the file."""
        trouble = ""
        while not trouble and self._window.fill(12):
            if self._window.data.startswith(b"\x0a\x0d\x0d\x0a", self._window.at):
                trouble = self._begin_section()
            else:
                trouble = yield from self._read_section()
        if trouble:
            yield Finding(trouble)
        elif self._window.left:
            yield _cut_off(self._number)
        if self._odd:
            yield Finding(f"{self._odd:,} blocks of the file are not as they must be, and were passed over")

    def _begin_section(self) -> str:
        """Read the header of a section. Returns why nothing can be read behind it, "" where all is well."""
        window = self._window
        if not window.fill(16):
            return _cut_off(self._number).sentence
        at = window.at
        order = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(window.data[at + 8 : at + 12])
        if order is None:
            return f"behind packet {self._number:,} of the file stands what is no header of a section"
        total, _, major = struct.unpack_from(order + "IIH", window.data, at + 4)
        if major != 1 or total < 28 or total & 3:
            return f"the section behind packet {self._number:,} of the file is of a version that nobody here knows"
        self._order = order
        self._interfaces = []
        return self._pass_over(total)

    def _read_section(self) -> Generator[Packet | Secrets, None, str]:
        """Read blocks until the next section, or until more must be read. Returns as _begin_section does."""
        window, order = self._window, self._order
        head = struct.Struct(order + "II").unpack_from
        tail = struct.Struct(order + "I").unpack_from
        packet = struct.Struct(order + "IIIII").unpack_from
        interfaces = self._interfaces
        data, at = window.data, window.at
        end = len(data) - 12
        while at <= end:
            kind, total = head(data, at)
            if kind == _SECTION:
                break
            stop = at + total
            if total < 12 or total & 3:
                return f"the block behind packet {self._number:,} of the file has a length that none has"
            if total > _BOUNDS.get(kind, 0):
                if kind == _INTERFACE:
                    self._describe(b"")
                if stop > end:
                    window.at = at
                    return self._pass_over(total, odd=kind in _BOUNDS)
                self._odd += kind in _BOUNDS
            elif stop > end + 12:
                window.at = at
                return "" if window.fill(total) else _cut_off(self._number).sentence
            elif kind == _PACKET and total >= 32:
                number, high, low, captured, length = packet(data, at + 8)
                if captured <= total - 32 and number < len(interfaces):
                    link_type, rate, offset, _ = interfaces[number]
                    self._at = (high << 32 | low) / rate + offset
                    self._number += 1
                    yield _NEW(Packet, (self._at, link_type, data[at + 28 : at + 28 + captured], length))
                else:
                    self._odd += 1
            else:
                found = self._other(kind, data[at + 8 : stop - 4])
                if found is not None:
                    yield found
            if tail(data, stop - 4)[0] != total:
                return f"the block behind packet {self._number:,} of the file says two lengths"
            at = stop
        window.at = at
        return ""

    def _pass_over(self, total: int, *, odd: bool = False) -> str:
        """Leave a block of so many bytes out. Returns as _begin_section does."""
        self._odd += odd
        window = self._window
        if not window.skip(total - 4) or not window.fill(4):
            return _cut_off(self._number).sentence
        if struct.unpack_from(self._order + "I", window.data, window.at)[0] != total:
            return f"the block behind packet {self._number:,} of the file says two lengths"
        window.at += 4
        return ""

    def _other(self, kind: int, body: bytes) -> Packet | Secrets | None:
        """What is in a block that is not the usual one of a packet."""
        try:
            if kind == _INTERFACE:
                self._odd += len(body) < 8
                self._describe(body)
            elif kind == _SECRETS:
                type_, length = struct.unpack_from(self._order + "II", body)
                if type_ == _TLS_KEY_LOG:
                    return Secrets(body[8 : 8 + length].decode("ascii", "replace"))
            elif kind == _SIMPLE_PACKET:
                (length,) = struct.unpack_from(self._order + "I", body)
                interface = self._interfaces[0]
                captured = min(length, interface.kept or length, len(body) - 4)
                self._number += 1
                return Packet(self._at, interface.link_type, body[4 : 4 + captured], length)
            elif kind == _OLD_PACKET:
                number, _, high, low, captured, length = struct.unpack_from(self._order + "HHIIII", body)
                interface = self._interfaces[number]
                self._at = (high << 32 | low) / interface.rate + interface.offset
                self._number += 1
                return Packet(self._at, interface.link_type, body[20 : 20 + min(captured, len(body) - 20)], length)
            else:
                self._odd += 1
        except (struct.error, IndexError):
            self._odd += 1
        return None

    def _describe(self, body: bytes) -> None:
        """Remember an interface. Packets name it by its place, so an unreadable one takes a place too."""
        if len(self._interfaces) >= MOST_INTERFACES:
            self._odd += 1
            return
        if len(body) < 8:
            self._interfaces.append(_UNREADABLE)
            return
        link_type, _, kept = struct.unpack_from(self._order + "HHI", body)
        rate, offset, at = 1_000_000, 0, 8
        while at + 4 <= len(body):
            code, length = struct.unpack_from(self._order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if code == 9 and len(value) == 1:  # if_tsresol: a power of 10, or of 2 where the first bit is set
                rate = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == 14 and len(value) == 8:  # if_tsoffset
                (offset,) = struct.unpack(self._order + "q", value)
            at += 4 + (length + 3 & ~3)
        self._interfaces.append(_Interface(link_type, rate, offset, kept))


def _cut_off(number: int) -> Finding:
    return Finding(f"the file is cut off: it ends in the middle, behind {number:,} whole packets")


_OTHERS: Final = (
    (b"\x1f\x8b", "something that gzip packed", "unpack it: gunzip"),
    (b"\x28\xb5\x2f\xfd", "something that zstd packed", "unpack it: zstd -d"),
    (b"\xfd7zXZ\0", "something that xz packed", "unpack it: xz -d"),
    (b"BZh", "something that bzip2 packed", "unpack it: bzip2 -d"),
    (b"\x04\x22\x4d\x18", "something that lz4 packed", "unpack it: lz4 -d"),
    (b"PK\x03\x04", "a zip archive", "unpack it: unzip"),
    (b"snoop\0\0\0", "a capture of snoop", "make a pcapng of it: editcap -F pcapng FILE NEW"),
    (b"GMBU", "a capture of Network Monitor", "make a pcapng of it: editcap -F pcapng FILE NEW"),
    (b"RTSS", "a capture of Network Monitor", "make a pcapng of it: editcap -F pcapng FILE NEW"),
    (b"-----BEGIN ", "PEM: a certificate or a key", "give the file of the capture"),
    (b"\x7fELF", "a program", "give the file of the capture"),
)
"""First bytes -> what the file looks like, and what to do."""

_KEY_LOG_WORDS: Final = (b"CLIENT_RANDOM ", b"CLIENT_HANDSHAKE_TRAFFIC_SECRET ", b"SERVER_HANDSHAKE_TRAFFIC_SECRET ")
_CAPTURE: Final = "give a pcap or pcapng, as tcpdump -w and Wireshark write it"


def _no_capture(first: bytes) -> ConfigError:
    """The error for a file that begins with `first`."""
    looks, remedy = f"nothing known (it begins with {first[:8].hex(' ')})", _CAPTURE
    if not first:
        looks = "an empty file"
    elif any(word in first for word in _KEY_LOG_WORDS):
        looks, remedy = "a key log", f"it opens a capture, and is none: {_CAPTURE}"
    elif all(32 <= byte < 127 or byte in b"\t\r\n" for byte in first):
        looks = "text"
    for start, name, advice in _OTHERS:
        if first.startswith(start):
            looks, remedy = name, advice
    return ConfigError(f"this is no capture: it looks like {looks}", remedy=remedy)
