"""A bundle, made and checked: the target's files, a README, and the manifest of them all. Nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.manifest import check_against_manifest, write_manifest
from sealmq.devices.bundles.target import README, File, Target
from sealmq.devices.bundles.verifying import check_bundle, check_takes

GITIGNORE: Final = ".gitignore"
"""Stands beside every private file: most keys that get out were committed by mistake."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is handed over.

    target: for whom.
    files:  all of them, README.md, .gitignore and manifest.json too.
    """

    target: Target
    files: tuple[File, ...]

    @property
    def passwords(self) -> dict[str, str]:
        """Which password opens which file, to be shown once."""
        return {file.name: file.password for file in self.files if file.password}


def make_bundle(target: Target, credentials: Credentials) -> Bundle:
    """Make a bundle and check it. Raises BundleError when the target can't take what there is, TrustError when the
    certificates do not hold."""
    check_takes(target, credentials)
    files = target.files(credentials)
    files = [File(README, target.readme(credentials).encode()), *gitignores(files), *files]
    files.append(write_manifest(target, credentials, files))
    check_bundle(target, credentials, files)
    check_against_manifest(files)
    return Bundle(target, tuple(files))


def gitignores(files: list[File]) -> list[File]:
    """One in each folder that holds a private file: each names what lies beside it."""
    folders: dict[str, list[str]] = {}
    for file in files:
        if file.private:
            folder, _, name = file.name.rpartition("/")
            folders.setdefault(folder, []).append(name)
    return [
        File(f"{folder}/{GITIGNORE}".lstrip("/"), ("# Private keys.\n" + "\n".join(names) + "\n").encode())
        for folder, names in folders.items()
    ]
