"""Ten thousand devices from one table: how long it takes, and what a kill in the middle costs.

    python bench/fleet.py [--devices 10000] [--jobs N ...] [--target T] [--kills 1] [--place DIR]

For each number of jobs a new home below DIR (a real disk: waiting for it is a part of the work), and `sealmq device add
--from` as a user types it, imports and all. Then once more with as many SIGKILLs to the whole group of processes as
asked for, each at its share of the way, and the same command again. At the end everything is looked through: each
device in the registry has its folder, with the certificate that the registry calls valid, the key of it, and a line in
the audit trail; nothing hidden is left.

What the columns say: seconds by the clock; processor, seconds of all processes together (user and system), which other
people's work on the same machine changes little.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sealmq.devices.fleet_adding import STAGING
from sealmq.devices.trail import read_line
from sealmq.home import Home
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import ServerNames


def new_home(place: Path) -> Path:
    """A home as `sealmq up` makes it."""
    names = ServerNames(("localhost",), ("127.0.0.1",))
    Home.create(place / "home", organization="Bench", country="XX", names=names, now=time.time()).close()
    return place / "home"


def command(home: Path, table: Path, jobs: int, target: str | None) -> list[str]:
    """What is typed."""
    typed = ["device", "add", "--from", str(table), "--home", str(home), "--jobs", str(jobs)]
    more = ["--target", target, "--out", str(home.parent / "bundles")] if target else []
    return [sys.executable, "-m", "sealmq", *typed, *more]


def children_cpu() -> float:
    """Processor seconds of all that was started and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(typed: list[str]) -> tuple[float, float, str]:
    """Seconds, processor seconds, and what it said."""
    began, spent = time.monotonic(), children_cpu()
    done = subprocess.run(typed, check=True, capture_output=True, text=True)
    return time.monotonic() - began, children_cpu() - spent, done.stdout.splitlines()[0]


def run_and_kill(typed: list[str], devices: Path, at: int) -> None:
    """Start it, and kill all of it once so many folders are there."""
    with subprocess.Popen(typed, start_new_session=True, stdout=subprocess.DEVNULL) as started:
        while len(os.listdir(devices)) < at and started.poll() is None:  # noqa: PTH208 - as fast as can be
            time.sleep(0.002)
        os.killpg(started.pid, signal.SIGKILL)


def look_through(home: Path) -> tuple[int, int]:
    """How many devices are whole; of how many. Says what is wrong with the others."""
    told = {read_line(line).facts.get("serial") for line in (home / "audit.jsonl").read_bytes().splitlines()}
    whole = 0
    with Home.open(home) as opened:
        devices = opened.registry.devices()
    for device in devices:
        folder = home / "devices" / device.name
        try:
            leaf = identify_certificate(certificates_of((folder / "device.pem").read_bytes())[0])
            key = PrivateKey.from_pem((folder / "device.key").read_bytes())
            if leaf.serial == device.serial and key.public.spki_sha256 == leaf.spki_sha256 and leaf.serial in told:
                whole += 1
                continue
            print(f"{device.name}: certificate, key, registry and trail do not say the same")
        except OSError as error:
            print(f"{device.name}: {error}")
    strange = {path.name for path in (home / "devices").iterdir()} - {device.name for device in devices} - {STAGING}
    if strange:
        print(f"left over: {sorted(strange)[:5]} and others, {len(strange)} in all")
    return whole, len(devices)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--jobs", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    options.add_argument("--target")
    options.add_argument("--kills", type=int, default=1)
    options.add_argument("--place", type=Path, default=Path.cwd())
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix=".fleet-", dir=asked.place) as made:
        place = Path(made)
        table = place / "fleet.csv"
        table.write_text("name\n" + "".join(f"sensor-{n:06}\n" for n in range(asked.devices)))
        print(f"{asked.devices:,} devices" + (f", each with a bundle for {asked.target}" if asked.target else ""))
        for number, jobs in enumerate(dict.fromkeys(asked.jobs)):
            (place / str(number)).mkdir()
            seconds, cpu, said = run(command(new_home(place / str(number)), table, jobs, asked.target))
            rate = asked.devices / seconds
            print(
                f"  {jobs} jobs: {seconds:6.1f} s, {cpu:6.1f} s of processor, {rate:6,.0f} a second   {said}",
                flush=True,
            )
        (place / "killed").mkdir()
        home = new_home(place / "killed")
        typed = command(home, table, asked.jobs[-1], asked.target)
        for number in range(asked.kills):
            run_and_kill(typed, home / "devices", asked.devices * (number + 1) // (asked.kills + 1))
            with Home.open(home) as opened:
                there = len(opened.registry.devices()) - 1
            print(f"  killed when {there:,} were there", flush=True)
        seconds, cpu, said = run(typed)
        print(f"  again:  {seconds:6.1f} s, {cpu:6.1f} s of processor   {said}")
        whole, of = look_through(home)
        print(f"  looked through: {whole:,} of {of:,} are whole (the operator is one)")
        if whole != of or not re.search(r"\d", said):
            sys.exit(1)
        shutil.rmtree(place / "killed")


if __name__ == "__main__":
    main()
