"""A million messages wait for absent sessions; `kill -9`; a new start: how long until a client is let in, what is left?

    python bench/recovery.py [--queued 1000000] [SealMQ mosquitto]

The queues are those of a real broker, filled over TLS at QoS 1 with 64 bytes each: `queued` acknowledged messages, each
for one of 100 persistent sessions. Each has a number, so that after the start the sessions' clients, which come back,
say which are there: none that was acknowledged may be missing. Loopback only, Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import time
from pathlib import Path
from typing import Any

from bounded import new_home
from brokers import BROKERS, Peer, Setting, clean_home, free_port
from clients import ATTACKING

from sealmq.errors import Error, HomeError
from sealmq.kit.bench.absent import wait_away
from sealmq.kit.bench.arrivals import Guest, connect_words
from sealmq.kit.bench.crew import Expect, Go, Hand, Ready, counter, hands, hear_all
from sealmq.kit.bench.givers import Given, give
from sealmq.kit.bench.takers import Taken
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.watch import Watch
from sealmq.kit.bench.workloads import Durable, find

LONGEST = 900.0
"""Seconds in which the queues must be full, and in which they must be read."""

STARTING = 300.0
"""Seconds in which the first client must be let in."""


def recover(peer: Peer, home: Path, queued: int) -> dict[str, Any]:
    """Fill, kill, start, count: the figures by name. Raises Error when that can't be done."""
    (durable,) = find(["durable"])
    assert isinstance(durable, Durable)
    flow, prefix = durable.flow, "recovery"
    setting = Setting(keeps=True, queues=True, port=free_port())
    clean_home(home)
    found: dict[str, Any] = {"broker": peer.name, "queued": queued}
    with peer.started(home, setting) as broker:
        folder = home.parent / peer.name
        with hands(
            (wait_away, broker.target, flow, prefix),
            (give, broker.target, flow, prefix, LONGEST, queued, counter()),
        ) as (absent, giver):
            hear_all([absent, giver], Ready, LONGEST)
            began = time.monotonic()
            giver.tell(Go(began))
            given: Given = _hear(giver, Given)
            found["acknowledged"] = given.acknowledged
            found["acknowledged_per_second"] = given.acknowledged / (given.last - began)
            found["memory_bytes"] = Watch(broker.pid).memory()
            os.kill(broker.pid, signal.SIGKILL)
            broker.process.wait()
            found["disk_bytes"] = _size(home if peer.name == "SealMQ" else folder)
            began = time.monotonic()
            with peer.resumed(home, folder, setting) as again:
                first_connack(again.target)
                found["first_connack_seconds"] = time.monotonic() - began
                found["memory_after_bytes"] = Watch(again.pid).memory()
                began = time.monotonic()
                absent.tell(Expect(given.acknowledged))
                taken: Taken = _hear(absent, Taken)
                found["read_seconds"] = taken.last - began
                found["lost"] = given.acknowledged - taken.unique
                found["duplicated"] = taken.duplicated
                absent.end()
    return found


def first_connack(target: Target) -> None:
    """Knock until somebody is let in."""
    dialer, deadline = target.dialer(), time.monotonic() + STARTING
    guest = Guest(connect_words(target, "recovery-first"))
    while time.monotonic() < deadline:
        try:
            wire = guest.start(dialer, time.monotonic())
            poll = select.poll()
            poll.register(wire.fileno(), select.POLLIN)
            while not guest.step():
                poll.poll(20)
            return
        except (OSError, Error):
            time.sleep(0.01)
        finally:
            guest.leave()
    raise HomeError(f"nobody was let in for {STARTING:.0f} s")


def _hear(hand: Hand, kind: type[Any]) -> Any:
    return hear_all([hand], kind, LONGEST)[0]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def in_words(found: dict[str, Any]) -> str:
    """One line."""
    return (
        f"{found['broker']}: {found['acknowledged']:,} acknowledged ({found['acknowledged_per_second']:,.0f}/s),"
        f" {found['disk_bytes'] / 1e6:,.0f} MB on the disk, {found['memory_bytes'] / 1e6:,.0f} MB of memory;"
        f" kill -9; the first CONNACK after {found['first_connack_seconds']:.2f} s,"
        f" {found['memory_after_bytes'] / 1e6:,.0f} MB; read in {found['read_seconds']:.1f} s:"
        f" lost {found['lost']:,}, twice {found['duplicated']:,}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help="SealMQ, mosquitto; SealMQ when none is said")
    options = parser.parse_args()
    with new_home(0, operators=[ATTACKING]) as home:
        for name in options.brokers or ["SealMQ"]:
            found = recover(BROKERS[name], home, options.queued)
            print(json.dumps(found) if options.json else in_words(found), flush=True)


if __name__ == "__main__":
    main()
