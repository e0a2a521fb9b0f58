"""A bundle: the folder that `sealmq device add NAME` writes, and what its files are called."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT_FILE: Final = "root.pem"
"""Whom to trust."""

LEAF_FILE: Final = "device.pem"
"""Who we are: the device's certificate alone. A SealMQ broker knows the rest of the chain; sending it costs bytes."""

CHAIN_FILE: Final = "device-chain.pem"
"""The device's certificate and that of the CA which signed it, for brokers that do not know this CA."""

KEY_FILE: Final = "device.key"
"""What proves it. Absent where the device keeps its key (--csr)."""


def files_of(folder: Path) -> tuple[Path, Path, Path]:
    """Whom to trust, our certificate, our key. A broker of ours knows what stands above the certificate, so it is shown
    alone where the bundle has it so: 480 bytes less for each connection."""
    leaf = folder / LEAF_FILE
    return folder / ROOT_FILE, leaf if leaf.exists() else folder / CHAIN_FILE, folder / KEY_FILE
