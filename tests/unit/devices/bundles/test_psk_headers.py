from __future__ import annotations

from dataclasses import replace

import pytest

from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.psk_headers import c_headers, check_headers
from sealmq.errors import BundleError

SMALL = PSKCredentials(
    name="small-1", host="broker.local", port=8886, key=bytes(range(32)), serial="0a", not_after=1.0, now=0.0
)


def test_the_headers_say_what_a_compiler_reads():
    files = {file.name: file for file in c_headers(SMALL)}
    assert read_literals(files["mqtt_psk.h"].content) == {"MQTT_PSK": SMALL.key}
    assert read_literals(files["mqtt_credentials.h"].content) == {
        "MQTT_HOST": b"broker.local",
        "MQTT_PORT": b"8886",
        "MQTT_CLIENT_ID": b"small-1",
        "MQTT_PSK_IDENTITY": b"small-1",
    }
    assert [name for name, file in files.items() if file.private] == ["mqtt_psk.h"]


@pytest.mark.parametrize("other", [{"key": bytes(32)}, {"name": "small-2"}, {"port": 8883}])
def test_what_says_something_else_is_found(other):
    check_headers(c_headers(SMALL), SMALL)
    with pytest.raises(BundleError):
        check_headers(c_headers(SMALL), replace(SMALL, **other))
