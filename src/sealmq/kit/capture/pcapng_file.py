"""A pcapng that Wireshark opens, of the bytes that both ends of one connection sent, with the secrets that open them.

There are no packets to write: frames are made for the bytes, as TCP would have sent them, without a link layer. What is
made up is this alone: where segments begin, sequence numbers, acknowledgements, the handshake of TCP.

Rule 1: the file opens the conversation: only its owner may read it, and it is there as a whole or not at all.
        What is no file (a device, a pipe) is not replaced by one.
Rule 2: the secrets stand before the packets: Wireshark reads once, from the front.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sealmq.errors import ConfigError
from sealmq.kit.capture.frames import ACK, FIN, SYN
from sealmq.kit.dissect.conversation import Sender

MSS: Final = 1_460
"""Bytes of a segment: what Ethernet carries over IPv4 (RFC 9293 section 3.7.1). IPv6 takes 20 fewer."""

_PUSH: Final = 0x08
_TCP: Final = 6
_RAW: Final = 101  # LINKTYPE_RAW: IP without a frame around it
_LONGEST_TEXT: Final = 65_532  # an option's length has two bytes
_NANOSECONDS: Final = b"\x09"
_KEY_LOG: Final = 0x544C534B
_ACKNOWLEDGED: Final = 16  # segments; TCP may acknowledge later than RFC 9293 wants, and Wireshark minds a full window

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def write_pcapng(
    path: Path,
    pieces: Sequence[tuple[Sender, bytes, float]],
    *,
    client: tuple[str, int],
    server: tuple[str, int],
    key_log: str,
    began: float,
    comment: str,
    ends: Sequence[tuple[Sender, float]] = (),
) -> None:
    """Write what two ends sent as a capture.

    pieces:  who sent, the bytes, seconds since the connection began; in the order of time.
    client, server: IP address and port.
    key_log: secrets in NSS key log format, "" for none: then nobody can open it. began: Unix seconds.
    comment: what Wireshark shows of the file. ends: who closed its direction, and when; without, both do at the end.
    Raises ConfigError when the file can't be written; nothing is left behind then.
    """
    frames = _Frames(client, server)
    blocks = [_section(comment), _interface()]
    if key_log:
        text = key_log.encode("ascii", "replace")
        blocks.append(_block(10, struct.pack("<II", _KEY_LOG, len(text)) + text))
    start = round(began * 1_000_000_000)
    latest = start
    for at, packet in frames.all(pieces, ends):
        latest = max(latest, start + round(at * 1_000_000_000))
        head = struct.pack("<IIIII", 0, latest >> 32 & 0xFFFF_FFFF, latest & 0xFFFF_FFFF, len(packet), len(packet))
        blocks.append(_block(6, head + packet))
    _write(path, blocks)


class _Frames:
    """Makes the packets of one connection."""

    def __init__(self, client: tuple[str, int], server: tuple[str, int]) -> None:
        addresses = [ipaddress.ip_address(host.partition("%")[0]) for host, _ in (client, server)]
        if {address.version for address in addresses} == {4, 6}:
            addresses = [_as_ipv6(address) for address in addresses]
        self._addresses = dict(zip(Sender, addresses, strict=True))
        self._ports = {Sender.CLIENT: client[1], Sender.SERVER: server[1]}
        self._sequence = dict.fromkeys(Sender, 0)
        self._identification = 0
        self._largest = MSS if addresses[0].version == 4 else MSS - 20

    def all(
        self, pieces: Sequence[tuple[Sender, bytes, float]], ends: Sequence[tuple[Sender, float]]
    ) -> Iterator[tuple[float, bytes]]:
        """All packets with their times, from the first SYN to the last ACK."""
        yield 0.0, self._packet(Sender.CLIENT, SYN)
        yield 0.0, self._packet(Sender.SERVER, SYN | ACK)
        yield 0.0, self._packet(Sender.CLIENT, ACK)
        last = max([at for _, _, at in pieces] + [at for _, at in ends], default=0.0)
        closing = list(ends) or [(Sender.CLIENT, last), (Sender.SERVER, last)]
        sent = [(at, 0, sender, data) for sender, data, at in pieces]
        for sender in Sender:
            at = next((at for who, at in closing if who is sender), None)
            if at is not None:  # whoever closed sends nothing behind it
                at = max([at] + [when for who, _, when in pieces if who is sender])
                sent.append((at, 1, sender, b""))
        for at, closes, sender, data in sorted(sent, key=lambda one: one[:2]):
            if closes:
                yield at, self._packet(sender, FIN | ACK)
                yield at, self._packet(sender.other, ACK)
            for count, begin in enumerate(range(0, len(data), self._largest), 1):
                part = data[begin : begin + self._largest]
                push = _PUSH if begin + len(part) == len(data) else 0
                yield at, self._packet(sender, ACK | push, part)
                if count % _ACKNOWLEDGED == 0:
                    yield at, self._packet(sender.other, ACK)

    def _packet(self, sender: Sender, flags: int, payload: bytes = b"") -> bytes:
        """The next packet of an end."""
        source, destination = self._addresses[sender], self._addresses[sender.other]
        options = b""
        if flags & SYN:  # the largest segment, and windows times 256 (RFC 7323)
            options = struct.pack("!BBHBBBB", 2, 4, self._largest, 1, 3, 3, 8)
        acknowledged = self._sequence[sender.other] if flags & ACK else 0
        size = 20 + len(options)
        header = bytearray(
            struct.pack(
                "!HHIIBBHHH", self._ports[sender], self._ports[sender.other], self._sequence[sender], acknowledged,
                size << 2, flags, 0xFFFF, 0, 0,
            ) + options
        )  # fmt: skip
        length = size + len(payload)
        pseudo = source.packed + destination.packed + struct.pack("!II", length, _TCP)
        struct.pack_into("!H", header, 16, _checksum(pseudo + header + payload))
        more = len(payload) + bool(flags & (SYN | FIN))
        self._sequence[sender] = (self._sequence[sender] + more) & 0xFFFF_FFFF
        return self._ip(source, destination, length) + header + payload

    def _ip(self, source: _Address, destination: _Address, length: int) -> bytes:
        """The header of IP before so many bytes of TCP (RFC 791 section 3.1, RFC 8200 section 3)."""
        if source.version == 6:
            return struct.pack("!IHBB", 6 << 28, length, _TCP, 64) + source.packed + destination.packed
        self._identification = (self._identification + 1) & 0xFFFF
        header = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, self._identification, 0x4000, 64, _TCP, 0))
        header += source.packed + destination.packed
        struct.pack_into("!H", header, 10, _checksum(header))
        return bytes(header)


def _as_ipv6(address: _Address) -> _Address:
    """An IPv4 address as IPv6 has it (RFC 4291 section 2.5.5.2)."""
    return address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")


def _checksum(data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071): 16 bits, the one's complement of the one's complement sum."""
    padded = bytes(data) + b"\0" * (len(data) % 2)
    return (0xFFFF - int.from_bytes(padded, "big") % 0xFFFF) % 0xFFFF  # 2**16 is 1 modulo 2**16 - 1


def _block(kind: int, body: bytes) -> bytes:
    """A block of pcapng: its length at both ends."""
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def _section(comment: str) -> bytes:
    said = comment.encode()[:_LONGEST_TEXT].decode("utf-8", "ignore").encode()
    options = (_option(1, said) if said else b"") + _option(4, b"SealMQ") + _option(0, b"")
    return _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def _interface() -> bytes:
    return _block(1, struct.pack("<HHI", _RAW, 0, 0) + _option(9, _NANOSECONDS) + _option(0, b""))


def _check_replaceable(path: Path) -> None:
    """Raise ConfigError for what must stay: root may rename a file over /dev/null, and the machine is broken."""
    try:
        found = path.lstat()
        is_link = stat.S_ISLNK(found.st_mode)
        special = not is_link and not stat.S_ISREG(found.st_mode)
        special = special or (is_link and (path.is_char_device() or str(path.readlink()).startswith("/proc/")))
    except OSError:
        return  # it is not there, or whoever writes it will say why not
    if special:
        raise ConfigError(
            f"{path} cannot be written", why="it is no file, and the capture takes its place", remedy="say a file"
        )


def _write(path: Path, blocks: list[bytes]) -> None:
    """Write a file that only its owner may read, in one step: beside its place, then renamed."""
    _check_replaceable(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(blocks)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", why=(error.strerror or str(error)).lower()) from error
