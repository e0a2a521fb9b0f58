from __future__ import annotations

import hashlib
import json

import pytest

import bundle_credentials
from sealmq.devices.bundles.manifest import MANIFEST, check_against_manifest, write_manifest
from sealmq.devices.bundles.target import File
from sealmq.devices.bundles.targets import find_target
from sealmq.errors import BundleError

FILES = [File("root.pem", b"root\n"), File("device.key", b"key\n", private=True)]


def test_the_manifest_says_what_there_is() -> None:
    device = bundle_credentials.credentials()
    said = json.loads(write_manifest(find_target("pem"), device, FILES).content)
    assert said["files"][1] == {
        "name": "device.key",
        "bytes": 4,
        "sha256": hashlib.sha256(b"key\n").hexdigest(),
        "private": True,
    }
    assert said["broker"] == {"host": "broker.example", "port": 8883, "min_tls": "1.2"}
    assert (said["device"], said["target"], said["key"], said["key_included"]) == ("sensor-1", "pem", "P-256", True)
    assert said["serial"] == device.leaf.serial
    assert said["roots"][0]["sha256"] == device.root_fingerprints[0]
    assert said["not_after"].startswith("2028-01-1")
    assert said["made_by"] == "SealMQ 0.1.0"


def test_files_are_those_of_the_manifest_and_no_others() -> None:
    manifest = write_manifest(find_target("pem"), bundle_credentials.credentials(), FILES)
    check_against_manifest([*FILES, manifest])
    for files, words in [
        (FILES, "manifest.json is missing"),
        ([FILES[0], manifest], r"device\.key is missing"),
        ([*FILES, manifest, File("more", b"")], "more is not in the manifest"),
        ([FILES[0], File("device.key", b"kex\n"), manifest], r"device\.key is not the file"),
        ([FILES[0], File("device.key", b"key"), manifest], r"device\.key is not the file"),
    ]:
        with pytest.raises(BundleError, match=words):
            check_against_manifest(files)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1, "files": [1]}', b"\xff"])
def test_a_manifest_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match=MANIFEST):
        check_against_manifest([File(MANIFEST, content)])
