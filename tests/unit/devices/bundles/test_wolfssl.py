from __future__ import annotations

from dataclasses import replace

import bundle_credentials
from sealmq.devices.bundles.c_literals import read_literals
from sealmq.devices.bundles.wolfssl import WolfSSL


def test_the_arrays_have_the_names_of_certs_test_h() -> None:
    device = bundle_credentials.with_two_roots()
    files = {file.name: file.content for file in WolfSSL().files(device)}
    public = read_literals(files["mqtt_credentials.h"])
    assert (public["ca_ecc_cert_der_256"], public["ca_ecc_cert_2_der_256"]) == device.root_ders
    assert public["cliecc_cert_der_256"] == device.leaf_der
    assert read_literals(files["mqtt_private_key.h"]) == {"ecc_clikey_der_256": device.key_sec1_der}
    assert b"static const int sizeof_cliecc_cert_der_256 = sizeof(cliecc_cert_der_256);" in files["mqtt_credentials.h"]


def test_an_address_is_not_sent_as_a_server_name() -> None:
    """RFC 6066 section 3: literal IPv4 and IPv6 addresses are not permitted in server_name."""
    device = replace(bundle_credentials.credentials(), host="192.168.1.10")
    public = read_literals(WolfSSL().files(device)[0].content)
    assert public["MQTT_HOST_IS_ADDRESS"] == b"1"
