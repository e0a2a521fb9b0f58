"""manifest.json: what a bundle holds, so that whoever gets it can tell whether it is whole, and until when it is good.

It holds no secret: fingerprints of roots and sums of files, and which of them are to be kept secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Target
from sealmq.errors import BundleError
from sealmq.pki.peer import identify_certificate

MANIFEST: Final = "manifest.json"
"""Its name in every bundle."""

FORMAT: Final = 1
"""Changes when a reader of manifests has to change."""


def write_manifest(target: Target, credentials: Credentials, files: Sequence[File]) -> File:
    """The manifest of these files (README.md among them, itself not)."""
    leaf = credentials.leaf
    facts: dict[str, object] = {
        "made_by": f"SealMQ {credentials.version}".rstrip(),
        "made": moment(credentials.now),
        "target": target.name,
        "device": credentials.name,
        "serial": leaf.serial,
        "certificate_sha256": leaf.fingerprint,
        "not_after": moment(leaf.not_after),
        "key": credentials.key_algorithm,
        "key_included": credentials.key is not None,
        "broker": {"host": credentials.host, "port": credentials.port, "min_tls": credentials.min_tls},
        "roots": [_root(each) for each in credentials.root_ders],
    }
    return manifest_of(facts, files)


def manifest_of(facts: Mapping[str, object], files: Sequence[File]) -> File:
    """A manifest that says this of the bundle, and lists these files."""
    listed = [
        {
            "name": file.name,
            "bytes": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "private": file.private,
        }
        for file in files
    ]
    manifest = {"format": FORMAT, **facts, "files": listed}
    return File(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def check_against_manifest(files: Sequence[File]) -> None:
    """Raise BundleError unless the files are exactly those of the manifest among them, to the byte."""
    by_name = {file.name: file.content for file in files}
    if MANIFEST not in by_name:
        raise BundleError(f"{MANIFEST} is missing from the bundle")
    listed = _listed(by_name.pop(MANIFEST))
    if missing := sorted(listed.keys() - by_name.keys()):
        raise BundleError(f"{missing[0]} is missing from the bundle")
    if strange := sorted(by_name.keys() - listed.keys()):
        raise BundleError(f"{strange[0]} is not in the manifest")
    for name, content in by_name.items():
        if (len(content), hashlib.sha256(content).hexdigest()) != listed[name]:
            raise BundleError(f"{name} is not the file that the manifest names", why="it was changed or cut short")


def _listed(content: bytes) -> dict[str, tuple[int, str]]:
    try:
        manifest: dict[str, Any] = json.loads(content)
        if manifest["format"] != FORMAT:
            raise BundleError(f"{MANIFEST} has format {manifest['format']!r}", why=f"format {FORMAT} can be read")
        return {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{MANIFEST} cannot be read", why=str(error)) from error


def _root(der: bytes) -> dict[str, str]:
    root = identify_certificate(der)
    return {"name": root.common_name, "sha256": root.fingerprint, "not_after": moment(root.not_after)}


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339 writes them, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
