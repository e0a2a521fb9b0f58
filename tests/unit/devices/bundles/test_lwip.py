from __future__ import annotations

import bundle_credentials
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.lwip import LwIP


def test_the_macros_have_the_names_of_pico_examples() -> None:
    device = bundle_credentials.with_two_roots()
    files = {file.name: file.content for file in LwIP().files(device)}
    public = read_literals(files["mqtt_credentials.h"])
    assert (public["TLS_ROOT_CERT"], public["TLS_CLIENT_CERT"]) == (device.root_pem, device.leaf_pem)
    assert read_literals(files["mqtt_private_key.h"]) == {"TLS_CLIENT_KEY": device.key_sec1_pem}
    assert files["mqtt_client.inc"].endswith(b'#include "mqtt_credentials.h"\n#include "mqtt_private_key.h"\n')
    assert (
        b"mqtt_private_key"
        not in {file.name: file.content for file in LwIP().files(bundle_credentials.without_key())}["mqtt_client.inc"]
    )


def test_lwip_is_told_to_verify() -> None:
    files = {file.name: file.content for file in LwIP().files(bundle_credentials.credentials())}
    assert b"#define ALTCP_MBEDTLS_AUTHMODE MBEDTLS_SSL_VERIFY_REQUIRED\n" in files["lwipopts_tls.h"]
    assert b"#error" in files["tls_setup.c"]
