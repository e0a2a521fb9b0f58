"""The brokers that are measured side by side, each with the same certificates, TLS 1.3, TCP_NODELAY, on loopback.

A broker is started afresh for each workload, in an empty folder, as any other process: with a priority it would take up
each message by itself, as soon as the load has sent it. What differs from its defaults is said by `told`, and printed
in docs/benchmarks.md. A broker that this machine does not have is left out, in words.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from clients import ATTACKING, HOST

from sealmq import __version__
from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE
from sealmq.devices.accounts import Accounts
from sealmq.errors import HomeError
from sealmq.home import Home
from sealmq.kit.bench.crew import raise_file_limit
from sealmq.kit.bench.target import Target

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".venv-peers" / "bin"
"""Where `make bench` puts brokers from the Python package index: what they need must not meet what we need."""

ACCOUNT, PASSWORD = "bench", b"loopback alone"
"""Without TLS SealMQ asks for a password: it lets nobody in who proves nothing."""

STARTING = 60.0
"""Seconds in which a broker listens."""

RULE = '\n[[access]]\nrole = "operator"\ndeny = ["publish", "subscribe"]\ntopics = ["no-such-place/{}/#"]\n'
ALL = '\n[[access]]\nrole = "operator"\nallow = ["publish", "subscribe"]\ntopics = ["#"]\n'


@dataclass(frozen=True, slots=True)
class Setting:
    """What a workload wants of a broker beside its defaults.

    plaintext: a listener without TLS, and no other.
    keeps:     what is acknowledged is to survive: persistence is on where it is a choice.
    queues:    QoS 1 and 2 to slow or absent subscribers: what waits for them is to wait, not to be dropped.
    rules:     access rules that are asked before the one that allows everything; 0: the usual ones.
    port:      where to listen; 0: anywhere.
    """

    plaintext: bool = False
    keeps: bool = False
    queues: bool = False
    rules: int = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A broker that listens."""

    target: Target
    pid: int
    process: subprocess.Popen[str]


class Peer:
    """A broker: how it is found, configured and started."""

    name: ClassVar[str]
    told: ClassVar[str]
    """What differs from its defaults, for the page."""

    def version(self) -> str:
        """What it says of itself; "" when it is not installed."""
        raise NotImplementedError

    def command(self, home: Path, folder: Path, port: int, setting: Setting) -> list[str]:
        """Write its configuration into the empty folder; the command that starts it."""
        raise NotImplementedError

    @contextmanager
    def started(self, home: Path, setting: Setting) -> Iterator[Started]:
        """Start it, for as long as the block lasts. Raises HomeError when it does not listen in time."""
        folder = home.parent / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with self.resumed(home, folder, setting) as started:
            yield started

    @contextmanager
    def resumed(self, home: Path, folder: Path, setting: Setting) -> Iterator[Started]:
        """The same in a folder in which it has been before."""
        port = setting.port or free_port()
        command = self.command(home, folder, port, setting)
        log = folder / "log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, cwd=folder,
                start_new_session=True, preexec_fn=raise_file_limit,
            )  # fmt: skip
        try:
            wait_for_port(port, process, log)
            yield Started(self.target(home, port, setting), process.pid, process)
        finally:
            _end(process)

    def target(self, home: Path, port: int, setting: Setting) -> Target:
        """How the load finds it."""
        if setting.plaintext:
            return Target(HOST, port)
        bundle = home / "devices" / ATTACKING
        return Target("localhost", port, bundle / ROOT_FILE, bundle / CHAIN_FILE, bundle / KEY_FILE)


class SealMQ(Peer):
    """Ours."""

    name = "SealMQ"
    told = "nothing, but that for `scale-retained` one device may have all of the 100,000 retained messages"

    def version(self) -> str:
        return f"SealMQ {__version__}"

    def command(self, home: Path, folder: Path, port: int, setting: Setting) -> list[str]:
        if not setting.port:
            clean_home(home)
        words = "" if setting.plaintext else f'listen = ["{HOST}:{port}"]\n'
        if setting.plaintext:
            words += f'listen = []\n[[listener]]\naddress = "{HOST}:{port}"\nauth = "password"\nplaintext = true\n'
        words += "[websocket]\nlisten = []\n[https]\nlisten = []\n[limits]\nretained_messages_per_identity = 100_000\n"
        if setting.rules:
            words += "".join(RULE.format(number) for number in range(setting.rules)) + ALL
        (home / "sealmq.toml").write_text(words)
        return [sys.executable, "-m", "sealmq", "up", "--home", str(home)]

    def target(self, home: Path, port: int, setting: Setting) -> Target:
        target = super().target(home, port, setting)
        return replace(target, username=ACCOUNT, password=PASSWORD) if setting.plaintext else target


class Mosquitto(Peer):
    """Debian's."""

    name = "mosquitto"
    told = (
        "`set_tcp_nodelay true`; at QoS 1 and 2 `max_queued_messages 0`, as by default it drops what waits above 1,000"
        " messages for a subscriber, and would be measured by what it drops; for `durable` and the recovery"
        " `persistence true`"
    )

    def version(self) -> str:
        program = _program("mosquitto")
        if not program:
            return ""
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
        return said.splitlines()[0] if said else "mosquitto"

    def command(self, home: Path, folder: Path, port: int, setting: Setting) -> list[str]:
        words = ["allow_anonymous true", "set_tcp_nodelay true", "log_dest none", f"user {_user()}"]
        if setting.keeps:
            words += ["persistence true", f"persistence_location {folder}/"]
        if setting.queues:
            words.append("max_queued_messages 0")
        if setting.rules:
            lines = [f"topic deny no-such-place/{number}/#" for number in range(setting.rules)]
            (folder / "acl").write_text("\n".join([*lines, "topic readwrite #"]) + "\n")
            words.append(f"acl_file {folder}/acl")
        words.append(f"listener {port} {HOST}")
        if not setting.plaintext:
            broker = home / "broker/broker.pem"
            words += [f"cafile {anchors(home)}", f"certfile {broker}", f"keyfile {broker}", "require_certificate true"]
        (folder / "mosquitto.conf").write_text("\n".join(words) + "\n")
        return [_program("mosquitto"), "-c", str(folder / "mosquitto.conf")]


class Nats(Peer):
    """nats-server with its MQTT listener."""

    name = "nats-server"
    told = "an MQTT listener with `verify: true`, JetStream, which MQTT needs, and a `server_name`"

    def version(self) -> str:
        program = _program("nats-server")
        if not program:
            return ""
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()

    def command(self, home: Path, folder: Path, port: int, setting: Setting) -> list[str]:
        broker = home / "broker/broker.pem"
        tls = f'tls {{ cert_file: "{broker}", key_file: "{broker}", ca_file: "{anchors(home)}", verify: true }}'
        (folder / "nats.conf").write_text(
            f'server_name: bench\nlisten: "{HOST}:{free_port()}"\n'
            f'jetstream {{ store_dir: "{folder}/store" }}\n'
            f'mqtt {{ listen: "{HOST}:{port}"\n{"" if setting.plaintext else tls} }}\n'
        )
        return [_program("nats-server"), "-c", str(folder / "nats.conf")]


class Amqtt(Peer):
    """amqtt, a broker in Python."""

    name = "amqtt"
    told = "a TLS listener that asks for a certificate, anonymous log-in, no $SYS messages"

    def version(self) -> str:
        program = _program("amqtt")
        if not program:
            return ""
        words = "from importlib.metadata import version; print(version('amqtt'))"
        done = subprocess.run([str(PEERS / "python"), "-c", words], capture_output=True, text=True, check=False)
        return f"amqtt {done.stdout.strip()}"

    def command(self, home: Path, folder: Path, port: int, setting: Setting) -> list[str]:
        broker = str(home / "broker/broker.pem")
        listener: dict[str, object] = {"type": "tcp", "bind": f"{HOST}:{port}", "max_connections": 10_000}
        if not setting.plaintext:
            listener |= {"ssl": True, "cafile": str(anchors(home)), "certfile": broker, "keyfile": broker}
        words = {
            "listeners": {"default": listener},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        (folder / "amqtt.yaml").write_text(json.dumps(words))  # JSON is YAML
        return [_program("amqtt"), "-c", str(folder / "amqtt.yaml")]


BROKERS: dict[str, Peer] = {each.name: each for each in (SealMQ(), Mosquitto(), Nats(), Amqtt())}


def add_account(home: Path) -> None:
    """The account that speaks without TLS: it may do what the certificate of the others may."""
    with Home.open(home) as opened:
        Accounts(opened.registry).add(ACCOUNT, PASSWORD, now=time.time(), role="operator")


def anchors(home: Path) -> Path:
    """What another broker must trust to know our devices: the Device CA and the root, in one file."""
    path = home.parent / "anchors.pem"
    if not path.exists():
        path.write_text((home / "ca/device-ca.pem").read_text() + (home / "ca/root.pem").read_text())
    return path


def clean_home(home: Path) -> None:
    """No messages of an earlier run."""
    for left in home.glob("messages.db*"):
        left.unlink()


def free_port() -> int:
    """One that the kernel has for us now."""
    with socket.create_server((HOST, 0)) as free:
        return int(free.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[str], log: Path) -> None:
    """Return when somebody listens there. Raises HomeError when nobody does in time."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except (ConnectionRefusedError, ConnectionResetError):  # reset: it looks first whether it may listen there
            time.sleep(0.01)
    raise HomeError("the broker did not start", why=log.read_text(errors="replace").strip()[-200:] or "it says nothing")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(30.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(name: str) -> str:
    """Debian puts brokers where only root's PATH leads."""
    return shutil.which(name, path=f"{PEERS}:{os.environ.get('PATH', '')}:/usr/sbin") or ""


def _user() -> str:
    return "root" if os.getuid() == 0 else re.sub(r"\s", "", os.environ.get("USER", "nobody"))
