"""What one link costs that stands and says nothing, and what its handshake costs: memory and processor time.

    python bench/idle_links.py [--links 2000] [--rounds 1] [--at-once 50] [--json FILE] [SealMQ mosquitto]

SealMQ and Debian's mosquitto in turn, with the same certificates, TLS 1.3 and a client certificate for each link. Every
device connects (a full handshake), stands, and leaves; then all come back with the ticket that they were given (a
resumed handshake), stand, and leave again. The clients are another process. Loopback only, Linux only (/proc).

What the columns say: KB, resident memory of the broker for each link that stands (PSS: pages that it shares with other
processes counted in part), after full handshakes and after resumed ones; freed, the part of it that the system has
again once all links are gone; ms, processor time of the broker for each connection from TCP to CONNACK, full, resumed,
and the one as a part of the other; resumed, how many of those that came back the broker had resumed. What a broker does
by itself in that time is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attacks import visitors
from bounded import LONGEST, Other, new_home, say
from brokers import BROKERS, Setting
from clients import Scene, Visitor, gather

WARM = 50
"""Links that come and go before the first look: what is built once is then there."""

REST = 2.0
"""Seconds that a broker has to tidy up before its memory is looked at."""

GONE = 12.0
"""The same when all links are gone."""


@dataclass
class Row:
    """One broker in one round. Memory in bytes for each link, time in seconds for each handshake."""

    broker: str
    rss: list[float] = field(default_factory=list)
    pss: list[float] = field(default_factory=list)
    freed: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    resumed: int = 0
    links: int = 0


def memory(pid: int) -> tuple[int, int]:
    """Resident and proportional bytes of a process."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Rss"].split()[0]) * 1_024, int(fields["Pss"].split()[0]) * 1_024


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def come_and_go(scene: Scene, at_once: int, pipe: Connection) -> None:
    """The clients' process: told how many, let so many stand and say what came of it; told 0, let them go."""
    everybody = visitors(scene, scene.devices)
    pipe.send({})
    standing: list[Visitor] = []
    while isinstance(count := pipe.recv(), int):
        for visitor in standing:
            visitor.close()
        standing = gather(scene.port, everybody[:count], LONGEST, at_once=at_once).standing
        resumed = sum(visitor.was_resumed() for visitor in standing)
        for visitor in standing:
            visitor.keep_session()
        pipe.send({"links": len(standing), "resumed": resumed})


class Clients(Other):
    """The clients' process, seen from the one that measures."""

    def __init__(self, scene: Scene, at_once: int) -> None:
        super().__init__(lambda pipe: come_and_go(scene, at_once, pipe))
        if self.hear(LONGEST) is None:
            raise SystemExit("the clients could not prepare themselves")

    def stand(self, count: int) -> dict[str, Any]:
        """Let so many stand; say how many do, once the broker has done its work."""
        self.pipe.send(count)
        answer = self.hear(LONGEST)
        if answer is None:
            raise SystemExit(f"{count} links did not come to stand in {LONGEST:.0f} s")
        time.sleep(REST)
        return dict(answer)


def measure(name: str, home: Path, links: int, at_once: int) -> Row:
    """One broker: warm it, look, let them come, look, let them go, look; then once more with their tickets."""
    row = Row(name)
    with BROKERS[name].started(home, Setting()) as broker:
        pid, scene = broker.pid, Scene(broker.target.port, home, links, 1.0)
        for count in (WARM, links):
            clients = Clients(scene, at_once)  # each time those who have no tickets
            try:
                clients.stand(0)
                if count == WARM:
                    clients.stand(WARM)
                    clients.stand(0)
                else:
                    _look(row, pid, clients, links)
            finally:
                clients.end()
    return row


def _look(row: Row, pid: int, clients: Clients, links: int) -> None:
    began = cpu_seconds(pid)
    clients.stand(0)
    by_itself = cpu_seconds(pid) - began
    before = memory(pid)
    for _ in ("full", "resumed"):
        began = cpu_seconds(pid)
        answer = clients.stand(links)
        row.links, row.resumed = answer["links"], answer["resumed"]
        row.cpu.append((cpu_seconds(pid) - began - by_itself) / row.links)
        held = memory(pid)
        clients.stand(0)
        time.sleep(GONE - REST)
        after = memory(pid)
        row.rss.append((held[0] - before[0]) / row.links)
        row.pss.append((held[1] - before[1]) / row.links)
        row.freed.append((held[0] - after[0]) / (held[0] - before[0]))


HEADER = (
    f"{'broker':<12}{'links':>7}{'KB full':>10}{'PSS':>7}{'freed':>7}{'KB resumed':>13}{'PSS':>7}{'freed':>7}"
    f"{'ms full':>11}{'resumed':>9}{'part':>7}{'resumed':>10}"
)


def in_words(row: Row) -> str:
    """The row's line in the table."""
    memories = "".join(
        f"{row.rss[at] / 1e3:>{width}.1f}{row.pss[at] / 1e3:>7.1f}{row.freed[at]:>7.0%}"
        for at, width in enumerate((10, 13))
    )
    full, resumed = row.cpu
    cpu = f"{full * 1e3:>11.3f}{resumed * 1e3:>9.3f}{resumed / full:>7.0%}"
    return f"{row.broker:<12}{row.links:>7}{memories}{cpu}{row.resumed:>10}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=50, help="on their way at a time")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything that was measured there")
    parser.add_argument("brokers", nargs="*", metavar="BROKER", help="SealMQ, mosquitto; both when none is said")
    options = parser.parse_args()
    rows: list[Row] = []
    say(f"making a home with {options.links:,} devices ...")
    with new_home(options.links) as home:
        print(HEADER)
        for _ in range(options.rounds):
            for name in options.brokers or ("SealMQ", "mosquitto"):
                rows.append(measure(name, home, options.links, options.at_once))
                print(f"{in_words(rows[-1])}   load {os.getloadavg()[0]:.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
