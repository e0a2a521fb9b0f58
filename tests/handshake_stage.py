"""Real brokers for `sealmq handshake` to look at, and what it says of them.

Rule 1: all of them show the certificate of one Trust and know its devices, so that a difference is the broker's own.
Rule 2: a broker listens before it is given away, and ends with its block.
"""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certificates import Credentials
from ports import free_port
from running import SEALMQ, WAIT, Broker, Program, leave_out, program, running
from tls_pairs import Trust

PEERS = Path(__file__).parent.parent / ".venv-peers" / "bin"
VENDORS = Path(__file__).parent.parent / ".vendors" / "venv" / "bin"
"""Where the Makefile puts brokers from the Python package index."""

SCHEMA = Path(__file__).parent.parent / "docs" / "reference" / "handshake.schema.json"


@dataclass(frozen=True)
class Stage:
    """A broker that listens, and the files by which a client talks to it: `root` is whom to trust."""

    port: int
    root: Path
    certificate: Path
    key: Path
    process: Program

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    def options(self, *, show: bool) -> list[str | Path]:
        """What to give to `sealmq handshake`. show: our certificate."""
        shown: list[str | Path] = ["--cert", self.certificate, "--key", self.key] if show else []
        return [self.place, "--cafile", self.root, *shown]


def nats_server() -> str:
    """Where nats-server is. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    places = (folder / "nats-server" for folder in (PEERS, VENDORS))
    found = shutil.which("nats-server") or next((str(place) for place in places if place.exists()), None)
    if found is None:
        leave_out("nats-server is not installed: make vendors")
    return found


def _files(trust: Trust, folder: Path, broker: Credentials | None) -> dict[str, Path]:
    """The broker's own, and those of the device: root, certificate, key, device, device_key, anchors."""
    certificate, key = (broker or trust.broker).save(folder, "shown-by-broker")
    device, device_key = trust.device.save(folder, "shown-by-device")
    anchors = folder / "anchors.pem"
    anchors.write_bytes(trust.root_ca.pem + trust.device_ca.pem)
    root = folder / "trusted.pem"
    root.write_bytes(trust.root_ca.pem)
    return {
        "root": root, "certificate": certificate, "key": key, "device": device, "device_key": device_key,
        "anchors": anchors,
    }  # fmt: skip


@contextmanager
def mosquitto(
    trust: Trust,
    folder: Path,
    *settings: str,
    demands: bool = False,
    tls: bool = True,
    broker: Credentials | None = None,
) -> Iterator[Stage]:
    """Debian's mosquitto. settings: more lines of its configuration. demands: a certificate of the client."""
    files, port = _files(trust, folder, broker), free_port()
    lines = [f"user {getpass.getuser()}", f"listener {port} 127.0.0.1", "allow_anonymous true"]
    if tls:
        lines += [f"cafile {files['anchors']}", f"certfile {files['certificate']}", f"keyfile {files['key']}"]
    if demands:
        lines.append("require_certificate true")
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join([*lines, *settings]) + "\n")
    with running([program("mosquitto", "mosquitto"), "-v", "-c", configuration]) as process:
        process.errors.wait("running")
        yield Stage(port, files["root"], files["device"], files["device_key"], process)


@contextmanager
def nats(trust: Trust, folder: Path, *, demands: bool = False, version: str = "1.2") -> Iterator[Stage]:
    """nats-server with its MQTT listener. version: the oldest that it speaks."""
    path, files, port = nats_server(), _files(trust, folder, None), free_port()
    configuration = folder / "nats.conf"
    configuration.write_text(
        f'server_name: one\nlisten: "127.0.0.1:{free_port()}"\njetstream {{ store_dir: "{folder / "store"}" }}\n'
        f'mqtt {{ listen: "127.0.0.1:{port}"\n'
        f'tls {{ cert_file: "{files["certificate"]}", key_file: "{files["key"]}", ca_file: "{files["anchors"]}",\n'
        f'min_version: "{version}", verify: {str(demands).lower()}, timeout: 30 }} }}\n'
    )
    with running([path, "-c", configuration]) as process:
        process.errors.wait("Server is ready")
        yield Stage(port, files["root"], files["device"], files["device_key"], process)


@contextmanager
def sealmq_up(home: Path, device: str = "sensor-1") -> Iterator[Stage]:
    """Ours, in a home that is there."""
    broker = Broker(home)
    try:
        root, certificate, key = broker.files(device)
        yield Stage(broker.port, root, certificate, key, broker)
    finally:
        broker.kill()


@dataclass(frozen=True)
class Said:
    """What one `sealmq handshake` came to. seconds: how long it took. peak: bytes of memory at most (Linux; else 0)."""

    code: int
    text: str
    errors: str
    seconds: float
    peak: int = 0

    @property
    def report(self) -> dict[str, Any]:
        """The report, of --json."""
        return dict(json.loads(self.text))

    @property
    def outcome(self) -> dict[str, Any]:
        """How it ended, of --json."""
        return dict(self.report["outcome"])

    def messages(self) -> list[tuple[str, str, int]]:
        """Sender, name and size of each message."""
        return [(one["sender"], one["name"], one["size"]) for one in self.report["messages"]]


def handshake(*arguments: str | Path, before: tuple[str, ...] = (), limit: float = WAIT, **options: Any) -> Said:
    """Run `sealmq handshake` to its end. before: a program that runs it. It may not end by a traceback."""
    begin = time.monotonic()
    command = [*before, *SEALMQ, "handshake", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


_MEASURED = """
import atexit, os, re, runpy, sys
def tell(path=sys.argv.pop(1)):
    found = re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())
    open(path, "w").write(found[1])
if os.path.exists("/proc/self/status"):
    atexit.register(tell)
runpy.run_module("sealmq", run_name="__main__", alter_sys=True)
"""
"""Runs SealMQ, and writes down its memory at its highest (VmHWM): that of a child would count its parent's too."""


def measured(folder: Path, *arguments: str | Path, limit: float = 3 * WAIT) -> Said:
    """The same with its memory. folder: for a file."""
    note = folder / "peak"
    note.write_text("0")
    begin = time.monotonic()
    command = [sys.executable, "-c", _MEASURED, str(note), "handshake", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - begin, int(note.read_text()) * 1024)


def look(*arguments: str | Path, **options: Any) -> Said:
    """The same for its report, without the connections that ask for small records."""
    return handshake(*arguments, "--json", "--no-probes", **options)
