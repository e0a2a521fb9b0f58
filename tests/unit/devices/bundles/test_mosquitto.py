"""Scripts and bridge.conf; whether mosquitto understands them is tested with mosquitto itself (tests/interop)."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.mosquitto import BRIDGE, PUB, SUB, TARGET
from sealmq.devices.bundles.target import content_of
from sealmq.errors import BundleError

OURS = bundle_credentials.credentials()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (PUB, b"broker.example", b"broker.elsewhere"),
        (PUB, b"exec mosquitto_pub", b"exec mosquitto_sub"),
        (PUB, b'"$@"', b'--insecure "$@"'),
        (SUB, b"--cafile", b"--capath"),
        (SUB, b"8883", b"1883"),
        (BRIDGE, b"bridge_insecure false", b"bridge_insecure true"),
        (BRIDGE, b"address broker.example:8883", b"address broker.example:1883"),
        (BRIDGE, b"remote_clientid sensor-1", b"remote_clientid sensor-2"),
    ],
)
def test_a_file_that_connects_otherwise_is_refused(name: str, old: bytes, new: bytes) -> None:
    files = TARGET.files(OURS)
    assert old in content_of(files, name)
    changed = [replace(file, content=file.content.replace(old, new)) if file.name == name else file for file in files]
    with pytest.raises(BundleError):
        TARGET.check(changed, OURS)


def test_a_host_that_a_shell_would_read_is_quoted_and_one_that_mosquitto_would_split_is_refused() -> None:
    odd = replace(OURS, host="$(reboot)")
    assert b"-h '$(reboot)' -p" in content_of(TARGET.files(odd), PUB)
    with pytest.raises(BundleError, match="cannot stand in bridge"):
        TARGET.files(replace(OURS, host="broker.example\nbridge_insecure true"))
