"""mosquitto: two scripts that publish and subscribe as the device, and bridge.conf for a mosquitto of one's own.

Rule 1: a script finds its files by its own place, so that the folder may be moved; bridge.conf needs absolute paths.
Rule 2: nothing here has an `insecure`: the broker's certificate and host name are always checked.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles import notes
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of
from sealmq.errors import BundleError

BRIDGE: Final = "bridge.conf"
PUB: Final = "mosquitto_pub.sh"
SUB: Final = "mosquitto_sub.sh"
CERTIFICATES: Final = "/etc/mosquitto/certs"
"""Where bridge.conf expects the folder of the device."""

_SCRIPT = """#!/bin/sh
# {what}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit
exec {program} -h {host} -p {port} --cafile "$here/{root}" --cert "$here/{leaf}" --key "$here/{key}" "$@"
"""

_BRIDGE = """# A bridge from this mosquitto to SealMQ, as the device {name}.
# What is published here below to-sealmq/ goes to devices/{name}/ there; what is published there below
# devices/{name}/from-sealmq/ comes here below from-sealmq/.
connection {name}
address {address}
bridge_cafile {folder}/{root}
bridge_certfile {folder}/{leaf}
bridge_keyfile {folder}/{key}
bridge_insecure false
remote_clientid {name}
topic # out 1 to-sealmq/ devices/{name}/
topic # in 1 from-sealmq/ devices/{name}/from-sealmq/
# SealMQ keeps the session, so that nothing is lost while this side is away.
cleansession false
# Or mosquitto marks its CONNECT as one of a bridge of its own kind, which no standard knows.
try_private false
bridge_protocol_version mqttv311
# The state of the bridge is told here alone: devices may not publish below $SYS there.
notifications_local_only true
restart_timeout 1 30
"""


class Mosquitto(Target):
    """PEM files, two scripts, a bridge."""

    name = "mosquitto"
    title = "mosquitto: scripts for mosquitto_pub and mosquitto_sub, and bridge.conf"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Without a key everything is as it will be once device.key lies beside it."""
        return [
            *certificate_files(credentials),
            File(PUB, _script("mosquitto_pub", credentials)),
            File(SUB, _script("mosquitto_sub", credentials)),
            File(BRIDGE, _bridge(credentials)),
            *key_files(credentials),
        ]

    def readme(self, credentials: Credentials) -> str:
        """Two commands, and how the bridge is set up."""
        name, folder = credentials.name, f"{CERTIFICATES}/{credentials.name}"
        missing = notes.missing_key_file(credentials)
        return f"""# {name}: mosquitto

{missing}## Publish and subscribe

    sh {SUB} -t 'devices/{name}/#' -v
    sh {PUB} -t devices/{name}/temp -m 21.5 -q 1

Whatever else mosquitto_pub and mosquitto_sub understand may follow. The broker is `{credentials.host}`, port
{credentials.port}; both scripts need the package `mosquitto-clients`.

## Bridge a mosquitto to SealMQ

    sudo install -d -o mosquitto -m 0700 {folder}
    sudo install -o mosquitto -m 0600 {ROOT_FILE} {LEAF_FILE} {KEY_FILE} {folder}/
    sudo install -m 0644 {BRIDGE} /etc/mosquitto/conf.d/sealmq-{name}.conf
    sudo systemctl restart mosquitto

What is published to the local mosquitto below `to-sealmq/` goes to `devices/{name}/` in SealMQ, at QoS 1. What is
published in SealMQ below `devices/{name}/from-sealmq/` comes back below `from-sealmq/`. Other topics need a rule in
`sealmq.toml` besides the `topic` line: `sealmq access check {name} publish TOPIC` says what is allowed.

## Traps

- mosquitto reads the key as the user `mosquitto`: a key that belongs to root is "Unable to load client key file".
- A bridge keeps the certificate that it began with: after a renewal `sudo systemctl restart mosquitto`.
- Never `--insecure` or `bridge_insecure true`: the broker's certificate has its names. Dial one of them.
- One bridge for each device: a second with the same `remote_clientid` ends the first.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Scripts are split into words as a shell does, bridge.conf into lines as mosquitto does."""
        expect_pem_files(files, credentials)
        for script in (PUB, SUB):
            _check_script(script, content_of(files, script).decode(), credentials)
        _check_bridge(content_of(files, BRIDGE).decode(), credentials)


def _script(program: str, credentials: Credentials) -> bytes:
    verb = "Publish" if program == "mosquitto_pub" else "Subscribe"
    return _SCRIPT.format(
        what=f"{verb} as {credentials.name}; the options of {program} may follow.",
        program=program,
        host=shlex.quote(credentials.host),
        port=credentials.port,
        root=ROOT_FILE,
        leaf=LEAF_FILE,
        key=KEY_FILE,
    ).encode()


def _bridge(credentials: Credentials) -> bytes:
    if any(character.isspace() for character in credentials.host):
        raise BundleError(f"{credentials.host!r} cannot stand in {BRIDGE}")
    return _BRIDGE.format(
        name=credentials.name,
        address=f"{credentials.host}:{credentials.port}",
        folder=f"{CERTIFICATES}/{credentials.name}",
        root=ROOT_FILE,
        leaf=LEAF_FILE,
        key=KEY_FILE,
    ).encode()


def _check_script(name: str, text: str, credentials: Credentials) -> None:
    words = shlex.split(text.splitlines()[-1])
    options = dict(zip(words[2:-1:2], words[3:-1:2], strict=False))
    wanted = {
        "-h": credentials.host,
        "-p": str(credentials.port),
        "--cafile": f"$here/{ROOT_FILE}",
        "--cert": f"$here/{LEAF_FILE}",
        "--key": f"$here/{KEY_FILE}",
    }
    if words[:2] != ["exec", name.removesuffix(".sh")] or options != wanted or words[12:] != ["$@"]:
        raise BundleError(f"{name} does not start {name.removesuffix('.sh')} as this device")


def _check_bridge(text: str, credentials: Credentials) -> None:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    options = dict(line.split(" ", 1) for line in lines if not line.startswith("topic "))
    folder = f"{CERTIFICATES}/{credentials.name}"
    wanted = {
        "connection": credentials.name,
        "remote_clientid": credentials.name,
        "address": f"{credentials.host}:{credentials.port}",
        "bridge_cafile": f"{folder}/{ROOT_FILE}",
        "bridge_certfile": f"{folder}/{LEAF_FILE}",
        "bridge_keyfile": f"{folder}/{KEY_FILE}",
        "bridge_insecure": "false",
    }
    if wanted.items() - options.items():
        raise BundleError(f"{BRIDGE} does not connect as this device")


TARGET = Mosquitto()
