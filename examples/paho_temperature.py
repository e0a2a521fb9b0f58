"""Publish a temperature and print what comes back, with paho-mqtt.

sealmq device add sensor-1
python examples/paho_temperature.py PATH/devices/sensor-1         # `sealmq device add` printed the path
"""

# ruff: noqa: T201 - an example prints

import sys

from sealmq.client import paho_client

TOPIC = "devices/sensor-1/temp"


def measure(bundle: str, host: str = "localhost", port: str = "8883") -> None:
    """Subscribe, publish once, and end when the message has come back."""
    client = paho_client(bundle)

    def on_connect(client, userdata, flags, reason_code, properties):
        if reason_code.is_failure:
            sys.exit(f"the broker refused the connection: {reason_code}")
        client.subscribe(TOPIC, qos=1)

    def on_subscribe(client, userdata, mid, reason_codes, properties):
        client.publish(TOPIC, "21.5", qos=1)

    def on_message(client, userdata, message):
        print(message.topic, message.payload.decode())
        client.disconnect()

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    measure(*sys.argv[1:])
