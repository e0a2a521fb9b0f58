"""What is embedded and what the source looks for have to agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.esp_idf import TARGET
from sealmq.devices.bundles.target import File
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


def changed(name: str, old: bytes, new: bytes) -> list[File]:
    """The files of a bundle, and in one of them `new` in place of `old`."""
    files = TARGET.files(OURS)
    assert any(file.name.endswith(name) and old in file.content for file in files)
    return [
        replace(file, content=file.content.replace(old, new)) if file.name.endswith(name) else file for file in files
    ]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("CMakeLists.txt", b"sealmq_root.pem", b"sealmq_toor.pem"),
        ("CMakeLists.txt", b' "sealmq_device.key"', b""),
        (".c", b"_binary_sealmq_device_pem_start", b"_binary_device_pem_start"),
        (".c", b"broker.example", b"broker.elsewhere"),
        (".c", b"8883", b"1883"),
        (".c", b'"sensor-1"', b'"sensor-2"'),
        (".h", b"mqtt_client.h", b"mqtt_server.h"),
        (".yml", b"espressif/mqtt", b"somebody/mqtt"),
    ],
)
def test_a_component_that_would_not_build_or_connect_elsewhere_is_refused(name: str, old: bytes, new: bytes) -> None:
    TARGET.check(TARGET.files(OURS), OURS)
    with pytest.raises(BundleError):
        TARGET.check(changed(name, old, new), OURS)


def test_without_a_key_the_readme_says_where_it_goes() -> None:
    assert "as `sealmq_device.key`" in TARGET.readme(bundle_credentials.without_key())
    assert "as `sealmq_device.key`" not in TARGET.readme(OURS)
