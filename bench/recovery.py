"""How long a start takes, and how much memory, when much waits: queued messages of absent sessions, retained messages.

    python bench/recovery.py [--queued 1000000] [--sessions 100] [--retained 100000] [--payload 64] [--all]

The database is written as the store writes it, then read in a process of its own: from opening the file to a broker
that could serve. `--all`: each message waits in every session (one row, many places), else in one of them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.rules import DEFAULT_RULES
from sealmq.mqtt.packets import Publish
from sealmq.mqtt.writer import write_packet
from sealmq.store.sqlite import SQLiteStore, open_messages

LEVEL = 5
NOW = 1_800_000_000.0
NEVER = float("inf")


def write(path: Path, options: argparse.Namespace) -> None:
    connection = open_messages(path)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((n, "operator", f"away-{n}", 1e6, NOW + 1e6, None, NEVER) for n in range(1, options.sessions + 1)),
    )
    connection.executemany(
        "INSERT INTO subscriptions VALUES (?, ?, ?, ?)",
        ((n, "#" if options.all else f"bench/{n}", 1, 0) for n in range(1, options.sessions + 1)),
    )
    each = options.sessions if options.all else 1
    messages = options.queued // each
    payload = b"x" * options.payload
    wires = [
        write_packet(Publish(f"bench/{n}", payload, 1, packet_id=n), LEVEL) for n in range(1, options.sessions + 1)
    ]
    connection.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, 1, 0, '', ?, '')",
        ((n, LEVEL, wires[n % options.sessions], NEVER) for n in range(1, messages + 1)),
    )
    connection.executemany(
        "INSERT INTO deliveries VALUES (?, ?, 0, 0)",
        ((s, n) for s in range(1, options.sessions + 1) for n in range(1, messages + 1) if each > 1)
        if options.all
        else ((n % options.sessions + 1, n) for n in range(1, messages + 1)),
    )
    connection.executemany(
        "INSERT INTO retained VALUES (?, ?, ?, ?)",
        (
            (topic, LEVEL, write_packet(Publish(topic, payload, 0, True), LEVEL), NEVER)
            for topic in (f"plant/{n % 100}/machine-{n}/state" for n in range(options.retained))
        ),
    )
    connection.execute("COMMIT")
    connection.close()


def start(path: Path, answers) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    store = SQLiteStore.open(path, lambda number: None, lambda why: None)
    opened = time.monotonic()
    kept = store.load(NOW)
    loaded = time.monotonic()
    broker = Broker(DEFAULT_RULES, Limits(), store, lambda: "")
    broker.restore(kept.sessions, kept.retained)
    broker.tick(NOW)
    done, cpu = time.monotonic(), time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queued = sum(len(session.queue) for session in broker.sessions.values())
    answers.put(
        (opened - began, loaded - opened, done - loaded, cpu, (peak - before) / 1024, queued, broker.retained.count)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queued", type=int, default=1_000_000, help="places of messages in queues")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--retained", type=int, default=100_000)
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--all", action="store_true", help="each message waits in every session")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.db"
        write(path, options)
        size = path.stat().st_size
        answers = multiprocessing.get_context("spawn").Queue()
        process = multiprocessing.get_context("spawn").Process(target=start, args=(path, answers))
        process.start()
        opened, loaded, restored, cpu, memory, queued, retained = answers.get()
        process.join()
    print(
        f"{queued:,} queued messages in {options.sessions} sessions, {retained:,} retained, {size / 2**20:,.0f} MiB of"
        f" database: opened in {opened:.1f} s, read in {loaded:.1f} s, restored in {restored:.1f} s"
        f" (CPU {cpu:.1f} s in all); {memory:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
