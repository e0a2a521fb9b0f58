"""What does a capture cost that somebody made to cost much? Time and memory of `read_capture`, for files of many kinds.

    python bench/hostile_capture.py [--megabytes 1000] [--only KIND ...] [--list]

Each file is written into a temporary folder, read by a process of its own, and removed. What the columns say: s,
seconds of reading; CPU s, those in which it had a processor; MB/s; packets, in millions; peak MB, resident memory of
that process at its highest (VmHWM; Linux only), of which some 20 are Python's own.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sealmq.errors import ConfigError
from sealmq.kit.capture.choosing import read_capture

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
INTERFACE = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
ETHERNET = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
HEADERS = struct.Struct("<IIII14s").pack
IP_AND_TCP = struct.Struct("!BBHHHBBHIIHHIIBBHHH").pack
FIN, SYN, ACK = 0x11, 0x02, 0x10
BLOCK = 1 << 20
HELLO = bytes.fromhex("160301002d010000290303") + bytes(32) + bytes.fromhex("000002130101000000")


def packet(source: int, port: int, sequence: int, flags: int, payload: bytes = b"", *, back: bool = False) -> bytes:
    """A packet of a pcap: Ethernet, IPv4, TCP. back: from the broker (port 8883) to the client `source`:`port`."""
    ends = (0xC0000201, source, 8883, port) if back else (source, 0xC0000201, port, 8883)
    size = 54 + len(payload)
    return (
        HEADERS(1_700_000_000, 0, size, size, ETHERNET)
        + IP_AND_TCP(
            0x45, 0, size - 14, 0, 0, 64, 6, 0, ends[0], ends[1], ends[2], ends[3], sequence & 0xFFFF_FFFF, 0, 0x50,
            flags, 65_535, 0, 0,
        )
        + payload
    )  # fmt: skip


def begun(source: int = 0x0A000001, port: int = 40_000) -> bytes:
    """The handshake of TCP, and a ClientHello."""
    return (
        packet(source, port, 0, SYN)
        + packet(source, port, 0, SYN | ACK, back=True)
        + packet(source, port, 1, ACK, HELLO)
    )


def one_handshake() -> Iterator[bytes]:
    """One connection whose server never ends its handshake: messages of 16 MiB, in records of 1,400 bytes."""
    yield PCAP + begun()
    fragment = b"\x16\x03\x03\x05\x73" + b"\x0b\xff\xff\xff" * 348 + b"\0" * 3
    sequence = 1
    while True:
        part = []
        for _ in range(700):
            part.append(packet(0x0A000001, 40_000, sequence, ACK, fragment, back=True))
            sequence += len(fragment)
        yield b"".join(part)


def tiny_connections() -> Iterator[bytes]:
    """Connections of three packets with a ClientHello, each from another address."""
    yield PCAP
    source = 0x0A000001
    while True:
        part = []
        for _ in range(4_000):
            part.append(begun(source, 1_024 + source % 60_000))
            source += 1
        yield b"".join(part)


def syn_flood() -> Iterator[bytes]:
    """Connections of one SYN."""
    yield PCAP
    source = 0x0A000001
    while True:
        part = []
        for _ in range(8_000):
            part.append(packet(source, 1_024 + source % 60_000, 7, SYN))
            source += 1
        yield b"".join(part)


def tiny_records() -> Iterator[bytes]:
    """One connection that sends a byte in a record in a segment, again and again."""
    yield PCAP + begun()
    sequence = 1 + len(HELLO)
    record = b"\x16\x03\x03\0\x01\x0b"
    while True:
        part = []
        for _ in range(8_000):
            part.append(packet(0x0A000001, 40_000, sequence, ACK, record))
            sequence += len(record)
        yield b"".join(part)


def holes() -> Iterator[bytes]:
    """Connections by turns, of each segment the first byte is missing: all wait for what never comes."""
    ports = range(20_000, 24_000)
    yield PCAP + b"".join(packet(0x0A000001, port, 0, SYN) for port in ports)
    sequence = 2
    while True:
        for port in ports[:: 1 + sequence % 3]:
            yield packet(0x0A000001, port, sequence, ACK, b"\x16" * 1_000)
        sequence += 1_001


def backwards() -> Iterator[bytes]:
    """Connections without a beginning, a byte a segment, the last byte first."""
    yield PCAP
    source = 0x0A000001
    while True:
        yield b"".join(packet(source, 40_000, 20_000 - 2 * place, ACK, b"\x16") for place in range(10_000))
        source += 1


def slow_hellos() -> Iterator[bytes]:
    """Connections whose ClientHello of 16 kB comes a byte a segment."""
    hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xf0" + bytes(16_000)
    yield PCAP
    source = 0x0A000001
    while True:
        yield packet(source, 40_000, 0, SYN)
        yield b"".join(packet(source, 40_000, 1 + at, ACK, hello[at : at + 1]) for at in range(len(hello)))
        source += 1


def server_first() -> Iterator[bytes]:
    """Connections of which only the server's records were captured: nobody knows yet what they are."""
    yield PCAP
    source = 0x0A000001
    record = b"\x16\x03\x03\x03\xe8" + bytes(1_000)
    while True:
        yield b"".join(packet(source + one, 40_000, 1, ACK, record, back=True) for one in range(1_000))
        source += 1_000


def lying_blocks() -> Iterator[bytes]:
    """A pcapng of blocks that say to be longer than they may, or hold packets that are longer than their block."""
    yield SECTION + INTERFACE
    long = 300_000 & ~3
    big = struct.pack("<IIIIIII", 6, 400_000, 0, 0, 0, long, long) + bytes(400_000 - 32) + struct.pack("<I", 400_000)
    lie = struct.pack("<IIIIIIII", 6, 32, 0, 0, 0, 0xFFFF_FFFF, 60, 32)
    while True:
        yield big
        yield lie * 30_000


def tiny_blocks() -> Iterator[bytes]:
    """A pcapng of empty blocks, new sections and interfaces."""
    nothing = struct.pack("<III", 0x0BAD, 12, 12)
    while True:
        yield (SECTION + INTERFACE * 5 + nothing * 10) * 4_000


def secrets() -> Iterator[bytes]:
    """A pcapng of secrets that open nothing."""
    yield SECTION + INTERFACE
    text = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
    text *= 5_000
    text += b"\n" * (-len(text) % 4)
    total = len(text) + 20
    while True:
        yield struct.pack("<IIII", 10, total, 0x544C534B, len(text)) + text + struct.pack("<I", total)


def noise() -> Iterator[bytes]:
    """Packets of 60 bytes that hold no TCP."""
    yield PCAP
    data = ETHERNET + b"\x45" + bytes(45)
    while True:
        yield (struct.pack("<IIII", 1, 0, 60, 60) + data) * 10_000


KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (
        one_handshake, tiny_connections, syn_flood, tiny_records, holes, backwards, slow_hellos, server_first,
        lying_blocks, tiny_blocks, secrets, noise,
    )
}  # fmt: skip


def write(path: Path, kind: str, size: int) -> int:
    """Write so many bytes of a kind. Returns how many there are."""
    done = 0
    with path.open("wb") as file:
        for part in KINDS[kind]():
            done += file.write(part[: size - done])
            if done >= size:
                return done
    return done


def read(path: Path) -> None:
    """Read a capture, and print what it took as JSON: what the process of its own does."""
    start, busy = time.perf_counter(), time.process_time()
    try:
        captured = read_capture(path)
    except ConfigError as error:
        sys.exit(error.what)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = re.search(r"^VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert peak
    told = {"connections": captured.total, "packets": captured.packets, "findings": captured.findings}
    print(json.dumps({"seconds": seconds, "busy": busy, "peak": int(peak[1]) / 1_000, **told}))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        read(asked.read)
        return
    if asked.list:
        for name, kind in KINDS.items():
            print(f"{name:18}{kind.__doc__}")
        return
    print(f"{'':18}{'s':>7}{'CPU s':>7}{'MB/s':>7}{'packets':>9}{'connections':>13}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hostile.pcap"
        for kind in asked.only:
            size = write(path, kind, asked.megabytes * 1_000_000)
            command = [sys.executable, __file__, "--read", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{kind:18}{done.stderr.strip()}")
                continue
            told = json.loads(done.stdout)
            speed = size / 1_000_000 / told["seconds"]
            millions = told["packets"] / 1_000_000
            spent = f"{told['seconds']:7.1f}{told['busy']:7.1f}{speed:7.0f}"
            print(f"{kind:18}{spent}{millions:9.2f}{told['connections']:13,}{told['peak']:9.0f}")
            for sentence in told["findings"]:
                print(f"{'':18}{sentence}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
