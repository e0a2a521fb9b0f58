"""The PEM files that programs on a computer read, as several targets have them: written, and read back."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, content_of, expect


def certificate_files(credentials: Credentials) -> list[File]:
    """Whom to trust, and the device's certificate."""
    return [File(ROOT_FILE, credentials.root_pem), File(LEAF_FILE, credentials.leaf_pem)]


def key_files(credentials: Credentials) -> list[File]:
    """The private key, PKCS#8; no file where the device keeps it."""
    key = credentials.key_pkcs8_pem
    return [] if key is None else [File(KEY_FILE, key, private=True)]


def expect_pem_files(files: Sequence[File], credentials: Credentials) -> None:
    """Raise BundleError unless each of these files is the one that its name says."""
    for wanted in (*certificate_files(credentials), *key_files(credentials)):
        expect(wanted.name, content_of(files, wanted.name), wanted.content)
