"""Homes for the tests that talk to a running broker, and the broker that runs in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from running import Broker
from sealmq.config import CertificateSettings
from sealmq.home import Home, broker_names

TOML = """
[limits]
handshake_timeout = 20
connect_timeout = 20
packet_size = 100_000
first_packet_size = 4_096

[log]
level = "debug"
lines_per_address = 100_000
"""

DEVICES = ("sensor-1", "sensor-2", "sensor-3")


def make_home(path: Path, toml: str = TOML, devices: tuple[str, ...] = DEVICES) -> Path:
    """A home with a configuration and devices, as `sealmq up` and `sealmq device add` make them."""
    names = broker_names(CertificateSettings())
    with Home.create(path, organization="SealMQ", country="XX", names=names, now=time.time()) as home:
        for name in devices:
            home.enrollment().add_device(name, now=time.time())
    (path / "sealmq.toml").write_text(toml)
    return path


def add_device(path: Path, name: str) -> Path:
    """Add a device to a home, whether its broker runs or not; returns its folder."""
    with Home.open(path) as home:
        home.enrollment().add_device(name, now=time.time())
        return home.device_directory(name)


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
