"""Acknowledged QoS 1 messages per second to persistent sessions that are away: what the disk costs.

    python bench/durable.py --bundle HOME/devices/operator --port 8883 --pid BROKER_PID [--sessions 100] [--all]

The sessions are made first. Each message goes to one of them, in turn; `--all`: to every one. The publishers send and
count PUBACKs; packets are prepared and counted, not parsed. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import ssl
import time
from pathlib import Path

from sealmq.mqtt.packets import Connect, Publish, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

LEVEL = 4
PUBACK = 4


def connect(options: argparse.Namespace, client_id: str, *, clean: bool) -> ssl.SSLSocket:
    bundle = Path(options.bundle)
    context = client_context(
        TLSPolicy(), root=bundle / "root.pem", chain=bundle / "device-chain.pem", key=bundle / "device.key"
    )
    raw = socket.create_connection(("localhost", options.port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = context.wrap_socket(raw, server_hostname="localhost")
    tls.sendall(write_packet(Connect(client_id, clean, level=LEVEL, keep_alive=0), LEVEL))
    assert tls.recv(4)[:1] == b"\x20"
    return tls


def make_sessions(options: argparse.Namespace) -> None:
    for number in range(options.sessions):
        with connect(options, f"away-{number}", clean=True):
            pass  # what an earlier run left goes
        with connect(options, f"away-{number}", clean=False) as tls:
            topic_filter = "bench/#" if options.all else f"bench/{number}"
            tls.sendall(write_packet(Subscribe(1, [Subscription(topic_filter, 1)]), LEVEL))
            assert tls.recv(5)[:1] == b"\x90"


def publish(options: argparse.Namespace, number: int, go, results) -> None:
    tls = connect(options, f"bench-{number}", clean=True)
    go.wait()
    sent = acknowledged = 0
    waits: list[float] = []
    while acknowledged < options.messages:
        batch = bytearray()
        count = min(options.window, options.messages - sent)
        for _ in range(count):
            sent += 1
            topic = f"bench/{(number + sent * options.publishers) % options.sessions}"
            batch += write_packet(Publish(topic, b"x" * options.payload, 1, packet_id=sent % 65_535 + 1), LEVEL)
        began = time.monotonic()
        tls.sendall(batch)
        missing = count * PUBACK
        while missing:
            missing -= len(tls.recv(missing))
        waits.append(time.monotonic() - began)
        acknowledged += count
    results.put((time.monotonic(), sorted(waits)))
    tls.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--publishers", type=int, default=10)
    parser.add_argument("--window", type=int, default=50, help="messages of one publisher that wait for PUBACK")
    parser.add_argument("--messages", type=int, default=5_000, help="of each publisher")
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--all", action="store_true", help="each message goes to every session")
    options = parser.parse_args()
    make_sessions(options)
    go, results = multiprocessing.Event(), multiprocessing.Queue()
    publishers = [
        multiprocessing.Process(target=publish, args=(options, number, go, results))
        for number in range(options.publishers)
    ]
    for publisher in publishers:
        publisher.start()
    time.sleep(1.0)
    before, began = cpu_seconds(options.pid), time.monotonic()
    go.set()
    done = [results.get() for _ in publishers]
    spent = cpu_seconds(options.pid) - before
    for publisher in publishers:
        publisher.join()
    elapsed = max(last for last, _ in done) - began
    total = options.messages * options.publishers
    waits = sorted(wait for _, found in done for wait in found)
    print(
        f"{total:,} messages at QoS 1 to {'each' if options.all else 'one'} of {options.sessions} absent sessions:"
        f" {total / elapsed:,.0f} acknowledged/s; a window of {options.window} in"
        f" {waits[len(waits) // 2] * 1e3:.1f} ms (median), {waits[len(waits) * 99 // 100] * 1e3:.1f} ms (99 %);"
        f" broker CPU {spent / total * 1e6:.0f} us/message"
    )


if __name__ == "__main__":
    main()
