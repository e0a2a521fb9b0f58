"""How long a revoked device stays connected: from `sealmq device revoke NAME` to the closed socket.

    python bench/revoking.py [--times 100] [--revoked 0] [--links 0] [--here] [--json FILE]

A real broker, real TLS 1.3, one device after the other, half of them on MQTT and half on WebSocket. Two clocks: from
the start of the command (a Python that starts, opens the home, and writes), and from its end. --revoked puts so many
other revoked certificates into the registry first; --links lets so many other devices stand beside; --here leaves out
the start of a Python. Loopback only, and what it starts it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import secrets
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sealmq import cli
from sealmq.config import CertificateSettings
from sealmq.home import Home, broker_names
from sealmq.tls.context import client_context
from sealmq.tls.policy import TLSPolicy

SEALMQ = (sys.executable, "-m", "sealmq")
LONGEST = 30.0
"""Seconds after which something that should have happened is said not to happen."""

_UPGRADE = (
    "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)


def make_home(path: Path, devices: list[str], revoked: int) -> None:
    """A home with these devices, and so many certificates that were revoked long ago."""
    names = broker_names(CertificateSettings())
    with Home.create(path, organization="SealMQ", country="XX", names=names, now=time.time()) as home:
        enrollment = home.enrollment()
        for name in devices:
            enrollment.add_device(name, now=time.time())
        key_id, now = home.authorities.device.key_id, time.time()
        with home.registry.transaction():
            for number in range(revoked):
                home.registry.change(
                    "INSERT INTO certificates (serial, subject, profile, authority_key_id, state, not_before,"
                    " not_after, spki_sha256, recorded_at, revoked_at, reason)"
                    " VALUES (?, ?, 'device', ?, 'revoked', ?, ?, '', ?, ?, 'superseded')",
                    *(
                        f"01{secrets.token_hex(15)}",
                        f"old-{number}",
                        key_id,
                        now,
                        now + 3e7,
                        now,
                        now - revoked + number,
                    ),
                )
        if revoked:
            home.revocations().sign_list(home.authorities.device, now=now)


@contextlib.contextmanager
def broker(home: Path) -> Iterator[tuple[int, int]]:
    """A broker on free ports: MQTT, WebSocket."""
    command = [*SEALMQ, "up", "--home", str(home), "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C ends it" in line:
                break
        mqtt = re.search(r"listening on .*?:([0-9]+)", said)
        websocket = re.search(r"WebSocket on .*?:([0-9]+)", said)
        assert mqtt is not None, said
        assert websocket is not None, said
        yield int(mqtt[1]), int(websocket[1])
    finally:
        process.terminate()
        process.wait(LONGEST)


def connect(home: Path, name: str, port: int, *, websocket: bool) -> ssl.SSLSocket:
    """A device that has its CONNACK."""
    folder = home / "devices" / name
    context = client_context(
        TLSPolicy(), root=home / "ca" / "root.pem", chain=folder / "device-chain.pem", key=folder / "device.key"
    )
    plain = socket.create_connection(("127.0.0.1", port), LONGEST)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    packet = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00"
    if websocket:
        connection.sendall(_UPGRADE.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        packet = b"\x82" + bytes([0x80 | len(packet)]) + b"\0\0\0\0" + packet
    connection.sendall(packet)
    answer = connection.recv(4096)
    assert b"\x20" in answer, answer
    return connection


def closed_at(connection: ssl.SSLSocket) -> float:
    """When the broker ended it."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    return time.perf_counter()


def revoke(home: Path, name: str, connection: ssl.SSLSocket, *, here: bool) -> tuple[float, float]:
    """Milliseconds to the closed socket: from the start of the command, and from its end."""
    ends: list[float] = []
    waiting = threading.Thread(target=lambda: ends.append(closed_at(connection)))
    waiting.start()
    command = ["device", "revoke", name, "--home", str(home)]
    began = time.perf_counter()
    if here:
        with contextlib.redirect_stdout(io.StringIO()):
            assert cli.run(command) == 0
    else:
        subprocess.run([*SEALMQ, *command], check=True, stdout=subprocess.DEVNULL)
    done = time.perf_counter()
    waiting.join(LONGEST)
    connection.close()
    return (ends[0] - began) * 1e3, (ends[0] - done) * 1e3


def told(what: str, numbers: list[float]) -> str:
    """One line."""
    return f"{what:<28} median {statistics.median(numbers):7.0f} ms   worst {max(numbers):7.0f} ms"


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="devices that are revoked (default: 100)")
    parser.add_argument("--revoked", type=int, default=0, help="certificates that were revoked before (default: 0)")
    parser.add_argument("--links", type=int, default=0, help="other devices that stand beside (default: 0)")
    parser.add_argument("--here", action="store_true", help="run the command in this process, which has started")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    arguments = parser.parse_args()
    condemned = [f"condemned-{number}" for number in range(arguments.times)]
    others = [f"other-{number}" for number in range(arguments.links)]
    with tempfile.TemporaryDirectory(prefix="sealmq-revoking-") as folder:
        home = Path(folder) / "home"
        make_home(home, condemned + others, arguments.revoked)
        with broker(home) as (mqtt, websocket):
            standing = [connect(home, name, mqtt, websocket=False) for name in others]
            measured = []
            for number, name in enumerate(condemned):
                over = number % 2 == 1
                connection = connect(home, name, websocket if over else mqtt, websocket=over)
                measured.append(revoke(home, name, connection, here=arguments.here))
            for connection in standing:
                connection.sendall(b"\xc0\x00")
                assert connection.recv(2) == b"\xd0\x00", "somebody else was cut"
                connection.close()
    starts, ends = ([pair[place] for pair in measured] for place in (0, 1))
    print(f"{arguments.times} devices revoked, {arguments.revoked:,} before, {arguments.links:,} links beside")
    print(told("from the command's start", starts))
    print(told("from the command's end", ends))
    for place, which in enumerate(("MQTT", "WebSocket")):
        print(told(f"  from its start, {which}", starts[place::2]))
    if arguments.json:
        arguments.json.write_text(json.dumps({"start_ms": starts, "end_ms": ends}, indent=1))


if __name__ == "__main__":
    main()
