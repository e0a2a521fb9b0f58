"""The label; zbarimg reads it in tests/interop, as a telephone would."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.qr import LABEL, TARGET, TEXT, draw_label, label_uri
from sealmq.devices.bundles.target import content_of
from sealmq.devices.bundles.verifying import holds_key
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


def test_the_uri_says_who_where_and_whom_to_trust() -> None:
    uri = label_uri("sensor-1", "broker.example", 8883, roots=["00" * 32], key="ff" * 32, token="a token")
    assert uri == f"sealmq:sensor-1?broker=broker.example:8883&root={'A' * 43}&key={'_' * 42}8&token=a+token"


def test_the_private_key_is_in_no_file() -> None:
    assert OURS.key is not None
    assert not any(holds_key(file.content, OURS.key) for file in make_bundle(TARGET, OURS).files)


def test_a_token_makes_the_label_a_secret() -> None:
    device = replace(OURS, enrollment_token="one-time-token")
    bundle = make_bundle(TARGET, device)
    assert {file.name for file in bundle.files if file.private} == {LABEL, TEXT}
    assert b"token=one-time-token" in content_of(bundle.files, TEXT)
    assert not any(file.private for file in make_bundle(TARGET, OURS).files)
    assert "one-time-token" not in repr(device)


def test_every_module_that_was_painted_over_is_noticed() -> None:
    files = TARGET.files(OURS)
    label = content_of(files, LABEL).decode()
    start = label.index(' d="') + 4
    runs = label[start : label.index('"', start)].split("z")[:-1]
    for run in runs[:: len(runs) // 40]:
        painted = label.replace(run + "z", "", 1).encode()
        with pytest.raises(BundleError, match="does not show"):
            TARGET.check([replace(file, content=painted) if file.name == LABEL else file for file in files], OURS)


def test_a_drawing_that_is_none_is_refused() -> None:
    files = TARGET.files(OURS)
    for content in (b"", b"<svg/>", b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h1v1h-1z"/></svg>'):
        with pytest.raises(BundleError):
            TARGET.check([replace(file, content=content) if file.name == LABEL else file for file in files], OURS)


def test_text_below_the_code_cannot_become_markup() -> None:
    assert "&lt;script&gt;" in draw_label("sealmq:x", ["<script>"])
