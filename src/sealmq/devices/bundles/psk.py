"""Bundles of a device with a pre-shared key (PSK): for targets whose TLS library takes one by an option or two calls.

No target of certificates is used: there is nothing of one in these files, and whoever prepares one has nothing to check
the other by. The key is in files that are marked private, and in no other; each is read back and compared.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealmq.bundle import PSK_FILE, psk_line, read_psk
from sealmq.devices.bundles.bundle import Bundle, gitignores
from sealmq.devices.bundles.manifest import check_against_manifest, manifest_of, moment
from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.psk_headers import c_headers, check_headers
from sealmq.devices.bundles.psk_mosquitto import check_mosquitto, mosquitto_files
from sealmq.devices.bundles.target import File, content_of, expect
from sealmq.devices.bundles.targets import TARGETS, find_target
from sealmq.devices.psks import PSKs
from sealmq.devices.records import DeviceRecord
from sealmq.devices.registry import Registry
from sealmq.errors import BundleError, EnrollmentError, TrustError


@dataclass(frozen=True, slots=True)
class _Kind:
    """files: README.md first. check: reads them back; raises BundleError."""

    files: Callable[[PSKCredentials], list[File]]
    check: Callable[[Sequence[File], PSKCredentials], None]


_KINDS: Final = {
    "c-header": _Kind(c_headers, check_headers),
    "mbedtls": _Kind(c_headers, check_headers),
    "mosquitto": _Kind(mosquitto_files, check_mosquitto),
    "wolfssl": _Kind(c_headers, check_headers),
}

PSK_TARGETS: Final = tuple(_KINDS)
"""The targets for which such bundles are made."""


def check_takes_psk(target: str) -> None:
    """Raise BundleError unless a bundle with a PSK can be made for this target."""
    find_target(target)
    if target not in _KINDS:
        near = difflib.get_close_matches(target, PSK_TARGETS, n=1)
        raise BundleError(
            f"there is no {target} bundle with a PSK",
            why=f"they are made for {', '.join(PSK_TARGETS)}",
            remedy=f"--target {near[0] if near else 'c-header'}, or give the device a certificate",
        )


def gather_psk(registry: Registry, folder: Path, device: DeviceRecord, *, now: float) -> tuple[bytes, float]:
    """The key of a device, and until when it counts; of a device that has its files here, what stands in them.

    Raises EnrollmentError when its key opens nothing, TrustError when its file cannot be read or is another key.
    """
    if device.state != "active":
        raise EnrollmentError(
            f"'{device.name}' is revoked", why="its PSK opens nothing", remedy=f"sealmq device add {device.name} --psk"
        )
    psks = PSKs(registry)
    record = psks.proved(device.name, now)
    key = psks.key(record.serial)
    file = folder / PSK_FILE
    if key is None or (file.exists() and read_psk(file).key != key):
        raise TrustError(
            f"{file} and the registry have not the same key of '{device.name}'",
            why="an older registry or another file was put in its place",
            remedy=f"sealmq device revoke {device.name}, then sealmq device add {device.name} --psk",
        )
    return key, record.not_after


def make_psk_bundle(target: str, credentials: PSKCredentials) -> Bundle:
    """Make a bundle and check it. Raises BundleError."""
    check_takes_psk(target)
    kind = _KINDS[target]
    readme, *others = kind.files(credentials)
    others.append(File(PSK_FILE, psk_line(credentials.name, credentials.key), private=True))
    files = [readme, *gitignores(others), *others]
    files.append(manifest_of(_facts(target, credentials), files))
    secret = credentials.key.hex().encode()
    for file in files:
        if not file.private and (secret in file.content.lower() or credentials.key in file.content):
            raise BundleError(f"{file.name} holds the key and is not marked so")
    expect(PSK_FILE, content_of(files, PSK_FILE), psk_line(credentials.name, credentials.key))
    kind.check(files, credentials)
    check_against_manifest(files)
    return Bundle(TARGETS[target], tuple(files))


def _facts(target: str, credentials: PSKCredentials) -> dict[str, object]:
    return {
        "made_by": f"SealMQ {credentials.version}".rstrip(),
        "made": moment(credentials.now),
        "target": target,
        "device": credentials.name,
        "serial": credentials.serial,
        "psk_identity": credentials.name,
        "not_after": moment(credentials.not_after),
        "key": "PSK",
        "key_included": True,
        "broker": {"host": credentials.host, "port": credentials.port, "min_tls": credentials.min_tls},
    }
