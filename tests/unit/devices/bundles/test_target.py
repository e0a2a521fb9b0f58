from __future__ import annotations

import pytest

from sealmq.devices.bundles.target import File, content_of, expect
from sealmq.errors import BundleError


def test_a_file_shows_neither_content_nor_password() -> None:
    shown = repr(File("device.p12", b"the secret", private=True, password="opens it"))
    assert "device.p12" in shown
    assert "secret" not in shown
    assert "opens" not in shown


def test_what_is_read_back_must_be_what_was_written() -> None:
    expect("root.pem", b"root", b"root")
    for found in (b"toor", None):
        with pytest.raises(BundleError, match=r"root\.pem does not say what it must"):
            expect("root.pem", found, b"root")
    assert content_of([File("a", b"1"), File("b", b"2")], "b") == b"2"
    with pytest.raises(BundleError, match="c is missing"):
        content_of([], "c")
