"""DER for MicroPython; whether it connects is tested with MicroPython itself (tests/interop)."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.micropython import MODULE, TARGET, TRY
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError
from sealmq.pki.containers import read_private_key

OURS = bundle_credentials.credentials()


def test_each_root_has_a_file_of_its_own() -> None:
    device = bundle_credentials.with_two_roots()
    files = TARGET.files(device)
    assert (content_of(files, "root.der"), content_of(files, "root-2.der")) == device.root_ders
    assert b'ROOTS = ("root.der", "root-2.der",)' in content_of(files, MODULE)


def test_the_key_is_der_and_nothing_follows_it() -> None:
    key = content_of(TARGET.files(OURS), "device.key.der")
    assert len(key) == 121
    assert read_private_key(key).public == OURS.key.public  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (MODULE, b"broker.example", b"broker.elsewhere"),
        (MODULE, b"8883", b"1883"),
        (MODULE, b'"root.der"', b'"toor.der"'),
        (MODULE, b"def context", b"def con text"),
        (TRY, b"0x32", b"0x30"),
    ],
)
def test_a_script_that_was_changed_is_refused(name: str, old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, name)
    changed = [replace(file, content=file.content.replace(old, new)) if file.name == name else file for file in files]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)
