"""mosquitto with the certificates of a home."""

from __future__ import annotations

import socket
from pathlib import Path


def configuration(home: Path, folder: Path, port: int) -> str:
    """A mosquitto.conf: one listener on 127.0.0.1 that demands a certificate. folder: where a file can be made."""
    ca, own = home / "ca", home / "broker" / "broker.pem"
    trusted = folder / "trusted.pem"
    trusted.write_bytes((ca / "root.pem").read_bytes() + (ca / "device-ca.pem").read_bytes())
    return (
        f"listener {port} 127.0.0.1\ncafile {trusted}\ncertfile {own}\nkeyfile {own}\nrequire_certificate true\n"
        "allow_anonymous true\nuser root\nmax_queued_messages 100000\n"
    )


def listens(port: int) -> bool:
    """Does somebody listen there?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
