"""Have every TLS client that this machine has say hello, and write down what it says.

    .venv/bin/python bench/fingerprints.py [NAME ...]

It writes src/sealmq/kit/handshake/fingerprints.json, by which `sealmq handshake` guesses a device's TLS library, and
tests/vectors/client_hellos.json, the hellos themselves. What a client said that is not here stays as it was.
The clients are in hello_clients.py; pyOpenSSL, MicroPython and uv are looked for in .vendors/venv.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brokers import ROOT
from hello_clients import CLIENTS, HelloClient, MissingError, catch_hello

from sealmq.kit.dissect.hello import ClientHello, read_client_hello
from sealmq.kit.dissect.registry import is_grease
from sealmq.kit.handshake.ja import ja3, ja4

TABLE = ROOT / "src" / "sealmq" / "kit" / "handshake" / "fingerprints.json"
VECTORS = ROOT / "tests" / "vectors" / "client_hellos.json"


def entry_of(client: HelloClient, message: bytes) -> dict[str, Any]:
    """A row of the table."""
    hello = read_client_hello(message)
    (ja3_hash, ja3_text), (ja4_hash, ja4_raw) = ja3(hello), ja4(hello)
    return {
        "key": client.key,
        "stack": client.stack,
        "version": client.version(),
        "client": client.name(),
        "made": client.made,
        "measured": datetime.now(UTC).strftime("%Y-%m"),
        "size": len(message),
        "session_id": len(hello.session_id),
        "grease": sends_grease(hello),
        "ja3": ja3_hash,
        "ja3_text": ja3_text,
        "ja4": ja4_hash,
        "ja4_r": ja4_raw,
    }


def sends_grease(hello: ClientHello) -> bool:
    """It has a number in it that stands for nothing (RFC 8701)."""
    codes = (one.code for one in hello.extensions)
    return any(map(is_grease, (*hello.suites, *codes, *hello.groups)))


def main() -> None:
    """Ask, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these clients alone")
    names = parser.parse_args().names
    rows = {one["key"]: one for one in _read(TABLE)["clients"]}
    hellos = _read(VECTORS)["clients"] or {}
    for client in CLIENTS:
        if names and client.key not in names:
            continue
        try:
            message = catch_hello(client)
            rows[client.key] = entry_of(client, message)
        except MissingError as error:
            print(f"{client.key:<12} left out: {error}")
            continue
        hellos[client.key] = {"stack": client.stack, "hello": message.hex()}
        print(f"{client.key:<12} {len(message):>5} bytes  {rows[client.key]['ja4']}")
    order = [client.key for client in CLIENTS]
    source = "measured by bench/fingerprints.py: real clients that said hello to a listener on the loopback"
    _write(TABLE, source, [rows[key] for key in order if key in rows])
    _write(VECTORS, source, {key: hellos[key] for key in order if key in hellos})


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"clients": []}  # type: ignore[no-any-return]


def _write(path: Path, source: str, clients: object) -> None:
    path.write_text(json.dumps({"source": source, "clients": clients}, indent=1) + "\n")


if __name__ == "__main__":
    main()
