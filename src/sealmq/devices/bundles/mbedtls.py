"""Mbed TLS 2.x, 3.x and 4.x: DER that stays in flash, and the calls that set TLS up."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_header import broker_macros, broker_values, der_arrays, der_values
from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    KEY,
    byte_array,
    credentials_header,
    expect_literals,
    key_header,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target

SNIPPETS = ("tls_setup.c", "tls_setup.h")


class MbedTLS(Target):
    """Headers with DER, and tls_setup.c for all three generations of the library."""

    name = "mbedtls"
    title = "Mbed TLS 2, 3 or 4: C headers and tls_setup.c"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """The headers and the snippet that uses them."""
        header = credentials_header(
            credentials,
            broker_macros(credentials),
            der_arrays(credentials),
        )
        files = [header]
        files += [snippet("mbedtls", name) for name in SNIPPETS]
        if credentials.key_sec1_der is not None:
            files.append(key_header(credentials, byte_array("MQTT_PRIVATE_KEY_DER", credentials.key_sec1_der)))
        return files

    def readme(self, credentials: Credentials) -> str:
        """The calls, the configuration, and what its error numbers mean."""
        return f"""{notes.title(credentials, "Mbed TLS")}
    #include "mqtt_credentials.h"
    #include "mqtt_private_key.h"
    #include "tls_setup.h"

    static struct tls_setup tls;
    int error = tls_setup(&tls, MQTT_PRIVATE_KEY_DER, sizeof MQTT_PRIVATE_KEY_DER);
    mbedtls_ssl_set_bio(&tls.ssl, &socket, send, receive, NULL);
    /* mbedtls_ssl_handshake until it is 0, then mbedtls_ssl_write and mbedtls_ssl_read */

Compile `tls_setup.c` with your project. It serves Mbed TLS 2.7 to 4.x; where they differ, the version decides.

- The arrays are DER: pass `sizeof NAME`. (With PEM `sizeof` would have to count the NUL; else -0x2180.)
- `MBEDTLS_SSL_VERIFY_REQUIRED` and `mbedtls_ssl_set_hostname` are both needed, and both are set.
{notes.name_check(credentials)}
{notes.clock(credentials, "`MBEDTLS_HAVE_TIME_DATE`, or no date is checked.")}
{notes.secret(credentials, KEY, "Pass its DER (SEC1 or PKCS#8) to `tls_setup`, or its PEM with the NUL counted.")}
{notes.sizes(credentials)}
{notes.small_records()}
  `tls_setup.c` asks for it where `MBEDTLS_SSL_IN_CONTENT_LEN` is small. It belongs to TLS 1.2: with TLS 1.3 keep
  16 KiB, or have the broker send less at a time (`max_record` under `[tls]`).
- Enough: `MBEDTLS_ECP_DP_SECP256R1_ENABLED`, `MBEDTLS_ECDSA_C`, `MBEDTLS_ECDH_C`, `MBEDTLS_SHA256_C`,
  `MBEDTLS_GCM_C` and `MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED` (Mbed TLS 4: their PSA_WANT_ names). RSA and PEM may
  be left out.
- Stack: 8 KiB for the handshake. Heap: two record buffers and 10 to 15 kB.

| error | what it means |
| --- | --- |
| -0x2180 | what was passed is no certificate: a wrong length, or PEM without its NUL |
| -0x2700 | the broker was not verified: name, root or date; or the heap ran out meanwhile |
| -0x5D80 | `mbedtls_ssl_set_hostname` was not called (3.6.3 and newer) |
| -0x7080 | a message in several records, which Mbed TLS up to 3.6.2 can't join: the receive buffer is too small |
| -0x7200 | a record was larger than the receive buffer |
| -0x7280 | the broker closed; or it is a port without TLS |
| -0x7780 | the broker sent an alert; its log says why |
| -0x7F00 | the heap is too small |
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        expect_literals(files, CREDENTIALS, broker_values(credentials) | der_values(credentials))
        expect_snippets(files, "mbedtls", *SNIPPETS)
        if credentials.key_sec1_der is not None:
            expect_literals(files, KEY, {"MQTT_PRIVATE_KEY_DER": credentials.key_sec1_der})


TARGET = MbedTLS()
