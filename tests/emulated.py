"""The reference device (devices/reference-firmware) in QEMU: built from a bundle of a home, at a broker that runs here.

The libraries are compiled once and stay in its build/ folder; the device's own files, once for each test.
"""

from __future__ import annotations

import json
import ssl
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import reference_device
from paho.mqtt.enums import CallbackAPIVersion
from reference_device import HERE, Build

from running import Broker, Program, leave_out, program, sealmq

SOURCES = Path(__file__).parent.parent / ".sources"
PATIENCE = 90.0
"""Seconds for what an emulated device does on a busy machine."""


def has_sources() -> None:
    """Leave the test out where lwIP and Mbed TLS were not fetched; in CI that is a failure."""
    if not (SOURCES / ".fetched").exists():
        leave_out("lwIP and Mbed TLS are not here: make sources")


def compile_device(bundle: Path, out: Path, build: Build) -> Path:
    """The firmware of a bundle, as an ELF file."""
    has_sources()
    program("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
    return reference_device.compile_firmware(bundle, out, build, sources=SOURCES, cache=HERE / "build")


@dataclass
class Device:
    """A device that is built. Its store is in `folder`."""

    name: str
    folder: Path
    firmware: Path

    @contextmanager
    def at_work(self) -> Iterator[Program]:
        """It runs for as long as the block takes; its serial line is `output`."""
        program("qemu-system-arm", "qemu-system-arm")
        self.folder.mkdir(exist_ok=True)
        started = Program(reference_device.emulator(self.firmware), cwd=self.folder, umask=0o077)
        try:
            yield started
        finally:
            started.kill()

    def store(self, slot: int, number: int, key: bytes, certificate: bytes, roots: bytes) -> None:
        """Write a slot as the device itself does: PEM, with a NUL behind each."""
        self.folder.mkdir(exist_ok=True)
        parts = [part + b"\0" for part in (key, certificate, roots)]
        image = b"SMQ1" + struct.pack(">I3H", number, *map(len, parts)) + b"".join(parts)
        (self.folder / f"slot-{slot}.bin").write_bytes(image + struct.pack(">I", zlib.crc32(image)))


def build_device(
    broker: Broker, name: str, place: Path, build: Build, *, home: Path | None = None, host: str = "localhost"
) -> Device:
    """A device of this home (the broker's own, if none is said), built to dial this broker by this name."""
    bundle = place / f"{name}-bundle"
    words = ["--home", home or broker.home, "--target", "lwip", "--out", bundle, "--host", host]
    done = sealmq("device", "add", name, *words, "--port", str(broker.port))
    assert done.returncode == 0, done.stderr
    return Device(name, place / f"{name}-store", compile_device(bundle, place / f"{name}-build", build))


class Operator:
    """Hears all that one device publishes, at QoS 1, and tells it what to do."""

    def __init__(self, broker: Broker, device: str) -> None:
        self._topic = f"devices/{device}/"
        self._messages: list[tuple[str, int, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"operator-of-{device}")
        self._client.connect_timeout = PATIENCE
        context: ssl.SSLContext = broker.context("operator")
        self._client.tls_set_context(context)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic + "#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("localhost", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix(self._topic)
        if topic == "command":
            return
        with self._changed:
            self._messages.append((topic, message.qos, json.loads(message.payload)))
            self._changed.notify_all()

    def hear(self, wanted: str, **members: object) -> dict[str, Any]:
        """The first message on a topic that has these members and came at QoS 1; waits for it."""

        def found() -> dict[str, Any] | None:
            for topic, qos, said in self._messages:
                if topic == wanted and qos == 1 and members.items() <= said.items():
                    return said
            return None

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE), self._messages
            result = found()
        assert result is not None
        return result

    def tell(self, command: str) -> None:
        """Publish a command."""
        assert self._client.publish(f"{self._topic}command", command, 1).rc == 0

    def leave(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def operating(broker: Broker, device: str) -> Iterator[Operator]:
    """An operator of this device, for as long as the block takes."""
    operator = Operator(broker, device)
    try:
        yield operator
    finally:
        operator.leave()
