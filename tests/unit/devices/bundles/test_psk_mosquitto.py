from __future__ import annotations

from dataclasses import replace

import pytest

from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.psk_mosquitto import check_mosquitto, mosquitto_files
from sealmq.errors import BundleError

SMALL = PSKCredentials(
    name="small-1", host="broker.local", port=8886, key=bytes(range(32)), serial="0a", not_after=1.0, now=0.0
)


def test_the_key_is_in_no_script():
    files = {file.name: file for file in mosquitto_files(SMALL)}
    for script in ("mosquitto_pub.sh", "mosquitto_sub.sh"):
        assert b"--psk" not in files[script].content
        assert SMALL.key.hex().encode() not in files[script].content
    assert files["options/mosquitto_pub"].content.decode().splitlines() == [
        "-h broker.local",
        "-p 8886",
        "--psk-identity small-1",
        f"--psk {SMALL.key.hex()}",
    ]
    private = {name for name, file in files.items() if file.private}
    assert private == {"options/mosquitto_pub", "options/mosquitto_sub", "bridge.conf"}


@pytest.mark.parametrize("other", [{"key": bytes(32)}, {"name": "small-2"}, {"port": 8883}])
def test_what_says_something_else_is_found(other):
    check_mosquitto(mosquitto_files(SMALL), SMALL)
    with pytest.raises(BundleError):
        check_mosquitto(mosquitto_files(SMALL), replace(SMALL, **other))


def test_a_host_that_cannot_stand_there_is_refused():
    with pytest.raises(BundleError, match="cannot stand"):
        mosquitto_files(replace(SMALL, host="a b"))
