"""C headers with a PSK, for Mbed TLS, wolfSSL and every other library: the key apart from what anybody may see."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    byte_array,
    expect_literals,
    guarded,
    number_macro,
    string_macro,
)
from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.target import README, File
from sealmq.pki.peer import day

PSK_HEADER = "mqtt_psk.h"
"""The header that may not be shown: so it can be left out."""

_README = """# {name}: C headers with a PSK

For the broker `{host}:{port}` (TLS {min_tls} or newer). The key counts until {until}; `manifest.json` has the sum of
every file.

| name | file | |
| --- | --- | --- |
| `MQTT_PSK` | `mqtt_psk.h` | the key: pass `sizeof MQTT_PSK` |
| `MQTT_PSK_IDENTITY` | `mqtt_credentials.h` | the name that goes with it, sent in the clear |
| `MQTT_HOST`, `MQTT_PORT`, `MQTT_CLIENT_ID` | `mqtt_credentials.h` | |

Mbed TLS 2.28 and 3:

    mbedtls_ssl_conf_psk(&conf, MQTT_PSK, sizeof MQTT_PSK,
                         (const unsigned char *) MQTT_PSK_IDENTITY, sizeof MQTT_PSK_IDENTITY - 1);

with `MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED` and `MBEDTLS_CHACHAPOLY_C` for TLS 1.2.

wolfSSL, built without `NO_PSK` (`--enable-psk`):

    static unsigned int psk(WOLFSSL *tls, const char *hint, char *identity, unsigned int room,
                            unsigned char *key, unsigned int key_room)
    {{
        (void) tls; (void) hint;
        if (room < sizeof MQTT_PSK_IDENTITY || key_room < sizeof MQTT_PSK) return 0;
        memcpy(identity, MQTT_PSK_IDENTITY, sizeof MQTT_PSK_IDENTITY);
        memcpy(key, MQTT_PSK, sizeof MQTT_PSK);
        return sizeof MQTT_PSK;
    }}
    wolfSSL_CTX_set_psk_client_callback(context, psk);

- Offer cipher suites with a PSK alone (ECDHE-PSK), and leave the verification of certificates on
  (`MBEDTLS_SSL_VERIFY_REQUIRED`, `WOLFSSL_VERIFY_PEER`) without any root: or somebody who does not know the key may
  show any certificate instead, and is believed.
- `mqtt_psk.h` and `psk.txt` hold the key: whoever has it is the device, and can pose as the broker towards it. They
  stay out of git (`.gitignore`). Each device has its own: read it out of one, and one is lost.
- Take ECDHE-PSK or DHE-PSK, and not plain PSK: with that, whoever gets the key later reads what was recorded before.
"""


def c_headers(credentials: PSKCredentials) -> list[File]:
    """README.md, one header that may be shown to anybody, and one that may not."""
    about = [f"Device {credentials.name}", f"PSK {credentials.serial}, until {day(credentials.not_after)}"]
    warning = "SECRET: the pre-shared key. Whoever has it is the device. Do not commit it."
    shown = [
        _comment("MQTT over TLS with a PSK: where the broker is, and who we are.", *about),
        string_macro("MQTT_HOST", credentials.host),
        number_macro("MQTT_PORT", credentials.port),
        string_macro("MQTT_CLIENT_ID", credentials.name),
        string_macro("MQTT_PSK_IDENTITY", credentials.name),
    ]
    hidden = [_comment("MQTT over TLS with a PSK: what proves both sides.", *about, warning)]
    hidden.append(byte_array("MQTT_PSK", credentials.key))
    readme = _README.format(
        name=credentials.name,
        host=credentials.host,
        port=credentials.port,
        min_tls=credentials.min_tls,
        until=day(credentials.not_after),
    )
    return [
        File(README, readme.encode()),
        File(CREDENTIALS, guarded("MQTT_CREDENTIALS_H", shown).encode()),
        File(PSK_HEADER, guarded("MQTT_PSK_H", hidden).encode(), private=True),
    ]


def check_headers(files: Sequence[File], credentials: PSKCredentials) -> None:
    """Read the headers as a compiler would, and compare each literal. Raises BundleError."""
    shown = {
        "MQTT_HOST": credentials.host.encode(),
        "MQTT_PORT": str(credentials.port).encode(),
        "MQTT_CLIENT_ID": credentials.name.encode(),
        "MQTT_PSK_IDENTITY": credentials.name.encode(),
    }
    expect_literals(files, CREDENTIALS, shown)
    expect_literals(files, PSK_HEADER, {"MQTT_PSK": credentials.key})


def _comment(*lines: str) -> str:
    return "/*\n" + "".join(f" * {line}\n" for line in lines) + " */\n"
