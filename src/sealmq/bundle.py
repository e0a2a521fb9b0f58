"""A bundle: the folder that `sealmq device add NAME` writes, and what its files are called."""

from __future__ import annotations

from typing import Final

ROOT_FILE: Final = "root.pem"
"""Whom to trust."""

CHAIN_FILE: Final = "device-chain.pem"
"""Who we are: the device's certificate and that of the CA which signed it."""

KEY_FILE: Final = "device.key"
"""What proves it. Absent where the device keeps its key (--csr)."""
