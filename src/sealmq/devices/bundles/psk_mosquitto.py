"""mosquitto with a PSK: options for mosquitto_pub and mosquitto_sub in files, and bridge.conf.

Rule: the key is never an option of a command: every user of a machine can read the commands that run on it. Both
programs read `$XDG_CONFIG_HOME/mosquitto_pub` (or _sub), a line for each option; the scripts say where that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sealmq.devices.bundles.psk_credentials import PSKCredentials
from sealmq.devices.bundles.target import README, File, content_of
from sealmq.errors import BundleError
from sealmq.pki.peer import day

BRIDGE: Final = "bridge.conf"
OPTIONS: Final = "options"
PROGRAMS: Final = ("mosquitto_pub", "mosquitto_sub")

_SCRIPT = """#!/bin/sh
# {program} as {name}; its options may follow. Broker and key are in {options}/{program}.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit
XDG_CONFIG_HOME="$here/{options}" exec {program} "$@"
"""

_OPTIONS = """-h {host}
-p {port}
--psk-identity {name}
--psk {key}
"""

_BRIDGE = """# A bridge from this mosquitto to SealMQ, as the device {name}. SECRET: the key is in it.
# What is published here below to-sealmq/ goes to devices/{name}/ there; what is published there below
# devices/{name}/from-sealmq/ comes here below from-sealmq/.
connection {name}
address {host}:{port}
bridge_identity {name}
bridge_psk {key}
remote_clientid {name}
topic # out 1 to-sealmq/ devices/{name}/
topic # in 1 from-sealmq/ devices/{name}/from-sealmq/
cleansession false
try_private false
bridge_protocol_version mqttv311
notifications_local_only true
restart_timeout 1 30
"""

_README = """# {name}: mosquitto with a PSK

For the broker `{host}:{port}` (TLS {min_tls} or newer). The key counts until {until}; `manifest.json` has the sum of
every file.

    sh mosquitto_sub.sh -t 'devices/{name}/#' -v
    sh mosquitto_pub.sh -t devices/{name}/temp -m 21.5 -q 1

- `{options}/`, `{bridge}` and `psk.txt` hold the key: whoever has it is the device, and can pose as the broker towards
  it. They stay out of git (`.gitignore`), and are for their owner alone.
- Never write `--psk` on a command line: every user of the machine can read it there.
- `psk.txt` is in the form of mosquitto's `psk_file`.
- The bridge: `sudo install -o mosquitto -m 0600 {bridge} /etc/mosquitto/conf.d/sealmq-{name}.conf`, then
  `sudo systemctl restart mosquitto`. What is published to the local mosquitto below `to-sealmq/` goes to
  `devices/{name}/`, at QoS 1; what is published in SealMQ below `devices/{name}/from-sealmq/` comes back.
"""


def mosquitto_files(credentials: PSKCredentials) -> list[File]:
    """README.md, two scripts with their options, and bridge.conf. Raises BundleError for a host that cannot stand in
    them."""
    if any(character.isspace() for character in credentials.host):
        raise BundleError(f"{credentials.host!r} cannot stand in {BRIDGE}")
    said = {
        "name": credentials.name,
        "host": credentials.host,
        "port": credentials.port,
        "key": credentials.key.hex(),
        "options": OPTIONS,
        "bridge": BRIDGE,
        "until": day(credentials.not_after),
        "min_tls": credentials.min_tls,
    }
    scripts = [
        File(f"{program}.sh", _SCRIPT.format(program=program, name=credentials.name, options=OPTIONS).encode())
        for program in PROGRAMS
    ]
    options = [File(f"{OPTIONS}/{program}", _OPTIONS.format(**said).encode(), private=True) for program in PROGRAMS]
    readme = File(README, _README.format(**said).encode())
    return [readme, *scripts, *options, File(BRIDGE, _BRIDGE.format(**said).encode(), private=True)]


def check_mosquitto(files: Sequence[File], credentials: PSKCredentials) -> None:
    """Read the options and bridge.conf as mosquitto does. Raises BundleError."""
    wanted = {
        "-h": credentials.host,
        "-p": str(credentials.port),
        "--psk-identity": credentials.name,
        "--psk": credentials.key.hex(),
    }
    for program in PROGRAMS:
        name = f"{OPTIONS}/{program}"
        if _pairs(content_of(files, name)) != wanted:
            raise BundleError(f"{name} does not start {program} as this device")
    bridge = {
        "connection": credentials.name,
        "remote_clientid": credentials.name,
        "address": f"{credentials.host}:{credentials.port}",
        "bridge_identity": credentials.name,
        "bridge_psk": credentials.key.hex(),
    }
    if bridge.items() - _pairs(content_of(files, BRIDGE)).items():
        raise BundleError(f"{BRIDGE} does not connect as this device")


def _pairs(content: bytes) -> dict[str, str]:
    lines = [line for line in content.decode().splitlines() if not line.startswith(("#", "topic "))]
    return dict(line.split(" ", 1) for line in lines)
