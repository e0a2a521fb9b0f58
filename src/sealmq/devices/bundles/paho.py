"""paho: a Python program that publishes and listens as the device, and the PEM files that it reads."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from sealmq.bundle import KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_literals import quoted
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

PROGRAM: Final = "sealmq_client.py"

_TEXT = '''#!/usr/bin/env python3
"""Publish one message, or listen: python sealmq_client.py pub TOPIC MESSAGE, or python sealmq_client.py sub FILTER.

`client()` is for your own program. Needs: pip install 'paho-mqtt>=2'
"""

import argparse
from pathlib import Path

import paho.mqtt.client as mqtt

{constants}
HERE = Path(__file__).resolve().parent


def client():
    """A client of MQTT 5 that shows our certificate, and checks the broker's with its host name. Not yet connected."""
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    made.tls_set(
        ca_certs=str(HERE / "root.pem"), certfile=str(HERE / "device.pem"), keyfile=str(HERE / "device.key")
    )
    return made


def publish(topic, message):
    """Publish at QoS 1; return when the broker has it."""
    made = client()
    made.connect(HOST, PORT)
    made.loop_start()
    try:
        told = made.publish(topic, message, qos=1)
        told.wait_for_publish(30)
        if not told.is_published():
            raise TimeoutError("the broker has not acknowledged it in 30 seconds")
    finally:
        made.disconnect()
        made.loop_stop()


def listen(topic_filter):
    """Print what comes, until Ctrl-C."""

    def connected(made, userdata, flags, reason, properties):
        if reason.is_failure:
            raise ConnectionRefusedError(str(reason))
        made.subscribe(topic_filter, qos=1)

    made = client()
    made.on_connect = connected
    made.on_subscribe = lambda *told: print("listening", flush=True)
    made.on_message = lambda _, userdata, message: print(message.topic, message.payload.decode(), flush=True)
    made.connect(HOST, PORT)
    made.loop_forever()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=f"Publish or listen as {DEVICE}.")
    commands = parser.add_subparsers(dest="command", required=True)
    pub = commands.add_parser("pub", help="publish one message at QoS 1")
    pub.add_argument("topic")
    pub.add_argument("message")
    sub = commands.add_parser("sub", help="print what comes")
    sub.add_argument("filter")
    chosen = parser.parse_args()
    if chosen.command == "pub":
        publish(chosen.topic, chosen.message)
    else:
        listen(chosen.filter)


if __name__ == "__main__":
    main()
'''


class Paho(Target):
    """PEM files and one Python file."""

    name = "paho"
    title = "Python with paho-mqtt 2: a program that publishes and listens"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Without a key everything is as it will be once device.key lies beside it."""
        return [
            *certificate_files(credentials),
            File(PROGRAM, _TEXT.replace("{constants}", _constants(credentials)).encode()),
            *key_files(credentials),
        ]

    def readme(self, credentials: Credentials) -> str:
        """Two commands, and the five lines for a program of one's own."""
        name = credentials.name
        missing = notes.missing_key_file(credentials)
        return f"""# {name}: Python with paho-mqtt

{missing}    pip install 'paho-mqtt>=2'
    python {PROGRAM} sub 'devices/{name}/#'
    python {PROGRAM} pub devices/{name}/temp 21.5

In your own program `from {PROGRAM.removesuffix(".py")} import HOST, PORT, client`; or by hand:

    import paho.mqtt.client as mqtt

    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    made.tls_set(ca_certs="{ROOT_FILE}", certfile="{LEAF_FILE}", keyfile="{KEY_FILE}")
    made.connect("{credentials.host}", {credentials.port})

## Traps

- `tls_set` checks chain and host name as it stands. Leave `tls_insecure_set` and `cert_reqs` alone.
- `wait_for_publish` returns after its seconds whether it came to an end or not: ask `is_published()`.
- `connect` does not wait for CONNACK: subscribe in `on_connect`, which comes again after each reconnect.
- paho 1.x has no `CallbackAPIVersion`: `mqtt.Client(protocol=mqtt.MQTTv5)` there, and other callback arguments.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The program must be Python and dial this broker with these files."""
        expect_pem_files(files, credentials)
        program = content_of(files, PROGRAM)
        try:
            ast.parse(program)
        except SyntaxError as error:
            raise BundleError(f"{PROGRAM} is not Python", why=str(error)) from error
        expect(PROGRAM, program, _TEXT.replace("{constants}", _constants(credentials)).encode())


def _constants(credentials: Credentials) -> str:
    return f"DEVICE = {quoted(credentials.name)}\nHOST = {quoted(credentials.host)}\nPORT = {credentials.port}\n"


TARGET = Paho()
