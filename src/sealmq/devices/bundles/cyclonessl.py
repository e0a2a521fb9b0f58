"""CycloneSSL: PEM with lengths that leave the NUL out, and the calls that set TLS up."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_header import broker_macros, broker_values
from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    KEY,
    credentials_header,
    expect_literals,
    key_header,
    text_array,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import File, Limits, Target

SNIPPETS = ("tls_setup.c", "tls_setup.h")


class CycloneSSL(Target):
    """Headers with PEM, and tls_setup.c."""

    name = "cyclonessl"
    title = "CycloneSSL: C headers and tls_setup.c"
    limits = Limits(keys=("P-256", "P-384", "RSA-2048"))

    def files(self, credentials: Credentials) -> list[File]:
        """The headers and the snippet that uses them."""
        header = credentials_header(
            credentials,
            broker_macros(credentials),
            text_array("MQTT_ROOT_CERT_PEM", credentials.root_pem),
            text_array("MQTT_DEVICE_CERT_PEM", credentials.leaf_pem),
        )
        files = [header]
        files += [snippet("cyclonessl", name) for name in SNIPPETS]
        if credentials.key_sec1_pem is not None:
            files.append(key_header(credentials, text_array("MQTT_PRIVATE_KEY_PEM", credentials.key_sec1_pem)))
        return files

    def readme(self, credentials: Credentials) -> str:
        """The callback, the lengths, the clock."""
        return f"""{notes.title(credentials, "CycloneSSL")}
    #include "mqtt_credentials.h"
    #include "mqtt_private_key.h"
    #include "tls_setup.h"

    static error_t setup(MqttClientContext *client, TlsContext *tls)
    {{
        error_t error = tlsSetPrng(tls, YARROW_PRNG_ALGO, &yarrowContext);
        return error ? error : tls_setup(tls, MQTT_PRIVATE_KEY_PEM, sizeof MQTT_PRIVATE_KEY_PEM - 1);
    }}

    mqttClientSetTransportProtocol(&client, MQTT_TRANSPORT_PROTOCOL_TLS);
    mqttClientRegisterTlsInitCallback(&client, setup);

- Lengths leave the NUL out: `sizeof NAME - 1`, or `strlen`.
- `tlsSetServerName` does both: it sends the name and compares the broker's certificate with it. Without it, and without
  `tlsSetTrustedCaList`, anybody could be the broker; `tls_setup` calls both.
{notes.name_check(credentials)}
{notes.clock(credentials, "`getCurrentUnixTime` has to be yours; while it returns 0, no date is checked.")}
{notes.secret(credentials, KEY, "Give it to `tls_setup` as PEM, its NUL not counted.")}
{notes.sizes(credentials)}
- Build with `TLS_CLIENT_SUPPORT`, `TLS_ECDHE_ECDSA_KE_SUPPORT`, `TLS_ECDSA_SIGN_SUPPORT`, `TLS_SECP256R1_SUPPORT`,
  `TLS_SHA256_SUPPORT`, `TLS_AES_128_SUPPORT` and `TLS_GCM_CIPHER_SUPPORT` ENABLED; for TLS 1.3 `TLS_MAX_VERSION`.
- Small memory: `TLS_MAX_FRAG_LEN_SUPPORT` and `tlsSetMaxFragmentLength(tls, 1024)`: the broker honours it.
- Up to 2.2.0 `tlsLoadCertificate` was called `tlsAddCertificate`; `tls_setup.c` looks at the version.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        certificates = {"MQTT_ROOT_CERT_PEM": credentials.root_pem, "MQTT_DEVICE_CERT_PEM": credentials.leaf_pem}
        expect_literals(files, CREDENTIALS, broker_values(credentials) | certificates)
        expect_snippets(files, "cyclonessl", *SNIPPETS)
        if credentials.key_sec1_pem is not None:
            expect_literals(files, KEY, {"MQTT_PRIVATE_KEY_PEM": credentials.key_sec1_pem})


TARGET = CycloneSSL()
