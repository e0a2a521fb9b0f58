from __future__ import annotations

import pytest

import bundle_credentials
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem import PEM
from sealmq.devices.bundles.target import File
from sealmq.errors import BundleError


class Elsewhere(PEM):
    """Keys in two folders, one of them locked."""

    def files(self, credentials: Credentials) -> list[File]:
        key = credentials.key_pkcs8_pem
        assert key is not None
        locked = File("main/certs/locked", b"locked", private=True, password="opens it")
        return [*super().files(credentials), File("main/certs/device.key", key, private=True), locked]


class Careless(PEM):
    """A target with a mistake: its key is not marked."""

    def files(self, credentials: Credentials) -> list[File]:
        return [File(file.name, file.content) for file in super().files(credentials)]


def test_a_bundle_has_readme_manifest_and_what_git_must_leave_out() -> None:
    bundle = make_bundle(Elsewhere(), bundle_credentials.credentials())
    names = [file.name for file in bundle.files]
    assert names[0] == "README.md"
    assert names[-1] == "manifest.json"
    ignored = {file.name: file.content for file in bundle.files if file.name.endswith(".gitignore")}
    assert ignored == {
        ".gitignore": b"# Private keys.\ndevice.key\ndevice.ec.key\n",
        "main/certs/.gitignore": b"# Private keys.\ndevice.key\nlocked\n",
    }
    assert bundle.passwords == {"main/certs/locked": "opens it"}


def test_a_targets_mistake_is_found_before_anything_is_written() -> None:
    with pytest.raises(BundleError, match=r"device\.key holds the private key and is not marked so"):
        make_bundle(Careless(), bundle_credentials.credentials())
