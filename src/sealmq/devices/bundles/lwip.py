"""lwIP with altcp_tls and Mbed TLS: Raspberry Pi Pico W, MCUXpresso (FRDM-K64F), STM32Cube."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    KEY,
    credentials_header,
    expect_literals,
    key_header,
    number_macro,
    string_macro,
    text_macro,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect

PICO = "mqtt_client.inc"
SNIPPETS = ("lwipopts_tls.h", "tls_setup.c", "tls_setup.h")


class LwIP(Target):
    """The macros under the names of pico-examples, the options of lwIP, and a connect that verifies."""

    name = "lwip"
    title = "lwIP altcp_tls: Pico W, MCUXpresso (FRDM-K64F), STM32Cube"
    limits = Limits(keys=("P-256", "RSA-2048"))

    def files(self, credentials: Credentials) -> list[File]:
        """Macros of PEM: altcp_tls copies what it is given, so they may be macros."""
        header = credentials_header(
            credentials,
            _broker_macros(credentials),
            text_macro("TLS_ROOT_CERT", credentials.root_pem),
            text_macro("TLS_CLIENT_CERT", credentials.leaf_pem),
        )
        files = [header]
        files += [File(PICO, _pico_include(credentials)), *(snippet("lwip", name) for name in SNIPPETS)]
        if credentials.key_sec1_pem is not None:
            files.append(key_header(credentials, text_macro("TLS_CLIENT_KEY", credentials.key_sec1_pem)))
        return files

    def readme(self, credentials: Credentials) -> str:
        """The line that makes lwIP verify, the calls, the memory."""
        return f"""{notes.title(credentials, "lwIP with altcp_tls")}
1. In `lwipopts.h`, last: `#include "lwipopts_tls.h"`. It has the line without which lwIP talks to any broker:
   `#define ALTCP_MBEDTLS_AUTHMODE MBEDTLS_SSL_VERIFY_REQUIRED`. `tls_setup.c` does not compile without it.
2. Compile `tls_setup.c`, `altcp_tls_mbedtls.c` and `altcp_tls_mbedtls_mem.c` (lwIP, src/apps/altcp_tls).
3. Connect, in lwIP's thread or between `cyw43_arch_lwip_begin()` and `cyw43_arch_lwip_end()`:

    static const u8_t key[] = TLS_CLIENT_KEY;
    static struct mqtt_connect_client_info_t info = {{ .client_id = MQTT_CLIENT_ID, .keep_alive = 60 }};
    info.tls_config = mqtt_tls_config(key, sizeof key);   /* NULL: the heap is too small */
    mqtt_tls_connect(client, &address, connected, NULL, &info);

pico-examples (pico_w/wifi/mqtt) takes this folder as it is, and finds `{PICO}` in it:

    cmake -DMQTT_SERVER={credentials.host} -DMQTT_CERT_PATH=/path/to/this/folder ..

It dials lwIP's `MQTT_TLS_PORT`, 8883. MCUXpresso: the same calls; its lwIP has TLS in middleware/lwip/src/apps.

- Lengths are `sizeof` of an array made from the macro, so that the NUL is counted. `strlen` fails with -0x2180.
- The name to be verified is set after `mqtt_client_connect` and before lwIP runs again: `mqtt_tls_connect` does both.
{notes.name_check(credentials)}
{notes.clock(credentials, "`MBEDTLS_HAVE_TIME_DATE` and a time from SNTP, or no date is checked.")}
{notes.secret(credentials, KEY, "Give it to `mqtt_tls_config` as PEM with its NUL counted, or as DER.")}
{notes.sizes(credentials)}
- `TCP_WND` must hold a whole record: 16 KiB, or less together with `MBEDTLS_SSL_IN_CONTENT_LEN` and
  `MBEDTLS_SSL_MAX_FRAGMENT_LENGTH`; else "TCP_WND is smaller than the RX decrypion buffer" and receiving stalls.
- `MEMP_NUM_SYS_TIMEOUT` needs one more than lwIP's own. Mbed TLS takes 30 to 50 kB of heap with its usual buffers.
- Mbed TLS 2.1 of old K64F SDKs reads no PKCS#8 keys of this kind: the key is SEC1 here ("BEGIN EC PRIVATE KEY").
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        wanted = {"MQTT_SERVER": credentials.host, "MQTT_CLIENT_ID": credentials.name}
        literals = {name: text.encode() for name, text in wanted.items()} | {
            "MQTT_SERVER_PORT": str(credentials.port).encode(),
            "TLS_ROOT_CERT": credentials.root_pem,
            "TLS_CLIENT_CERT": credentials.leaf_pem,
        }
        expect_literals(files, CREDENTIALS, literals)
        expect(PICO, content_of(files, PICO), _pico_include(credentials))
        expect_snippets(files, "lwip", *SNIPPETS)
        if credentials.key_sec1_pem is not None:
            expect_literals(files, KEY, {"TLS_CLIENT_KEY": credentials.key_sec1_pem})


def _broker_macros(credentials: Credentials) -> str:
    # pico-examples gives MQTT_SERVER on the command line; MQTT_PORT is lwIP's own, of the port without TLS.
    server = string_macro("MQTT_SERVER", credentials.host)
    return (
        f"#ifndef MQTT_SERVER\n{server}#endif\n"
        + number_macro("MQTT_SERVER_PORT", credentials.port)
        + string_macro("MQTT_CLIENT_ID", credentials.name)
    )


def _pico_include(credentials: Credentials) -> bytes:
    included = [CREDENTIALS, KEY] if credentials.key is not None else [CREDENTIALS]
    lines = "".join(f'#include "{name}"\n' for name in included)
    return f"/* What pico-examples looks for (MQTT_CERT_INC). */\n{lines}".encode()


TARGET = LwIP()
