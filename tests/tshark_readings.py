"""What Wireshark's tshark says of a capture: a judge that knows nothing of our code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from running import WAIT, program

CHECKED = (
    "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-d", "tls.port==8883,mqtt",
    "-o", "tls.desegment_ssl_records:TRUE", "-o", "tls.desegment_ssl_application_data:TRUE",
)  # fmt: skip
"""Checksums are held, and what is in TLS on port 8883 is MQTT."""


def tshark(path: Path, *arguments: str) -> str:
    """What it prints for a capture; its failure is the test's."""
    command = [program("tshark", "tshark"), "-r", str(path), *CHECKED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(path: Path, fields: Sequence[str], *, wanted: str = "", options: Sequence[str] = ()) -> list[list[str]]:
    """The fields of each packet that the display filter `wanted` lets through; of many in one, joined by commas.

    options: more of tshark's, such as a key log.
    """
    arguments = [word for field in fields for word in ("-e", field)]
    text = tshark(path, *options, "-T", "fields", *arguments, *(["-Y", wanted] if wanted else []))
    return [line.split("\t") for line in text.splitlines()]


def complaints(path: Path) -> list[str]:
    """What it finds wrong: packets that can't be taken apart, wrong checksums, and all that TCP should not do."""
    wanted = (
        "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags "
        "|| _ws.expert.severity >= 6291456"  # warnings and errors
    )
    return tshark(path, "-Y", wanted).splitlines()


def handshake_messages(
    path: Path, *, server_port: int = 8883, options: Sequence[str] = (), stream: int = 0
) -> list[tuple[str, int, int]]:
    """The handshake messages that it sees, decrypted where the capture, or a key log in `options`, has the keys.

    stream: the number of the TCP connection.

    Returns sender ("client" or "server"), HandshakeType, and length of the body, in the order of the capture.
    """
    found: list[tuple[str, int, int]] = []
    wanted = f"tls.handshake && tcp.stream == {stream}"
    packets = json.loads(tshark(path, *options, "-T", "json", "--no-duplicate-keys", "-J", "tcp tls", "-Y", wanted))
    for packet in packets:
        layers = packet["_source"]["layers"]
        tcp = layers["tcp"]
        sender = "server" if int(tcp["tcp.srcport"]) == server_port else "client"
        for type_, length in _typed(layers.get("tls")):
            found.append((sender, type_, length))
    return found


def _typed(tree: Any) -> list[tuple[int, int]]:
    """Type and length of the handshake messages in a tree of tshark's."""
    if isinstance(tree, list):
        return [pair for one in tree for pair in _typed(one)]
    if not isinstance(tree, dict):
        return []
    if "tls.handshake.type" in tree and "tls.handshake.length" in tree:
        return [(int(tree["tls.handshake.type"]), int(tree["tls.handshake.length"]))]
    return [pair for one in tree.values() for pair in _typed(one)]
