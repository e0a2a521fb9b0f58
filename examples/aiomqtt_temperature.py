"""Publish a temperature every second and print what comes back, with aiomqtt.

sealmq device add sensor-1
python examples/aiomqtt_temperature.py PATH/devices/sensor-1      # `sealmq device add` printed the path
"""

# ruff: noqa: T201 - an example prints

import asyncio
import sys

import sealmq


async def measure(bundle: str, host: str = "localhost", times: int = 3) -> None:
    """Publish `times` temperatures, and receive each of them again."""
    topic = "devices/sensor-1/temp"
    async with sealmq.connect(bundle, host) as client:
        await client.subscribe(topic, qos=1)
        for number in range(times):
            await client.publish(topic, f"{20 + number}.5", qos=1)
            message = await anext(client.messages)
            print(message.topic, message.payload.decode())
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(measure(*sys.argv[1:]))
