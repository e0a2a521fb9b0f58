"""Plain C headers, for any TLS library: the credentials as PEM and as DER, the key apart."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_literals import (
    CREDENTIALS,
    KEY,
    byte_array,
    credentials_header,
    expect_literals,
    key_header,
    number_macro,
    string_macro,
    text_array,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target


class CHeader(Target):
    """Two headers: one that may be shown to anybody, one that may not."""

    name = "c-header"
    title = "C headers with PEM and DER, for any TLS library"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Roots, certificate and broker in one header, the key in another, so that it can be left out."""
        header = credentials_header(
            credentials,
            broker_macros(credentials),
            text_array("MQTT_ROOT_CERT_PEM", credentials.root_pem),
            text_array("MQTT_DEVICE_CERT_PEM", credentials.leaf_pem),
            der_arrays(credentials),
        )
        files = [header]
        if credentials.key_sec1_pem is not None and credentials.key_sec1_der is not None:
            files.append(
                key_header(
                    credentials,
                    text_array("MQTT_PRIVATE_KEY_PEM", credentials.key_sec1_pem),
                    byte_array("MQTT_PRIVATE_KEY_DER", credentials.key_sec1_der),
                )
            )
        return files

    def readme(self, credentials: Credentials) -> str:
        """Which of the two forms, and which length."""
        return f"""{notes.title(credentials, "C headers")}
| name | file | length to pass |
| --- | --- | --- |
| `MQTT_ROOT_CERT_PEM`, `MQTT_DEVICE_CERT_PEM` | `{CREDENTIALS}` | see below |
| `MQTT_ROOT_CERT_DER` (`_2_DER`: a second root), `MQTT_DEVICE_CERT_DER` | `{CREDENTIALS}` | `sizeof NAME` |
| `MQTT_PRIVATE_KEY_PEM` | `{KEY}` | see below |
| `MQTT_PRIVATE_KEY_DER` (SEC1) | `{KEY}` | `sizeof NAME` |
| `MQTT_HOST`, `MQTT_PORT`, `MQTT_CLIENT_ID` | `{CREDENTIALS}` | |

- Include each header in one C file only: the arrays are `static const`. What is not used is not linked.
- The length of PEM: Mbed TLS wants the NUL counted (`sizeof NAME`), or it takes PEM for DER and fails with -0x2180.
  wolfSSL, CycloneSSL and BearSSL want it left out (`sizeof NAME - 1`). DER has no NUL, and is a third shorter.
- Never pass `strlen` of DER or `sizeof` of a pointer.
{notes.sizes(credentials)}
{notes.secret(credentials, KEY, "Pass that key where the private key is asked for.")}
{notes.name_check(credentials)}
{notes.clock(credentials, "most libraries check no date without one, or refuse every certificate.")}
- AVR alone needs PROGMEM; everywhere else `const` keeps the arrays in flash.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Read the headers as a compiler would, and compare each literal."""
        wanted = broker_values(credentials) | der_values(credentials)
        wanted |= {"MQTT_ROOT_CERT_PEM": credentials.root_pem, "MQTT_DEVICE_CERT_PEM": credentials.leaf_pem}
        expect_literals(files, CREDENTIALS, wanted)
        if credentials.key_sec1_pem is not None and credentials.key_sec1_der is not None:
            key = {"MQTT_PRIVATE_KEY_PEM": credentials.key_sec1_pem, "MQTT_PRIVATE_KEY_DER": credentials.key_sec1_der}
            expect_literals(files, KEY, key)


def broker_macros(credentials: Credentials) -> str:
    """Where the broker is, and what the device calls itself."""
    return (
        string_macro("MQTT_HOST", credentials.host)
        + number_macro("MQTT_PORT", credentials.port)
        + string_macro("MQTT_CLIENT_ID", credentials.name)
    )


def broker_values(credentials: Credentials) -> dict[str, bytes]:
    """What `broker_macros` must say when it is read back."""
    return {
        "MQTT_HOST": credentials.host.encode(),
        "MQTT_PORT": str(credentials.port).encode(),
        "MQTT_CLIENT_ID": credentials.name.encode(),
    }


def der_arrays(credentials: Credentials) -> str:
    """Roots and certificate as arrays; MQTT_HAS_ROOT_CERT_2 says that there are two roots."""
    parts = [byte_array(name, der) for name, der in der_values(credentials).items()]
    if len(credentials.root_ders) > 1:
        parts.insert(0, "#define MQTT_HAS_ROOT_CERT_2\n")
    return "\n".join(parts)


def der_values(credentials: Credentials) -> dict[str, bytes]:
    """The arrays of `der_arrays` by name."""
    values = {"MQTT_ROOT_CERT_DER": credentials.root_ders[0]}
    values |= {f"MQTT_ROOT_CERT_{at}_DER": der for at, der in enumerate(credentials.root_ders[1:], 2)}
    return values | {"MQTT_DEVICE_CERT_DER": credentials.leaf_der}


TARGET = CHeader()
