"""esp-idf: a component that embeds the credentials in the firmware and fills in esp-mqtt's configuration.

Rule 1: PEM is embedded with EMBED_TXTFILES, which puts a NUL behind it; then esp-mqtt wants a length of 0.
Rule 2: the files have names of their own: the linker's symbols come from them, and `root.pem` is in many projects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sealmq.devices.bundles.c_literals import expect_literals, heading, number_macro, string_macro
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Target, content_of, expect
from sealmq.errors import BundleError

COMPONENT: Final = "sealmq_credentials"

_ROOT, _LEAF, _KEY = "sealmq_root.pem", "sealmq_device.pem", "sealmq_device.key"
_SOURCE = f"{COMPONENT}/{COMPONENT}.c"
_HEADER = f"{COMPONENT}/include/{COMPONENT}.h"
_CMAKE = f"{COMPONENT}/CMakeLists.txt"
_MANIFEST = f"{COMPONENT}/idf_component.yml"

_CMAKE_TEXT = f"""idf_component_register(
    SRCS "{COMPONENT}.c"
    INCLUDE_DIRS "include"
    REQUIRES mqtt
    EMBED_TXTFILES "{_ROOT}" "{_LEAF}" "{_KEY}")
"""

# From ESP-IDF 6 on esp-mqtt is a component of its own; before, this dependency is part of ESP-IDF and not fetched.
_MANIFEST_TEXT = """dependencies:
  espressif/mqtt:
    version: "*"
    rules:
      - if: "idf_version >=6.0"
"""

_HEADER_TEXT = """#pragma once

#include "mqtt_client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fill in where the broker is, whom to trust and who this device is. Everything else of `config` is left alone. */
void sealmq_credentials(esp_mqtt_client_config_t *config);

#ifdef __cplusplus
}
#endif
"""

_SOURCE_TEXT = """#include "sealmq_credentials.h"

#include "esp_idf_version.h"

extern const char root_pem[] asm("_binary_sealmq_root_pem_start");
extern const char device_pem[] asm("_binary_sealmq_device_pem_start");
extern const char device_key[] asm("_binary_sealmq_device_key_start");

void sealmq_credentials(esp_mqtt_client_config_t *config)
{
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 0, 0)
    config->broker.address.hostname = SEALMQ_HOST;
    config->broker.address.port = SEALMQ_PORT;
    config->broker.address.transport = MQTT_TRANSPORT_OVER_SSL;
    config->broker.verification.certificate = root_pem; /* ends with a NUL: its length stays 0 */
    config->credentials.client_id = SEALMQ_CLIENT_ID;
    config->credentials.authentication.certificate = device_pem;
    config->credentials.authentication.key = device_key;
#else
    config->host = SEALMQ_HOST;
    config->port = SEALMQ_PORT;
    config->transport = MQTT_TRANSPORT_OVER_SSL;
    config->cert_pem = root_pem;
    config->client_id = SEALMQ_CLIENT_ID;
    config->client_cert_pem = device_pem;
    config->client_key_pem = device_key;
#endif
}
"""


class EspIdf(Target):
    """A folder for `components/` of a project."""

    name = "esp-idf"
    title = "ESP-IDF: a component with embedded PEM that fills in esp-mqtt's configuration"

    def files(self, credentials: Credentials) -> list[File]:
        """The component; without a key it does not build until the key is put into it."""
        macros = (
            string_macro("SEALMQ_HOST", credentials.host)
            + number_macro("SEALMQ_PORT", credentials.port)
            + string_macro("SEALMQ_CLIENT_ID", credentials.name)
        )
        what = heading(credentials, "Credentials for esp-mqtt.", private=False)
        first, _, rest = _SOURCE_TEXT.partition("extern")
        files = [
            File(_CMAKE, _CMAKE_TEXT.encode()),
            File(_MANIFEST, _MANIFEST_TEXT.encode()),
            File(_HEADER, _HEADER_TEXT.encode()),
            File(_SOURCE, f"{what}{first}{macros}\nextern{rest}".encode()),
            File(f"{COMPONENT}/{_ROOT}", credentials.root_pem),
            File(f"{COMPONENT}/{_LEAF}", credentials.leaf_pem),
        ]
        if credentials.key_sec1_pem is not None:
            files.append(File(f"{COMPONENT}/{_KEY}", credentials.key_sec1_pem, private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """Where the folder goes, and the three lines that use it."""
        missing = (
            ""
            if credentials.key is not None
            else f"""The device keeps its private key: put it into `{COMPONENT}/` as `{_KEY}` (PEM, not
encrypted). Without it the project does not build.

"""
        )
        return f"""# {credentials.name}: an ESP-IDF component

{missing}Copy `{COMPONENT}/` into `components/` of the project, add `{COMPONENT}` to `REQUIRES` of `main`, and:

    #include "{COMPONENT}.h"

    esp_mqtt_client_config_t config = {{0}};
    sealmq_credentials(&config);
    esp_mqtt_client_handle_t client = esp_mqtt_client_init(&config);
    esp_mqtt_client_start(client);
    /* after MQTT_EVENT_CONNECTED: */
    esp_mqtt_client_publish(client, "devices/{credentials.name}/temp", "21.5", 0, 1, 0);

It builds with ESP-IDF 4.4, 5 and 6. The broker is `{credentials.host}`, port {credentials.port}.

## Traps

- PEM is embedded by `EMBED_TXTFILES` and ends with a NUL: leave esp-mqtt's `_len` fields at 0. With `EMBED_FILES`
  there is no NUL, and Mbed TLS says -0x2180.
- esp-mqtt compares the host name with the broker's certificate: never set `skip_cert_common_name_check`.
- A broker that is dialled by its address needs Mbed TLS 3.5 (ESP-IDF 5.2) to find it in the certificate; dial a name.
- Dates are compared with the clock only where `CONFIG_MBEDTLS_HAVE_TIME_DATE` is set; then set the clock (SNTP) first.
- A handshake takes about 40 kB of heap; less with `CONFIG_MBEDTLS_DYNAMIC_BUFFER` or `max_record` of the broker.
- **The private key is part of the firmware image**: one image for each device. For a fleet take the targets `esp-nvs`
  or `esp-secure-cert`: one image for all, and a partition for each.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """What is embedded are the credentials, under the names that the source looks for."""
        expect(_ROOT, content_of(files, f"{COMPONENT}/{_ROOT}"), credentials.root_pem)
        expect(_LEAF, content_of(files, f"{COMPONENT}/{_LEAF}"), credentials.leaf_pem)
        if credentials.key is not None:
            expect(_KEY, content_of(files, f"{COMPONENT}/{_KEY}"), credentials.key_sec1_pem)
        source = content_of(files, _SOURCE)
        wanted = {
            "SEALMQ_HOST": credentials.host.encode(),
            "SEALMQ_PORT": b"%d" % credentials.port,
            "SEALMQ_CLIENT_ID": credentials.name.encode(),
        }
        expect_literals(files, _SOURCE, wanted)
        embedded = re.findall(r'"(sealmq_[\w.]+)"', content_of(files, _CMAKE).decode().partition("EMBED_TXTFILES")[2])
        symbols = {f"_binary_{re.sub(r'[^0-9A-Za-z]', '_', name)}_start" for name in embedded}
        if symbols != set(re.findall(r'asm\("(\w+)"\)', source.decode())) or len(symbols) != 3:
            raise BundleError(f"{_SOURCE} looks for other files than {_CMAKE} embeds")
        expect(_HEADER, content_of(files, _HEADER), _HEADER_TEXT.encode())
        expect(_MANIFEST, content_of(files, _MANIFEST), _MANIFEST_TEXT.encode())


TARGET = EspIdf()
