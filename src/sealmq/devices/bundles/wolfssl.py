"""wolfSSL: DER under the names of its own certs_test.h, and the calls that set TLS up."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.addresses import is_address
from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_header import broker_macros, broker_values
from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    KEY,
    byte_array,
    credentials_header,
    expect_literals,
    key_header,
    number_macro,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import File, Limits, Target

KEY_NAME = "ecc_clikey_der_256"
SNIPPETS = ("tls_setup.c", "tls_setup.h")


class WolfSSL(Target):
    """Headers that can stand in for certs_test.h, and tls_setup.c."""

    name = "wolfssl"
    title = "wolfSSL: C headers and tls_setup.c"
    limits = Limits(keys=("P-256", "RSA-2048"))

    def files(self, credentials: Credentials) -> list[File]:
        """The headers and the snippet that uses them."""
        parts = [
            broker_macros(credentials),
            number_macro("MQTT_HOST_IS_ADDRESS", int(is_address(credentials.host))),
            *(_array(name, der) for name, der in _certificates(credentials).items()),
        ]
        if len(credentials.root_ders) > 1:
            parts.insert(2, "#define MQTT_HAS_ROOT_CERT_2\n")
        files = [credentials_header(credentials, *parts)]
        files += [snippet("wolfssl", name) for name in SNIPPETS]
        if credentials.key_sec1_der is not None:
            files.append(key_header(credentials, _array(KEY_NAME, credentials.key_sec1_der)))
        return files

    def readme(self, credentials: Credentials) -> str:
        """The calls, the options, and what its error numbers mean."""
        return f"""{notes.title(credentials, "wolfSSL")}
    #include "mqtt_credentials.h"
    #include "mqtt_private_key.h"
    #include "tls_setup.h"

    WOLFSSL_CTX *context = tls_context({KEY_NAME}, sizeof_{KEY_NAME});
    WOLFSSL *tls = tls_connection(context);
    wolfSSL_set_fd(tls, socket);          /* or wolfSSL_SSLSetIORecv and wolfSSL_SSLSetIOSend */
    int done = wolfSSL_connect(tls);      /* WOLFSSL_SUCCESS, or ask wolfSSL_get_error(tls, done) */

The arrays have the names of wolfSSL's certs_test.h (USE_CERT_BUFFERS_256), each with its `sizeof_...`: example code
that includes that file takes these instead.

- DER: `WOLFSSL_FILETYPE_ASN1`. (PEM would be `WOLFSSL_FILETYPE_PEM`, its length without the NUL.)
- `WOLFSSL_VERIFY_PEER` (`wolfSSL_CTX_set_verify`) and `wolfSSL_check_domain_name` are both needed, and both set.
{notes.name_check(credentials)}
{notes.clock(credentials, "`XTIME`, and no `NO_ASN_TIME`, which would skip every date.")}
{notes.secret(credentials, KEY, "Pass its DER to `tls_context`, or use a key in hardware with wolfSSL's callbacks.")}
{notes.sizes(credentials)}
- Build with `HAVE_ECC` (P-256), `HAVE_SNI`, `HAVE_SUPPORTED_CURVES`, `WOLFSSL_TLS13` and `ECC_TIMING_RESISTANT`.
- Small memory: `HAVE_MAX_FRAGMENT` and `wolfSSL_UseMaxFragment(tls, WOLFSSL_MFL_2_10)`: the broker honours it.

| error | what it means |
| --- | --- |
| -155, -188 | the broker's certificate does not lead to this root |
| -150, -151 | before or after the certificate's dates: set the clock |
| -322 | the certificate is for another name than `{credentials.host}` |
| -308, -313 | the broker closed, or sent an alert: its log says why |
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        address = b"1" if is_address(credentials.host) else b"0"
        wanted = broker_values(credentials) | {"MQTT_HOST_IS_ADDRESS": address} | _certificates(credentials)
        expect_literals(files, CREDENTIALS, wanted)
        expect_snippets(files, "wolfssl", *SNIPPETS)
        if credentials.key_sec1_der is not None:
            expect_literals(files, KEY, {KEY_NAME: credentials.key_sec1_der})


def _certificates(credentials: Credentials) -> dict[str, bytes]:
    values = {"ca_ecc_cert_der_256": credentials.root_ders[0]}
    values |= {f"ca_ecc_cert_{at}_der_256": der for at, der in enumerate(credentials.root_ders[1:], 2)}
    return values | {"cliecc_cert_der_256": credentials.leaf_der}


def _array(name: str, der: bytes) -> str:
    return f"{byte_array(name, der)}static const int sizeof_{name} = sizeof({name});\n"


TARGET = WolfSSL()
