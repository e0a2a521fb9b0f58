"""Homes for the tests that talk to a running broker, and the broker that runs in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from running import Broker, sealmq

TOML = """
[limits]
handshake_timeout = 2
connect_timeout = 2
packet_size = 100_000
first_packet_size = 4_096

[log]
level = "debug"
"""

DEVICES = ("sensor-1", "sensor-2", "sensor-3")


def make_home(path: Path, toml: str = TOML, devices: tuple[str, ...] = DEVICES) -> Path:
    """A home with a configuration and devices; the broker runs once to make it."""
    path.mkdir(mode=0o700)
    (path / "sealmq.toml").write_text(toml)
    broker = Broker(path)
    assert broker.end() == 0
    for name in devices:
        add_device(path, name)
    return path


def add_device(home: Path, name: str, *options: str) -> Path:
    """Add a device; returns its folder."""
    done = sealmq("device", "add", name, "--home", home, *options)
    assert done.returncode == 0, done.stderr
    return home / "devices" / name


def start(home: Path, *options: str) -> Iterator[Broker]:
    """A broker that is ended by SIGTERM, and must then say goodbye and exit with 0."""
    broker = Broker(home, *options)
    try:
        yield broker
        assert broker.process.poll() is None, "the broker ended by itself:\n" + "\n".join(broker.log.lines[-40:])
        assert broker.end() == 0, "\n".join(broker.log.lines[-40:])
        wrong = [line for line in broker.log.lines if "Traceback" in line or " error " in line]
        assert not wrong, "\n".join(broker.log.lines[-80:])
    finally:
        broker.kill()
