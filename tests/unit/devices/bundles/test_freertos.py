from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.freertos import FreeRTOS


def test_the_macros_have_the_names_of_the_demos_old_and_new() -> None:
    device = bundle_credentials.credentials()
    files = {file.name: file.content for file in FreeRTOS().files(device)}
    public = read_literals(files["mqtt_credentials.h"])
    assert public["democonfigROOT_CA_PEM"] == device.root_pem
    assert public["democonfigCLIENT_CERTIFICATE_PEM"] == device.leaf_pem
    assert (public["democonfigMQTT_BROKER_ENDPOINT"], public["democonfigMQTT_BROKER_PORT"]) == (
        *(b"broker.example", b"8883"),
    )
    assert read_literals(files["mqtt_private_key.h"]) == {"democonfigCLIENT_PRIVATE_KEY_PEM": device.key_sec1_pem}
    assert b"keyCLIENT_PRIVATE_KEY_PEM democonfigCLIENT_PRIVATE_KEY_PEM" in files["aws_clientcredential_keys.h"]


def test_without_a_key_nothing_names_it() -> None:
    names = [file.name for file in FreeRTOS().files(bundle_credentials.without_key())]
    assert names == ["mqtt_credentials.h", "tls_setup.c", "tls_setup.h"]
