"""The flow; whether Node-RED runs it is tested with Node-RED itself (tests/interop)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.node_red import FLOW, TARGET
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"verifyservercert": true', b'"verifyservercert": false'),
        (b'"usetls": true', b'"usetls": false'),
        (b'"broker": "broker.example"', b'"broker": "broker.elsewhere"'),
        (b'"8883"', b'"1883"'),
        (b"/device.key", b"/other.key"),
        (b'"sealmq-debug"\n', b'"sealmq-bug"\n'),
        (b'"tls-config"', b'"tls-config'),
    ],
)
def test_a_flow_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, FLOW)
    changed = [replace(file, content=file.content.replace(old, new)) if file.name == FLOW else file for file in files]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)


def test_the_flow_holds_no_certificate_and_no_key() -> None:
    nodes = json.loads(content_of(TARGET.files(OURS), FLOW))
    assert not any("credentials" in node for node in nodes)
    assert len({node["id"] for node in nodes}) == len(nodes)
