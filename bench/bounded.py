"""Can one client hurt another? Attacks against a real broker: its peak memory, and what a well-behaved pair notices.

    python bench/bounded.py [--only NAME ...] [--json FILE] [--scale 1.0] [--list]

For each attack a new broker (its own temporary home, a port that the kernel chooses, sealmq.toml's defaults) and three
stages: before, during, after. "During" lasts from the attack's first byte until it has done what it wanted and the
broker is quiet again; its links stand until then. The well-behaved are in wellbehaved.py. Loopback only, Linux only
(/proc); as root the broker runs in front of others and the well-behaved in front of it, so that the load of the machine
and of the attackers themselves, who would be elsewhere, is not taken for the broker's.

What the columns say: s, seconds of "during"; MB, resident memory of the broker before, at its peak, with all that the
attack holds, and after it has gone; CPU, the broker's seconds and its share of a core; QoS 0 and QoS 1, latency of the
pair's messages in milliseconds, median, 99 of 100 and worst, all during; b/a, the worst one before and after; newcomer,
milliseconds to CONNACK, median and worst, and how often it failed; lost, messages of the pair that did not come; log,
lines. "!" behind the name: others used more than a quarter of a core meanwhile, or the pair itself was late.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attacks
import floods
from clients import ATTACKING, Scene
from wellbehaved import LEAVE, NEWCOMER, PAIR, Pair, Stage, in_front, newcomer

from sealmq.home import Home, local_names

ATTACKS: dict[str, Callable[[Scene], attacks.Attack]] = {
    attack.__name__.replace("_", "-"): attack
    for attack in (
        attacks.slow_reader_qos0,
        attacks.slow_reader_qos1,
        attacks.slow_reader_persistent,
        attacks.idle_links,
        attacks.one_byte,
        attacks.client_hello,
        attacks.no_connect,
        attacks.slow_connect,
        attacks.garbage,
        attacks.half_open,
        floods.ping_flood,
        floods.subscribe_flood,
        floods.ping_unread,
        floods.suback_unread,
        floods.puback_unread,
        floods.crossing_filters,
        floods.new_topics,
        floods.retained_flood,
        floods.qos2_flood,
        floods.big_packets,
        floods.many_sessions,
        attacks.reconnect_storm,
    )
}
NEED_DEVICES = {"idle-links", "reconnect-storm"}
CALM = 1.2
"""Seconds of "before" and of "after"."""

QUIET = 0.25
"""Share of a core below which the broker has done its work: the well-behaved alone cost a twentieth."""

LONGEST = 120.0
"""Seconds after which an attack is ended by force."""

TICKS = os.sysconf("SC_CLK_TCK")
_fork = multiprocessing.get_context("fork")


def say(words: str) -> None:
    """Progress, beside the table."""
    print(words, file=sys.stderr, flush=True)


# -- the broker ----------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """Processor time of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds() -> float:
    """Processor time of the whole machine."""
    user, nice, system, _, _, hard, soft = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + hard + soft) / TICKS


class Broker:
    """`sealmq up` as a process, with an eye on it."""

    def __init__(self, home: Path) -> None:
        for left in home.glob("messages.db*"):
            left.unlink()
        self._log = home.parent / "broker.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sealmq", "up", "--home", str(home), "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # the scheduler weighs sessions
            )
        self.pid = self.process.pid
        in_front(self.pid, -10)
        assert self.process.stdout is not None
        self.port = 0
        for line in self.process.stdout:
            if "listening on" in line:
                self.port = int(line.rstrip().rsplit(":", 1)[-1].split()[0].rstrip(","))
            if "Ctrl-C ends it" in line:
                return
        raise SystemExit(f"the broker did not start:\n{self._log.read_text()}")

    def memory(self, field_name: str) -> float:
        """Megabytes: VmRSS, or VmHWM since the last `forget_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field_name}:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
        raise AssertionError(field_name)

    def forget_peak(self) -> None:
        """Let the peak begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def log_lines(self) -> int:
        """Lines that it has written to its log."""
        with self._log.open("rb") as log:
            return sum(1 for _ in log)

    def log_tail(self, count: int) -> list[str]:
        """The last lines of it."""
        return self._log.read_text(errors="replace").splitlines()[-count:]

    def wait_until_quiet(self, seconds: float) -> None:
        """Return when it has done its work, or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            spent, began = cpu_seconds(self.pid), time.monotonic()
            time.sleep(0.3)
            if (cpu_seconds(self.pid) - spent) / (time.monotonic() - began) < QUIET:
                return

    def end(self) -> int:
        """Its exit code; killed when it does not end by itself."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(20.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


# -- the others ----------------------------------------------------------------------------------------------------


class Other:
    """A process of ours with a pipe to it."""

    def __init__(self, work: Callable[[Connection], None]) -> None:
        self.pipe, theirs = _fork.Pipe()
        self.process = _fork.Process(target=_alone, args=(work, theirs, self.pipe), daemon=True)
        self.process.start()
        theirs.close()

    def hear(self, seconds: float) -> Any:
        """What it says next; None when it says nothing in that time."""
        try:
            return self.pipe.recv() if self.pipe.poll(seconds) else None
        except EOFError:
            return None

    def cpu(self) -> float:
        """Its processor time."""
        assert self.process.pid is not None
        try:
            return cpu_seconds(self.process.pid)
        except OSError:
            return 0.0

    def end(self) -> None:
        """Tell it to leave, and do not wait for long."""
        with contextlib.suppress(OSError):
            self.pipe.send(LEAVE)
        self.pipe.close()
        self.process.join(5.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _alone(work: Callable[[Connection], None], pipe: Connection, parents: Connection) -> None:
    parents.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    work(pipe)


def play(attack: Callable[[Scene], attacks.Attack], scene: Scene, pipe: Connection) -> None:
    """The attackers' process: prepare, say so, go when told, say what came of it, hold it until told."""
    acts = attack(scene)
    for act in acts:
        pipe.send(act or {})
        if pipe.recv() == LEAVE:
            break
    acts.close()  # type: ignore[attr-defined]


# -- one attack ----------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """What one attack has done. memory: MB before, peak, held, after."""

    name: str
    seconds: float = 0.0
    memory: list[float] = field(default_factory=list)
    cpu: float = 0.0
    attackers_cpu: float = 0.0
    others_share: float = 0.0
    load: float = 0.0
    log_lines: int = 0
    pair: dict[str, Any] = field(default_factory=dict)
    newcomer: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    log_tail: list[str] = field(default_factory=list)


def measure(name: str, home: Path, devices: int, scale: float) -> Row:
    """One attack from start to end."""
    row = Row(name, load=os.getloadavg()[0])
    broker = Broker(home)
    scene = Scene(broker.port, home, devices, scale)
    attacker = Other(lambda pipe: play(ATTACKS[name], scene, pipe))
    friends: list[Other] = []
    try:
        if attacker.hear(LONGEST) is None:
            raise SystemExit(f"{name}: the attackers could not prepare themselves\n" + "\n".join(broker.log_tail(5)))
        friends += [Other(lambda pipe: Pair(scene, pipe).run()), Other(lambda pipe: newcomer(scene, pipe))]
        for friend in friends:
            assert friend.hear(30.0) == "ready"
        everybody = [attacker, *friends]
        time.sleep(0.5)  # what is slow only the first time has been
        _stage("before", friends)
        time.sleep(CALM)
        broker.forget_peak()
        row.memory = [broker.memory("VmRSS")]
        lines, began, cpu, busy = broker.log_lines(), time.monotonic(), cpu_seconds(broker.pid), busy_seconds()
        ours = [one.cpu() for one in everybody]
        _stage("during", friends)
        attacker.pipe.send("go")
        row.outcome = attacker.hear(LONGEST) or {"the attackers": "were ended by force"}
        broker.wait_until_quiet(30.0)
        row.seconds = round(time.monotonic() - began, 1)
        spent = [one.cpu() - before for one, before in zip(everybody, ours, strict=True)]
        row.cpu, row.attackers_cpu = round(cpu_seconds(broker.pid) - cpu, 2), round(spent[0], 2)
        row.others_share = round((busy_seconds() - busy - row.cpu - sum(spent)) / row.seconds, 2)
        row.memory += [broker.memory("VmHWM"), broker.memory("VmRSS")]
        attacker.end()
        _stage("after", friends)
        time.sleep(CALM)
        row.log_lines = broker.log_lines() - lines
        for friend in friends:
            friend.pipe.send(None)
        row.pair, row.newcomer = (friend.hear(60.0) or {} for friend in friends)
        row.memory.append(broker.memory("VmRSS"))
        return row
    finally:
        for other in [attacker, *friends]:
            other.end()
        row.exit_code = broker.end()
        row.log_tail = broker.log_tail(3)


def _stage(name: str, friends: list[Other]) -> None:
    for friend in friends:
        friend.pipe.send(Stage(name, time.monotonic()))


# -- the table -----------------------------------------------------------------------------------------------------

HEADER = (
    f"{'attack':<24}{'s':>6}{'MB before > peak > held > after':>34}{'CPU':>12}{'QoS 0 ms':>22}{'b/a':>10}"
    f"{'QoS 1 ms':>22}{'b/a':>10}{'newcomer ms':>16}{'lost':>6}{'log':>8}"
)


def _ms(found: dict[str, Any], *names: str) -> str:
    return "/".join(f"{found[name]:.0f}" if found.get(name, 0) >= 10 else f"{found.get(name, 0):.1f}" for name in names)


def in_words(row: Row) -> str:
    """The row's lines in the table."""
    before, during, after = (row.pair.get(stage, {}) for stage in ("before", "during", "after"))
    lost = sum(stage.get(q, {}).get("lost", 0) for stage in (before, during, after) for q in ("qos0", "qos1"))
    new = row.newcomer.get("during", {})
    failed = f" -{new['lost']}" if new.get("lost") else ""
    doubt = "!" if row.others_share > 0.25 or during.get("slip", 0) > 50 else ""
    cells = [f"{row.name + doubt:<24}{row.seconds:>6.1f}"]
    cells.append(f"{' > '.join(f'{each:.0f}' for each in row.memory):>34}")
    cells.append(f"{f'{row.cpu:.1f} ({row.cpu / row.seconds:.0%})':>12}")
    for qos in ("qos0", "qos1"):
        cells.append(f"{_ms(during.get(qos, {}), 'median', 'p99', 'worst'):>22}")
        worst = [_ms(stage.get(qos, {}), "worst") for stage in (before, after)]
        cells.append(f"{'/'.join(worst):>10}")
    cells.append(f"{_ms(new, 'median', 'worst') + failed:>16}{lost:>6}{row.log_lines:>8}")
    outcome = ", ".join(f"{key} {value}" for key, value in row.outcome.items() if value not in ("", {}))
    cuts = f"; THE PAIR WAS CUT: {row.pair['cuts'][:3]}" if row.pair.get("cuts") else ""
    ended = f"; THE BROKER ENDED WITH {row.exit_code}" if row.exit_code else ""
    return "".join(cells) + f"\n    {outcome}{cuts}{ended}"


@contextlib.contextmanager
def new_home(devices: int, operators: Sequence[str] = ()) -> Iterator[Path]:
    """A home with its devices, in a temporary folder; those named as operators may do everything."""
    folder = Path(tempfile.mkdtemp(prefix="sealmq-bounded-"))
    try:
        with Home.create(
            folder / "home", organization="Bench", country="XX", names=local_names(), now=time.time()
        ) as home:
            enrollment = home.enrollment()
            for name in (ATTACKING, PAIR, NEWCOMER, *(f"device-{number:04}" for number in range(devices))):
                enrollment.add_device(name, now=time.time(), role="operator" if name in operators else "device")
        yield folder / "home"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=ATTACKS, help="these attacks alone")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of every count: 0.1 for a quick look")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything that was measured there")
    parser.add_argument("--list", action="store_true", help="say what attacks there are")
    options = parser.parse_args()
    if options.list:
        for name, attack in ATTACKS.items():
            print(f"{name:<24} {attack.__doc__}")
        return
    names = options.only or list(ATTACKS)
    devices = max(1, round(attacks.IDLE * options.scale)) if NEED_DEVICES & set(names) else 0
    rows: list[Row] = []
    began = time.monotonic()
    say(f"making a home with {devices + 3:,} devices ...")
    with new_home(devices) as home:
        print(HEADER, flush=True)
        for place, name in enumerate(names, 1):
            say(f"[{place}/{len(names)}, {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}] {name}")
            rows.append(measure(name, home, devices, options.scale))
            print(in_words(rows[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    say(f"done in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
