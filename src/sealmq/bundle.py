"""A bundle: the folder that `sealmq device add NAME` writes, and what its files are called.

With --psk there is one file in it, in the form of mosquitto's psk_file: `identity:key`, the key in hex.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sealmq.errors import BundleError, ConfigError, TrustError

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

PSK_FILE: Final = "psk.txt"
"""A pre-shared key (PSK) in place of all that, for a device that is too small for certificates."""

IDENTITY_LENGTH: Final = 128
"""Bytes of a PSK identity: what every TLS library takes (RFC 4279 section 5.3)."""

PSK_LENGTHS: Final = range(16, 65)
"""Bytes of a PSK: below, it could be guessed from a recorded handshake; above, libraries differ."""

_LONGEST_FILE = 1024  # bytes of psk.txt: an identity, a key and some room
_KEY = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SharedKey:
    """What psk.txt says.

    identity: the name that goes with the key; sent in the clear. key: kept out of every text that is made of this.
    """

    identity: str
    key: bytes = field(repr=False)


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


def expect_whole(bundle: Path, *, with_psk: str = "") -> None:
    """Raise ConfigError unless all files of a bundle are there; which are not, and what to do.

    with_psk: what to do where it holds a pre-shared key; "" to dial with that.
    """
    try:
        _expect_files(bundle, with_psk)
    except PermissionError as error:
        raise ConfigError(
            f"the bundle {bundle} cannot be looked into",
            why=error.strerror or str(error),
            remedy="run this as the user to whom the bundle belongs, or copy it to where you may read it",
        ) from error


def _expect_files(bundle: Path, with_psk: str) -> None:
    if not bundle.is_dir():
        raise ConfigError(
            f"there is no bundle at {bundle}",
            why="a bundle is the folder that `sealmq device add` writes",
            remedy=f"sealmq device add {bundle.name or 'NAME'}",
        )
    files = {ROOT_FILE: bundle / ROOT_FILE, LEAF_FILE: certificate_file(bundle), KEY_FILE: bundle / KEY_FILE}
    missing = [name for name, path in files.items() if not path.is_file()]
    if (bundle / PSK_FILE).is_file() and len(missing) == len(files):
        raise ConfigError(
            f"the bundle {bundle} holds a pre-shared key, and no certificate",
            why="the device was added with --psk",
            remedy=with_psk
            or f"--psk-file {shlex.quote(str(bundle / PSK_FILE))} and --middleware wolfssl (or mbedtls)",
        )
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


def psk_line(identity: str, key: bytes) -> bytes:
    """The one line of psk.txt: a secret."""
    return f"{identity}:{key.hex()}\n".encode()


def read_psk(path: Path) -> SharedKey:
    """Read psk.txt.

    Raises TrustError when it cannot be read, or when others than its owner can read or change it: whoever has the key
    is the device; BundleError when it is not what it must be. No error says what stands in it.
    """
    remedy = "a PSK file is one line, identity:key, the key in hex: sealmq device add NAME --psk writes one"
    try:
        data = _read_secret(path)
        text = data.decode()
    except OSError as error:
        raise TrustError(
            f"the PSK file {path} cannot be read", why=error.strerror or str(error), remedy=remedy
        ) from error
    except UnicodeDecodeError:
        raise BundleError(f"the PSK file {path} is no text", remedy=remedy) from None
    line, *others = text.splitlines() or [""]
    identity, colon, key = line.rpartition(":")
    if others or len(data) > _LONGEST_FILE or not colon or not identity.isprintable():
        raise BundleError(f"the PSK file {path} is not one line of identity:key", remedy=remedy)
    if not 0 < len(identity.encode()) <= IDENTITY_LENGTH:
        raise BundleError(
            f"the identity in {path} has {len(identity.encode())} bytes",
            why=f"1 to {IDENTITY_LENGTH} are possible",
            remedy=remedy,
        )
    if not _KEY.fullmatch(key) or len(key) // 2 not in PSK_LENGTHS:
        raise BundleError(f"the key in {path} is not {PSK_LENGTHS[0]} to {PSK_LENGTHS[-1]} bytes in hex", remedy=remedy)
    return SharedKey(identity, bytes.fromhex(key))


def _read_secret(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        # The open file is asked, not the path: nobody can change what it names in between.
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise TrustError(
                f"the PSK file {path} can be read or changed by others (mode {mode:04o})",
                why="whoever reads the key is the device, and may have done so",
                remedy=f"chmod 600 {shlex.quote(str(path))}; a new key: revoke the device, and add it again with --psk",
            )
        return file.read(_LONGEST_FILE + 1)
