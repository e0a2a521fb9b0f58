"""The sketch and its headers; g++ compiles them in tests/interop."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.arduino_esp32 import CERTIFICATES, INO, KEY, TARGET
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (CERTIFICATES, b"broker.example", b"broker.elsewhere"),
        (CERTIFICATES, b"PORT 8883", b"PORT 1883"),
        (CERTIFICATES, b"SEALMQ_ROOT[]", b"SEALMQ_TOOR[]"),
        (KEY, b"SEALMQ_KEY[]", b"SEALMQ_YEK[]"),
        (INO, b"setCACert(SEALMQ_ROOT)", b"setInsecure()"),
    ],
)
def test_a_sketch_that_was_changed_is_refused(name: str, old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, name)
    changed = [replace(file, content=file.content.replace(old, new)) if file.name == name else file for file in files]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)


def test_the_key_has_a_header_of_its_own() -> None:
    files = TARGET.files(OURS)
    assert set(read_literals(content_of(files, KEY))) == {"SEALMQ_KEY"}
    assert [file.name for file in files if file.private] == [KEY]


def test_the_folder_has_the_name_of_its_sketch() -> None:
    folder, _, sketch = INO.partition("/")
    assert sketch == f"{folder}.ino"


def test_without_a_key_the_readme_shows_the_header_that_is_missing() -> None:
    assert 'static const char SEALMQ_KEY[] =\n        "-----BEGIN EC PRIVATE KEY-----\\n"' in TARGET.readme(
        bundle_credentials.without_key()
    )
