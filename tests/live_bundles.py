"""Bundles of a home's devices, and the vendors' tools that read them.

The tools live in .vendors/, which `make test` fills: Espressif's (Apache-2.0, but they need esptool, which is GPL),
MicroPython (MIT) and Node-RED (Apache-2.0) must not meet what SealMQ itself is installed with.
"""

from __future__ import annotations

import time
from pathlib import Path

from running import Broker, leave_out
from sealmq.bundle import CHAIN_FILE, KEY_FILE, ROOT_FILE
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.targets import find_target
from sealmq.devices.bundles.writing import write_bundle
from sealmq.pki.authority import certificates_of
from sealmq.pki.containers import certificate_pem
from sealmq.pki.keys import PrivateKey

VENDORS = Path(__file__).parent.parent / ".vendors"


def vendor(path: str) -> Path:
    """A vendor's program, by its path below .vendors/. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    found = VENDORS / path
    if not found.exists():
        leave_out(f"{found.name} is not installed: make vendors")
    return found


def credentials_of(broker: Broker, device: str) -> Credentials:
    """What a bundle of this device is made of, to connect to this broker."""
    folder = broker.home / "devices" / device
    leaf, issuing = map(certificate_pem, certificates_of((folder / CHAIN_FILE).read_bytes()))
    return Credentials(
        name=device,
        host="localhost",
        port=broker.port,
        root_pem=(folder / ROOT_FILE).read_bytes(),
        leaf_pem=leaf,
        issuing_pem=issuing,
        key=PrivateKey.from_pem((folder / KEY_FILE).read_bytes()),
        now=time.time(),
        version="0.1.0",
    )


def write_live_bundle(target: str, credentials: Credentials, place: Path) -> Path:
    """A bundle in a folder, as `sealmq device bundle` leaves it."""
    write_bundle(make_bundle(find_target(target), credentials), place, now=credentials.now)
    return place
