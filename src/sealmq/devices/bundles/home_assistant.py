"""home-assistant: the three files that its MQTT integration asks for, and what to type into which field.

Home Assistant keeps its broker in the user interface, not in YAML. It reads the files with `cryptography` and OpenSSL,
so that any kind of key will do; the client certificate must come first in its file, and the key must have no password.
"""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target


class HomeAssistant(Target):
    """Three PEM files to be uploaded."""

    name = "home-assistant"
    title = "Home Assistant: the files that its MQTT integration uploads"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Root, certificate and key: one for each field."""
        return [*certificate_files(credentials), *key_files(credentials)]

    def readme(self, credentials: Credentials) -> str:
        """The form, field by field, and the access rule that Home Assistant needs."""
        name = credentials.name
        key = f"`{KEY_FILE}`" if credentials.key is not None else "the device's private key, PEM, which lies elsewhere"
        return f"""# {name}: Home Assistant

Settings > Devices & services > Add integration > MQTT > enter the broker's settings by hand. Switch on the advanced
options, then:

| field | value |
| --- | --- |
| Broker | `{credentials.host}` |
| Port | `{credentials.port}` |
| Username, Password | leave empty: the certificate says who it is |
| Client ID | leave empty, or `{name}` |
| Use a client certificate | on |
| Upload client certificate file | `{LEAF_FILE}` |
| Upload private key file | {key} |
| Broker certificate validation | Custom |
| Upload custom CA certificate file | `{ROOT_FILE}` |
| Ignore broker certificate validation | **off** |
| MQTT protocol | 5 |
| MQTT transport | TCP |

## What it may do

The rules of the first start let a device speak and listen below `devices/{name}/` alone. Home Assistant wants to hear
everybody, and discovery needs its topics. In `sealmq.toml`, then `sealmq reload`:

    [[access]]
    device = "{name}"
    allow = ["publish", "subscribe"]
    topics = ["homeassistant/#", "devices/#"]

`sealmq access check {name} subscribe homeassistant/#` says what comes of it. What announces itself to Home Assistant
must be allowed to publish below `homeassistant/` too.

## Traps

- The broker's name must be one that its certificate has: `{credentials.host}`.
- Home Assistant copies the files when the form is sent. After a renewal, upload them again: Reconfigure.
- Delete these files afterwards: whoever has `{KEY_FILE}` is Home Assistant.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """PEM is parsed for every target; what remains is that each file is the one that its name says."""
        expect_pem_files(files, credentials)


TARGET = HomeAssistant()
