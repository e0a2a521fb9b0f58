"""FreeRTOS with coreMQTT and Mbed TLS: the macros of its demos, old names and new."""

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
from sealmq.devices.bundles.target import File, Limits, Target

AWS = "aws_clientcredential_keys.h"
SNIPPETS = ("tls_setup.c", "tls_setup.h")


class FreeRTOS(Target):
    """democonfig... of coreMQTT's demos, key... of the older AWS demos, and tls_setup.c."""

    name = "freertos"
    title = "FreeRTOS coreMQTT: the macros of its demos, and tls_setup.c"
    limits = Limits(keys=("P-256", "RSA-2048"))

    def files(self, credentials: Credentials) -> list[File]:
        """The headers, and the older names where the key is here to be named."""
        header = credentials_header(
            credentials,
            _broker_macros(credentials),
            text_macro("democonfigROOT_CA_PEM", credentials.root_pem),
            text_macro("democonfigCLIENT_CERTIFICATE_PEM", credentials.leaf_pem),
        )
        files = [header]
        files += [snippet("freertos", name) for name in SNIPPETS]
        if credentials.key_sec1_pem is not None:
            files.append(
                key_header(credentials, text_macro("democonfigCLIENT_PRIVATE_KEY_PEM", credentials.key_sec1_pem))
            )
            files.append(snippet("freertos", AWS))
        return files

    def readme(self, credentials: Credentials) -> str:
        """Where the headers go, the calls, the traps."""
        return f"""{notes.title(credentials, "FreeRTOS with coreMQTT")}
In `demo_config.h` include `{CREDENTIALS}` and `{KEY}` in place of the macros `democonfigROOT_CA_PEM`,
`democonfigCLIENT_CERTIFICATE_PEM`, `democonfigCLIENT_PRIVATE_KEY_PEM`, `democonfigMQTT_BROKER_ENDPOINT`,
`democonfigMQTT_BROKER_PORT` and `democonfigCLIENT_IDENTIFIER`. Older AWS demos: `{AWS}` replaces the file
of that name (`keyCLIENT_CERTIFICATE_PEM`, `keyCLIENT_PRIVATE_KEY_PEM`).

    NetworkCredentials_t credentials;
    tls_setup(&credentials, (const uint8_t *) democonfigCLIENT_PRIVATE_KEY_PEM,
              sizeof(democonfigCLIENT_PRIVATE_KEY_PEM));
    TLS_FreeRTOS_Connect(&network, democonfigMQTT_BROKER_ENDPOINT, democonfigMQTT_BROKER_PORT,
                         &credentials, 5000, 5000);

- Sizes are `sizeof`, which counts the NUL; `strlen` fails with -0x2180.
- `disableSni` must stay false: the transport gives the host name to Mbed TLS only then, and without it any certificate
  of this root would do.
- Not an AWS endpoint: define neither `democonfigUSE_AWS_IOT_CORE_BROKER` nor ALPN protocols.
{notes.name_check(credentials)}
{notes.clock(credentials, "`MBEDTLS_HAVE_TIME_DATE`, or no date is checked.")}
{notes.secret(credentials, KEY, "Give it to `tls_setup`, or use a PKCS #11 label with transport_mbedtls_pkcs11.")}
{notes.sizes(credentials)}
{notes.small_records()}
- The task that connects needs 8 KiB of stack for the handshake (`democonfigDEMO_STACKSIZE`).
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        wanted = {
            "democonfigMQTT_BROKER_ENDPOINT": credentials.host.encode(),
            "democonfigMQTT_BROKER_PORT": str(credentials.port).encode(),
            "democonfigCLIENT_IDENTIFIER": credentials.name.encode(),
            "democonfigROOT_CA_PEM": credentials.root_pem,
            "democonfigCLIENT_CERTIFICATE_PEM": credentials.leaf_pem,
        }
        expect_literals(files, CREDENTIALS, wanted)
        expect_snippets(files, "freertos", *SNIPPETS)
        if credentials.key_sec1_pem is not None:
            expect_literals(files, KEY, {"democonfigCLIENT_PRIVATE_KEY_PEM": credentials.key_sec1_pem})
            expect_snippets(files, "freertos", AWS)


def _broker_macros(credentials: Credentials) -> str:
    return (
        string_macro("democonfigMQTT_BROKER_ENDPOINT", credentials.host)
        + number_macro("democonfigMQTT_BROKER_PORT", credentials.port)
        + string_macro("democonfigCLIENT_IDENTIFIER", credentials.name)
    )


TARGET = FreeRTOS()
