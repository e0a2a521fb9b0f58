"""A first, plain measure: delivered messages per second and broker CPU per message, over TLS with client certificates.

    python bench/first_measure.py --bundle HOME/devices/operator --port 8883 --pid BROKER_PID [--qos 0] 10x10 1x200

`AxB`: A publishers and B subscribers. 10x10 pairs them, one topic each; with A = 1 or B = 1 everybody shares `#`.
Packets are prepared and counted, not parsed, so that the client costs little; it is one process for the publishers and
one for the subscribers. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import selectors
import socket
import ssl
import sys
import time
from pathlib import Path

from sealmq.mqtt.packets import Connect, Publish, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

LEVEL = 4
BATCH = 64
STALL = 3.0


def connect(options: argparse.Namespace, client_id: str) -> ssl.SSLSocket:
    bundle = Path(options.bundle)
    context = client_context(
        TLSPolicy(), root=bundle / "root.pem", chain=bundle / "device-chain.pem", key=bundle / "device.key"
    )
    raw = socket.create_connection(("localhost", options.port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = context.wrap_socket(raw, server_hostname="localhost")
    tls.sendall(write_packet(Connect(client_id=client_id, level=LEVEL, keep_alive=0), LEVEL))
    assert tls.recv(4)[:1] == b"\x20"
    return tls


def subscribe_all(options, filters, expected, ready, results) -> None:
    links = []
    for number, topic_filter in enumerate(filters):
        tls = connect(options, f"sub-{os.getpid()}-{number}")
        tls.sendall(write_packet(Subscribe(1, [Subscription(topic_filter, options.qos)]), LEVEL))
        assert tls.recv(5)[:1] == b"\x90"
        tls.setblocking(False)
        links.append(tls)
    selector = selectors.DefaultSelector()
    for tls in links:
        selector.register(tls, selectors.EVENT_READ)
    ready.set()
    received = 0
    buffer = bytearray(1 << 18)
    last = start = None
    size = options.packet_size
    while received < expected * size:
        events = selector.select(STALL)
        if not events and start is not None:
            break
        for key, _ in events:
            try:
                while True:
                    count = key.fileobj.recv_into(buffer)
                    if count == 0:
                        break
                    received += count
            except ssl.SSLWantReadError:
                pass
        last = time.monotonic()
        start = start or last
    results.put((received // size, start, last))


def publish_all(options, topics, messages, go) -> None:
    links = [connect(options, f"pub-{os.getpid()}-{number}") for number in range(len(topics))]
    go.wait()
    batches = []
    for topic in topics:
        packet = write_packet(Publish(topic, b"x" * options.payload), LEVEL)
        batches.append(packet * BATCH)
    for _ in range(messages // BATCH):
        for tls, batch in zip(links, batches, strict=True):
            tls.sendall(batch)
    for tls in links:
        tls.sendall(b"\xe0\x00")
        tls.close()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace, shape: str) -> str:
    publishers, subscribers = (int(part) for part in shape.split("x"))
    topics = [f"devices/bench/{number:04}" for number in range(publishers)]
    paired = publishers == subscribers
    filters = topics if paired else ["devices/bench/#"] * subscribers
    fan_out = 1 if paired else subscribers
    messages = max(BATCH, options.messages // (publishers * fan_out) // BATCH * BATCH)
    expected = messages * publishers * fan_out
    options.packet_size = len(write_packet(Publish(topics[0], b"x" * options.payload), LEVEL))
    ready, go, results = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
    taker = multiprocessing.Process(target=subscribe_all, args=(options, filters, expected, ready, results))
    giver = multiprocessing.Process(target=publish_all, args=(options, topics, messages, go))
    taker.start()
    ready.wait()
    giver.start()
    time.sleep(1.0)
    before = cpu_seconds(options.pid)
    began = time.monotonic()
    go.set()
    received, _, last = results.get()
    spent = cpu_seconds(options.pid) - before
    giver.join()
    taker.join()
    elapsed = last - began
    return (
        f"{shape:>7}  delivered {received:>9,} of {expected:>9,}  {received / elapsed:>10,.0f}/s  "
        f"broker CPU {spent / max(received, 1) * 1e6:6.2f} us/message  ({spent / elapsed:4.0%} of a core)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--messages", type=int, default=400_000, help="delivered in all, about")
    parser.add_argument("shapes", nargs="+")
    options = parser.parse_args()
    options.qos = 0
    for shape in options.shapes:
        print(measure(options, shape), flush=True)


if __name__ == "__main__":
    sys.exit(main())
