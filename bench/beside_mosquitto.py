"""first_measure.py for SealMQ and for Debian's mosquitto, in turn on the same machine with the same certificates.

    python bench/beside_mosquitto.py [--rounds 3] [--messages 400000] [10x10 1x200]

QoS 0, 64 bytes, TLS 1.3 with client certificates; mosquitto has `set_tcp_nodelay true` and its other defaults. The two
take turns, so that a busy machine is busy for both; as root both run in front of others. Loopback only.
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
from first_measure import measure
from wellbehaved import in_front

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
    """Measure and print, each shape by each broker, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=400_000, help="delivered in all, about")
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("shapes", nargs="*", default=["10x10", "1x200"])
    options = parser.parse_args()
    options.qos = 0
    with new_home(0, operators=[ATTACKING]) as home:
        options.bundle = home / "devices" / ATTACKING
        for shape in options.shapes or ["10x10", "1x200"]:
            for _ in range(options.rounds):
                for name, start in (("SealMQ", sealmq), ("mosquitto", mosquitto)):
                    with start(home) as (options.port, options.pid):
                        print(f"{name:<10}{measure(options, shape)}  load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
