"""Renewals under load: is a message lost while a device renews? Is a link lost when the broker's certificate changes?

    python bench/renewing.py [--seconds 30] [--rate 100] [--links 1000] [--json FILE]

The device publishes at QoS 1 the whole time and renews three times, as `sealmq.keep_renewed` does it; after each its
connection is cut, and its program connects again with the certificate that it has by then. Every message has a number,
and a subscriber says which came. The links are idle MQTT connections over TLS 1.3; after `sealmq ca renew-broker` each
of them must still answer, and who comes anew must be shown the new certificate. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sealmq.bundle import files_of
from sealmq.client import paho_client
from sealmq.config import CertificateSettings
from sealmq.home import Home, broker_names
from sealmq.kit.bench.crew import raise_file_limit
from sealmq.mqtt.packets import Connect
from sealmq.mqtt.writer import write_packet
from sealmq.pki.authority import certificates_of
from sealmq.renewal.courier import NetworkCourier
from sealmq.renewal.keeper import Keeper
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

SEALMQ = (sys.executable, "-m", "sealmq")
RENEWALS = 3
TOPIC = "devices/sensor-1/count"
PATIENCE = 60.0
"""Seconds after which something that should have happened is said not to happen."""

PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


@contextlib.contextmanager
def broker(home: Path) -> Iterator[int]:
    """A broker on a free port."""
    command = [*SEALMQ, "up", "--home", str(home), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=raise_file_limit
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C ends it" in line:
                break
        found = re.search(r"listening on .*?(\d+)", said.replace("127.0.0.1:", ""))
        assert found, said
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(PATIENCE)


class Reader:
    """Subscribes as the operator, and counts what comes by its number."""

    def __init__(self, home: Path, port: int) -> None:
        self.came: Counter[int] = Counter()
        self._ready = threading.Event()
        self._client = paho_client(home / "devices" / "operator")
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self.came.update([int(message.payload)])
        self._client.connect("localhost", port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE), "the subscriber was not let in"

    def wait_for(self, count: int) -> None:
        """Until so many different ones came, or nothing does any more."""
        deadline = time.monotonic() + PATIENCE
        while len(self.came) < count and time.monotonic() < deadline:
            time.sleep(0.05)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def renew_while_sending(home: Path, folder: Path, port: int, seconds: float, rate: float) -> dict[str, Any]:
    """The device sends at its rate, renews, and goes on with what it has by then."""
    bundle = Path(shutil.copytree(home / "devices" / "sensor-1", folder / "bundle"))
    keeper = Keeper(bundle, NetworkCourier("localhost", port, None, time.monotonic))
    reader = Reader(home, port)
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = 300
    device = paho_client(bundle, client_id="counter")
    device.max_inflight_messages_set(1_000)
    acknowledged: list[int] = []
    device.on_publish = lambda _client, _data, number, *_: acknowledged.append(number)
    device.connect("localhost", port, clean_start=False, properties=lasting)
    device.loop_start()
    serials, took, failed = [certificate_of(bundle)], [], []

    def renew() -> None:
        """In a thread beside the sender, as `sealmq.keep_renewed` has one."""
        for number in range(RENEWALS):
            time.sleep(max(0.0, began + seconds * (number + 1) / (RENEWALS + 1) - time.monotonic()))
            before = time.monotonic()
            try:
                keeper.look(time.time(), at_once=True)
            except Exception as error:
                failed.append(repr(error))
                return
            took.append(time.monotonic() - before)
            serials.append(certificate_of(bundle))
            device._sock_close()  # as if the network had cut it: paho connects again by itself

    began = time.monotonic()
    renewing = threading.Thread(target=renew)
    renewing.start()
    sent = 0
    while (due := began + sent / rate) < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        device.publish(TOPIC, str(sent), qos=1)
        sent += 1
    renewing.join()
    reader.wait_for(sent)
    deadline = time.monotonic() + PATIENCE
    while len(acknowledged) < sent and time.monotonic() < deadline:
        time.sleep(0.05)
    device.disconnect()
    device.loop_stop()
    reader.close()
    return {
        "sent": sent,
        "acknowledged": len(acknowledged),
        "lost": sent - len(reader.came),
        "came_twice": sum(times > 1 for times in reader.came.values()),
        "certificates": len(set(serials)),
        "renewal_seconds": [round(each, 3) for each in took],
        "failed": failed,
    }


def certificate_of(bundle: Path) -> str:
    """Which one a reader of the bundle finds."""
    return sha256(certificates_of(files_of(bundle)[1].read_bytes())[0]).hexdigest()


class Links:
    """Idle MQTT connections of the operator."""

    def __init__(self, home: Path, port: int) -> None:
        root, certificate, key = files_of(home / "devices" / "operator")
        self._port = port
        self._context = client_context(TLSPolicy(), root=root, chain=certificate, key=key)
        self._links: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open(self, count: int) -> None:
        for number in range(count):
            self._links.append(await self._connect(f"link-{number}"))

    async def _connect(self, client_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
        )
        writer.write(write_packet(Connect(client_id, True, 0, level=4), 4))
        assert await asyncio.wait_for(reader.readexactly(4), PATIENCE) == b"\x20\x02\x00\x00"
        return reader, writer

    async def shown(self) -> str:
        """The broker's certificate, as who comes now sees it."""
        _, writer = await self._connect("newcomer")
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True)
        writer.close()
        assert der
        return sha256(der).hexdigest()

    async def answering(self) -> int:
        """How many of the links still answer."""
        return sum(await asyncio.gather(*(self._answers(*link) for link in self._links)))

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            writer.write(PINGREQ)
            return await asyncio.wait_for(reader.readexactly(2), PATIENCE) == PINGRESP
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return False

    def close(self) -> None:
        for _, writer in self._links:
            writer.close()


async def replace_under_links(home: Path, port: int, count: int) -> dict[str, Any]:
    """The broker gets another certificate while they stand."""
    links = Links(home, port)
    await links.open(count)
    before = await links.shown()
    began = time.monotonic()
    command = await asyncio.create_subprocess_exec(
        *(*SEALMQ, "ca", "renew-broker", "--home", str(home)), stdout=subprocess.DEVNULL
    )
    assert await command.wait() == 0
    ended = time.monotonic()
    while await links.shown() == before:
        assert time.monotonic() < ended + PATIENCE, "nobody was shown the new certificate"
        await asyncio.sleep(0.02)
    shown = time.monotonic()
    answering = await links.answering()
    links.close()
    return {
        "links": count,
        "dropped": count - answering,
        "command_seconds": round(ended - began, 3),
        "shown_seconds_after_command": round(shown - ended, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the device sends")
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second")
    parser.add_argument("--links", type=int, default=1_000, help="links that stand while the certificate changes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="sealmq-renewing-") as name:
        folder = Path(name)
        names = broker_names(CertificateSettings())
        with Home.create(folder / "home", organization="Bench", country="XX", names=names, now=time.time()) as home:
            home.enrollment().add_device("sensor-1", now=time.time())
        with broker(folder / "home") as port:
            found = {"device": renew_while_sending(folder / "home", folder, port, options.seconds, options.rate)}
            found["broker"] = asyncio.run(replace_under_links(folder / "home", port, options.links))
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    lost = found["device"]["lost"] or found["device"]["failed"] or found["broker"]["dropped"]
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
