from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.cyclonessl import CycloneSSL


def test_the_headers_are_pem() -> None:
    device = bundle_credentials.with_two_roots()
    files = {file.name: file.content for file in CycloneSSL().files(device)}
    public = read_literals(files["mqtt_credentials.h"])
    assert (public["MQTT_ROOT_CERT_PEM"], public["MQTT_DEVICE_CERT_PEM"]) == (device.root_pem, device.leaf_pem)
    assert read_literals(files["mqtt_private_key.h"]) == {"MQTT_PRIVATE_KEY_PEM": device.key_sec1_pem}
    assert b"tlsSetServerName(tls, MQTT_HOST)" in files["tls_setup.c"]
