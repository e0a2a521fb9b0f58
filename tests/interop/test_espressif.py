"""Bundles for the ESP32 family, read by Espressif's own tools and by a C compiler."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import bundle_credentials
from live_bundles import vendor, write_live_bundle
from running import program, run
from sealmq.devices.bundles.esp_nvs import PARTITION_BYTES
from sealmq.devices.bundles.esp_secure_cert import read_image

pytestmark = pytest.mark.interop

BOTH = pytest.mark.parametrize(
    "credentials",
    [bundle_credentials.credentials(), bundle_credentials.with_two_roots()],
    ids=["one root", "two roots"],
)


def test_espressifs_tool_makes_the_same_secure_cert_image_of_our_csv(tmp_path: Path) -> None:
    bundle = write_live_bundle("esp-secure-cert", bundle_credentials.credentials(), tmp_path / "bundle")
    python, tool = vendor("venv/bin/python"), vendor("venv/bin/configure_esp_secure_cert.py")
    options = ["--target_chip", "esp32c3", "--skip_flash", "--secure_cert_type", "cust_flash_tlv"]
    run([python, tool, *options, "--esp_secure_cert_csv", "esp_secure_cert_config.csv"], cwd=bundle)
    theirs = (bundle / "esp_secure_cert_data" / "esp_secure_cert.bin").read_bytes()
    assert theirs == (bundle / "esp_secure_cert.bin").read_bytes()


@BOTH
def test_espressifs_parser_finds_every_entry_valid(tmp_path: Path, credentials: bundle_credentials.Credentials) -> None:
    bundle = write_live_bundle("esp-secure-cert", credentials, tmp_path / "bundle")
    script = "import sys; from esp_secure_cert.tlv_parser import process_tlv_entries; process_tlv_entries(sys.argv[1])"
    image = bundle / "esp_secure_cert.bin"
    said = run([vendor("venv/bin/python"), "-c", script, image]).stdout
    assert re.findall(r"TLV Entry #\d: ESP_SECURE_CERT_(\w+)_TLV", said) == [
        "CA_CERT",
        "DEV_CERT",
        "PRIV_KEY",
        "INTEGRITY",
    ]
    assert said.count("✓ VALID") == 4
    assert "INVALID" not in said
    assert "Software-based (Plaintext)" in said
    damaged = bytearray(image.read_bytes())
    damaged[100] ^= 1
    (tmp_path / "damaged.bin").write_bytes(damaged)
    assert "✗ INVALID" in run([vendor("venv/bin/python"), "-c", script, tmp_path / "damaged.bin"]).stdout


def test_an_image_of_espressifs_tool_is_read_by_ours(tmp_path: Path) -> None:
    """The other way round, with DER and another order: what their tool makes, our reader understands."""
    bundle = write_live_bundle("esp-secure-cert", bundle_credentials.credentials(), tmp_path / "bundle")
    table = bundle / "esp_secure_cert_config.csv"
    lines = table.read_text().splitlines()
    (bundle / "device.der").write_bytes(bundle_credentials.credentials().leaf_der)
    table.write_text("\n".join([lines[0], lines[3], lines[2].replace("device.pem", "device.der"), lines[1]]) + "\n")
    python, tool = vendor("venv/bin/python"), vendor("venv/bin/configure_esp_secure_cert.py")
    options = ["--target_chip", "esp32c3", "--skip_flash", "--secure_cert_type", "cust_flash_tlv"]
    run([python, tool, *options, "--esp_secure_cert_csv", table], cwd=bundle)
    entries = read_image((bundle / "esp_secure_cert_data" / "esp_secure_cert.bin").read_bytes())
    assert [entry.type for entry in entries] == [2, 1, 0]
    assert entries[1].value == bundle_credentials.credentials().leaf_der


@BOTH
def test_espressifs_generator_makes_the_same_nvs_image_of_our_csv(
    tmp_path: Path, credentials: bundle_credentials.Credentials
) -> None:
    longest = replace(credentials, host="h" * 250)
    bundle = write_live_bundle("esp-nvs", longest, tmp_path / "bundle")
    generator = [vendor("venv/bin/python"), "-m", "esp_idf_nvs_partition_gen", "generate"]
    run([*generator, "nvs_certs.csv", "theirs.bin", hex(PARTITION_BYTES)], cwd=bundle)
    assert (bundle / "theirs.bin").read_bytes() == (bundle / "nvs.bin").read_bytes()


ESP_MQTT_5 = """#pragma once
#include <stddef.h>
#include <stdint.h>
typedef enum { MQTT_TRANSPORT_UNKNOWN, MQTT_TRANSPORT_OVER_TCP, MQTT_TRANSPORT_OVER_SSL } esp_mqtt_transport_t;
typedef struct {
    struct {
        struct { const char *uri, *hostname; esp_mqtt_transport_t transport; const char *path; uint32_t port; } address;
        struct { const char *certificate; size_t certificate_len; } verification;
    } broker;
    struct {
        const char *client_id;
        struct { const char *certificate; size_t certificate_len; const char *key; size_t key_len; } authentication;
    } credentials;
} esp_mqtt_client_config_t;
#define HOST broker.address.hostname
#define PORT broker.address.port
#define TRANSPORT broker.address.transport
#define ROOT broker.verification.certificate
#define ROOT_LEN broker.verification.certificate_len
#define CLIENT_ID credentials.client_id
#define CERTIFICATE credentials.authentication.certificate
#define KEY credentials.authentication.key
"""

ESP_MQTT_4 = """#pragma once
#include <stddef.h>
#include <stdint.h>
typedef enum { MQTT_TRANSPORT_UNKNOWN, MQTT_TRANSPORT_OVER_TCP, MQTT_TRANSPORT_OVER_SSL } esp_mqtt_transport_t;
typedef struct {
    const char *host, *uri;
    uint32_t port;
    const char *client_id, *cert_pem;
    size_t cert_len;
    const char *client_cert_pem;
    size_t client_cert_len;
    const char *client_key_pem;
    size_t client_key_len;
    esp_mqtt_transport_t transport;
} esp_mqtt_client_config_t;
#define HOST host
#define PORT port
#define TRANSPORT transport
#define ROOT cert_pem
#define ROOT_LEN cert_len
#define CLIENT_ID client_id
#define CERTIFICATE client_cert_pem
#define KEY client_key_pem
"""

MAIN = """#include "sealmq_credentials.h"
#include <stdio.h>
int main(void)
{
    esp_mqtt_client_config_t config = {0};
    sealmq_credentials(&config);
    printf("%s %u %d %zu %s\\n", config.HOST, (unsigned)config.PORT, config.TRANSPORT == MQTT_TRANSPORT_OVER_SSL,
           config.ROOT_LEN, config.CLIENT_ID);
    printf("%s%s%s", config.ROOT, config.CERTIFICATE, config.KEY);
    return 0;
}
"""


@pytest.mark.parametrize(("header", "version"), [(ESP_MQTT_4, 4), (ESP_MQTT_5, 5)], ids=["ESP-IDF 4", "ESP-IDF 5"])
def test_the_component_is_built_as_esp_idf_builds_it_and_fills_in_the_configuration(
    tmp_path: Path, header: str, version: int
) -> None:
    """esp-mqtt's structure with the fields that matter here; EMBED_TXTFILES is .incbin and a NUL, as in ESP-IDF."""
    device = bundle_credentials.with_two_roots()
    bundle = write_live_bundle("esp-idf", device, tmp_path / "bundle") / "sealmq_credentials"
    (tmp_path / "mqtt_client.h").write_text(header)
    (tmp_path / "esp_idf_version.h").write_text(
        "#define ESP_IDF_VERSION_VAL(a, b, c) (((a) << 16) | ((b) << 8) | (c))\n"
        f"#define ESP_IDF_VERSION ESP_IDF_VERSION_VAL({version}, 1, 0)\n"
    )
    (tmp_path / "main.c").write_text(MAIN)
    embedded = re.findall(r'"(sealmq_\w+\.(?:pem|key))"', (bundle / "CMakeLists.txt").read_text())
    assert len(embedded) == 3
    (tmp_path / "embedded.S").write_text(
        ".section .rodata\n"
        + "".join(
            f".global _binary_{name.replace('.', '_')}_start\n_binary_{name.replace('.', '_')}_start:\n"
            f'.incbin "{bundle / name}"\n.byte 0\n'
            for name in embedded
        )
        + '.section .note.GNU-stack,"",%progbits\n'
    )
    gcc = [program("gcc", "gcc"), "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-I", tmp_path, "-I", bundle / "include"]
    sources = [tmp_path / "main.c", tmp_path / "embedded.S", bundle / "sealmq_credentials.c"]
    run([*gcc, *sources, "-o", tmp_path / "main"])
    first, _, rest = run([tmp_path / "main"]).stdout.partition("\n")
    assert first == "broker.example 8883 1 0 sensor-1"
    assert device.key_sec1_pem is not None
    assert rest.encode() == device.root_pem + device.leaf_pem + device.key_sec1_pem
