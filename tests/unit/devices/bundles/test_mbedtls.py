from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.mbedtls import MbedTLS


def test_the_headers_are_der_for_flash() -> None:
    device = bundle_credentials.credentials()
    files = {file.name: file.content for file in MbedTLS().files(device)}
    assert list(files) == ["mqtt_credentials.h", "tls_setup.c", "tls_setup.h", "mqtt_private_key.h"]
    assert not [name for name in read_literals(files["mqtt_credentials.h"]) if name.endswith("PEM")]
    assert read_literals(files["mqtt_private_key.h"]) == {"MQTT_PRIVATE_KEY_DER": device.key_sec1_der}


def test_the_snippet_verifies_the_broker_and_its_name() -> None:
    files = {file.name: file.content for file in MbedTLS().files(bundle_credentials.without_key())}
    assert "mqtt_private_key.h" not in files
    assert b"MBEDTLS_SSL_VERIFY_REQUIRED" in files["tls_setup.c"]
    assert b"mbedtls_ssl_set_hostname(&tls->ssl, MQTT_HOST)" in files["tls_setup.c"]
