"""The workloads of `sealmq bench` for SealMQ and for Debian's mosquitto, in turn on the same machine with the same
certificates.

    python bench/beside_mosquitto.py [--rounds 3] [--seconds 3] [pairs fan-out]

TLS 1.3 with client certificates unless the workload says otherwise; mosquitto has `set_tcp_nodelay true` and its other
defaults. The two take turns, so that a busy machine is busy for both; as root both run in front of others. Loopback.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bounded import Broker, new_home
from clients import ATTACKING, HOST
from wellbehaved import in_front

from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE
from sealmq.kit.bench.result import Result
from sealmq.kit.bench.run import Bounds, run
from sealmq.kit.bench.target import Target
from sealmq.kit.bench.watch import Watch
from sealmq.kit.bench.workloads import find

CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
cafile {folder}/anchors.pem
certfile {broker}
keyfile {broker}
require_certificate true
set_tcp_nodelay true
persistence false
user {user}
log_dest none
"""


@contextmanager
def mosquitto(home: Path) -> Iterator[tuple[int, int]]:
    """A mosquitto with the broker's key and the Device CA's trust: its port and its process's number."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    folder = home.parent
    (folder / "anchors.pem").write_text((home / "ca/device-ca.pem").read_text() + (home / "ca/root.pem").read_text())
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    user = "root" if os.getuid() == 0 else os.environ["USER"]
    words = CONFIGURATION.format(port=port, folder=folder, broker=home / "broker/broker.pem", user=user)
    (folder / "mosquitto.conf").write_text(words)
    process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], start_new_session=True)
    try:
        in_front(process.pid, -10)
        _wait_for_port(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("mosquitto did not start")


@contextmanager
def sealmq(home: Path) -> Iterator[tuple[int, int]]:
    """A SealMQ: its port and its process's number."""
    broker = Broker(home)
    try:
        yield broker.port, broker.pid
    finally:
        broker.end()


def main() -> None:
    """Measure and print, each workload by each broker, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="for which each one sends")
    parser.add_argument("workloads", nargs="*", default=["pairs", "fan-out"])
    options = parser.parse_args()
    with new_home(0, operators=[ATTACKING]) as home:
        folder = home / "devices" / ATTACKING
        files = (folder / ROOT_FILE, folder / CHAIN_FILE, folder / KEY_FILE)
        for workload in find(options.workloads or ["pairs", "fan-out"]):
            for _ in range(options.rounds):
                for name, start in (("SealMQ", sealmq), ("mosquitto", mosquitto)):
                    with start(home) as (port, pid):
                        target, bounds = Target("localhost", port, *files), Bounds(options.seconds)
                        result = run(workload, target, Watch(pid), bounds, "bench", lambda doing, part: None)
                    print(f"{name:<10}{in_words(result)}  load {os.getloadavg()[0]:.1f}", flush=True)


def in_words(result: Result) -> str:
    """One line."""
    marks = "/".join(f"{result.latency.get(mark, 0.0):.1f}" for mark in ("p50", "p99", "p99.9"))
    return (
        f"{result.workload:<24}{result.rate:>11,.0f}/s  {result.cost or 0.0:>9.2f} us"
        f"  {result.broker_share or 0.0:>5.0%}  {marks} ms  {result.peak / 1e6:.0f} MB  lost {result.lost:,}"
        f"  {result.limit()[0]}"
    )


if __name__ == "__main__":
    main()
