"""PEM files that several targets have."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.errors import BundleError


def test_each_file_is_read_back() -> None:
    device = bundle_credentials.with_two_roots()
    files = [*certificate_files(device), *key_files(device)]
    assert [(file.name, file.private) for file in files] == [
        *(("root.pem", False), ("device.pem", False), ("device.key", True)),
    ]
    expect_pem_files(files, device)
    for at, file in enumerate(files):
        damaged = [*files[:at], replace(file, content=file.content + b"\n"), *files[at + 1 :]]
        with pytest.raises(BundleError, match=file.name):
            expect_pem_files(damaged, device)
        with pytest.raises(BundleError, match="missing"):
            expect_pem_files([each for each in files if each != file], device)


def test_a_key_that_is_not_here_is_no_file() -> None:
    device = bundle_credentials.without_key()
    assert key_files(device) == []
    expect_pem_files(certificate_files(device), device)
