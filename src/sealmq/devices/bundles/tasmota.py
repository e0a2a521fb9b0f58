"""tasmota: console commands with the device's key and certificate, and headers that build our root into Tasmota.

Tasmota has BearSSL, cut down (lib/lib_ssl). What it takes, by its sources of October 2025 and later:

Rule 1: `TLSKey1` is the base64 of 32 octets, the secret number of a P-256 key; no PEM, no PKCS#8, no SEC1.
Rule 2: `TLSKey2` is the base64 of one certificate, DER. Key and certificate share 960 octets of flash, each at an
        address that 4 divides. There is no room for a chain: SealMQ needs none.
Rule 3: the root is compiled in, as name and public key; no command adds one. Fingerprints (SetOption132 1) are of one
        server key, and end with it, so they are not used here.
Rule 4: the server's certificate may be ECDSA since 15.1.0.1, with SetOption165 1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from sealmq.devices.bundles.c_literals import byte_array, expect_literals, heading, number_macro, string_macro
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError
from sealmq.pki.anchors import trust_anchor
from sealmq.pki.containers import private_scalar

DATA: Final = "tasmota/include/local_ca_data.h"
DESCRIPTOR: Final = "tasmota/include/local_ca_descriptor.h"
OVERRIDE: Final = "tasmota/user_config_override.h"
COMMANDS: Final = "commands.txt"
KEY_COMMANDS: Final = "key_commands.txt"

STORE_BYTES: Final = 1024 - 64
"""Octets that Tasmota keeps for key and certificate: a block of 1024, without its directory of 64."""

_KEY_BYTES = 32
_LEAST_CERTIFICATE = 257  # Tasmota takes less for a mistake

_DESCRIPTOR = """{
\t{ (unsigned char *)TA%(n)d_DN, sizeof TA%(n)d_DN },
\tBR_X509_TA_CA,
\t{
\t\tBR_KEYTYPE_EC,
\t\t{ .ec = { BR_EC_secp256r1, (unsigned char *)TA%(n)d_EC_Q, sizeof TA%(n)d_EC_Q } }
\t}
}"""

_OVERRIDE = """#ifndef USE_MQTT_TLS
#define USE_MQTT_TLS
#endif
#define USE_MQTT_TLS_ECDSA /* the broker's certificate is ECDSA */
#define USE_MQTT_CLIENT_CERT /* TLSKey1 and TLSKey2 */
#define INCLUDE_LOCAL_CERT /* local_ca_data.h and local_ca_descriptor.h */
#define OMIT_LETS_ENCRYPT_CERT
#define OMIT_AWS_CERT
#undef MQTT_TLS_ENABLED
#define MQTT_TLS_ENABLED true
#undef MQTT_HOST
%(host)s#undef MQTT_PORT
%(port)s"""


class Tasmota(Target):
    """Three headers for the build, and the commands that are typed into each device's console."""

    name = "tasmota"
    title = "Tasmota: console commands with key and certificate, headers with the root"
    limits = Limits(newest_tls="1.2")  # BearSSL

    def files(self, credentials: Credentials) -> list[File]:
        """The headers are the same for a whole fleet; the commands are this device's."""
        anchors = [trust_anchor(root) for root in credentials.root_ders]
        arrays = [
            byte_array(f"PROGMEM TA{number}_{what}", data)
            for number, anchor in enumerate(anchors)
            for what, data in (("DN", anchor.name), ("EC_Q", anchor.point))
        ]
        what = heading(
            credentials, "The root as Tasmota's BearSSL wants it: its name and its public key.", private=False
        )
        descriptors = ",\n".join(_DESCRIPTOR % {"n": number} for number in range(len(anchors)))
        override = _OVERRIDE % {
            "host": string_macro("MQTT_HOST", credentials.host),
            "port": number_macro("MQTT_PORT", credentials.port),
        }
        files = [
            File(DATA, (what + "\n" + "\n".join(arrays)).encode()),
            File(DESCRIPTOR, (descriptors + "\n").encode()),
            File(OVERRIDE, override.encode()),
            File(COMMANDS, _commands(credentials)),
        ]
        if credentials.key is not None:
            secret = base64.b64encode(private_scalar(credentials.key))
            files.append(File(KEY_COMMANDS, b"TLSKey1 " + secret + b"\n", private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """Build, type, restart; what the numbers of its errors mean."""
        name = credentials.name
        own = (
            f"`{KEY_COMMANDS}` (`TLSKey1`: the private key)"
            if credentials.key is not None
            else "`TLSKey1` with the base64 of the 32 octets of the device's private key, which is not here"
        )
        return f"""# {name}: Tasmota

Tasmota's ready-made binaries trust Let's Encrypt and Amazon, and take no client certificates. So it is built once for
the fleet, with our root in it: Tasmota 15.2 or newer, from its sources.

1. Copy `tasmota/include/*.h` into the source tree, and `tasmota/user_config_override.h` likewise; if you have one, add
   these lines to it. Build for your chip (`pio run -e tasmota32`; for the ESP8266 `-e tasmota`), and flash.
2. Type into the console of the device, one line after the other: {own}, then
   `{COMMANDS}`. The order matters: `TLSKey1` removes the certificate.
3. It restarts. The log says `MQT: Connected`, and SealMQ's `{name} connected`.

## Access

Tasmota speaks below `cmnd/TOPIC`, `stat/TOPIC` and `tele/TOPIC`. `{COMMANDS}` sets its topic to `{name}` and puts
the device's own level in front (`FullTopic devices/{name}/%prefix%/`), so that SealMQ's rules of the first start hold.
Group topics and `tasmota/discovery` lie elsewhere: `SetOption19 0` with a rule of your own, or leave them.

## Traps

- Key and certificate share {STORE_BYTES} octets: no chain. This certificate has {len(credentials.leaf_der)}.
- `MqttPassword` must not be empty, although it is not sent where it says nothing: older versions never connect then.
- `SetOption132 0` checks the certificate by our root. Do not switch to fingerprints: they end with the broker's key.
- The clock comes from NTP at the start; without it the error is 54.
- Buffers have 1024 (ESP8266) or 2048 octets. SealMQ grants short records, so longer messages come in several.
- TLS 1.2 alone: the broker must not have `profile = "modern"`.
- Host names only: BearSSL finds no addresses in a certificate.

| TLS connection error | what it means |
| --- | --- |
| -1003, 298 | no key or no certificate stored: type `TLSKey1`, `TLSKey2` again |
| 54 | the clock is wrong, or a certificate is over |
| 56 | `{credentials.host}` is not in the broker's certificate |
| 62 | the broker's certificate does not lead to the root that was built in |
| 296 | `SetOption165` is 0: the broker's certificate is ECDSA |
| 300, 301, 304 | revoked, expired, or of another SealMQ |
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Headers are read back as C; base64 is decoded and measured as Tasmota does."""
        anchors = [trust_anchor(root) for root in credentials.root_ders]
        wanted = {f"TA{number}_DN": anchor.name for number, anchor in enumerate(anchors)}
        wanted |= {f"TA{number}_EC_Q": anchor.point for number, anchor in enumerate(anchors)}
        expect_literals(files, DATA, wanted)
        used = set(re.findall(r"\bTA\d+_\w+", content_of(files, DESCRIPTOR).decode()))
        if used != set(wanted):
            raise BundleError(f"{DESCRIPTOR} names other arrays than {DATA} has")
        override = {"MQTT_HOST": credentials.host.encode(), "MQTT_PORT": b"%d" % credentials.port}
        expect_literals(files, OVERRIDE, override)
        commands = _read_commands(content_of(files, COMMANDS))
        certificate = _decoded(commands, "TLSKey2")
        expect("TLSKey2", certificate, credentials.leaf_der)
        if not _LEAST_CERTIFICATE <= len(certificate) <= STORE_BYTES - _KEY_BYTES:
            raise BundleError("the certificate does not fit into Tasmota", why=f"{len(certificate)} bytes")
        expect("MqttHost", commands.get("MqttHost", "").encode(), credentials.host.encode())
        expect("MqttPort", commands.get("MqttPort", "").encode(), str(credentials.port).encode())
        if credentials.key is not None:
            secret = _decoded(_read_commands(content_of(files, KEY_COMMANDS)), "TLSKey1")
            expect("TLSKey1", secret, private_scalar(credentials.key))


def _commands(credentials: Credentials) -> bytes:
    """One command a line. The last restarts: each before would, after a second or two, but Backlog waits for all."""
    name = credentials.name
    settings = (
        "SetOption103 1",
        "SetOption132 0",
        "SetOption165 1",
        f"MqttHost {credentials.host}",
        f"MqttPort {credentials.port}",
        f"MqttClient {name}",
        f"Topic {name}",
        f"FullTopic devices/{name}/%prefix%/",
        "Restart 1",
    )
    certificate = base64.b64encode(credentials.leaf_der).decode()
    return f"TLSKey2 {certificate}\nBacklog {'; '.join(settings)}\n".encode()


def _read_commands(content: bytes) -> dict[str, str]:
    """Each command with what follows it, those behind Backlog too."""
    lines = content.decode().splitlines()
    commands = [each.strip() for line in lines for each in line.removeprefix("Backlog ").split(";")]
    return {name: value for name, _, value in (command.partition(" ") for command in commands)}


def _decoded(commands: dict[str, str], name: str) -> bytes:
    try:
        return base64.b64decode(commands[name], validate=True)
    except (KeyError, binascii.Error) as error:
        raise BundleError(f"{name} is missing, or not base64") from error


TARGET = Tasmota()
