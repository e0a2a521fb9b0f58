"""Shared subscriptions and $SYS, as Mosquitto's clients see them.

Topic aliases towards a client are not among it: libmosquitto takes a PUBLISH without a topic name for an error, also
when it was told to announce a Topic Alias Maximum.
"""

from __future__ import annotations

import contextlib

import pytest

from running import Broker, run, running

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("version", ["311", "mqttv5"])
def test_two_workers_share_what_comes(broker: Broker, topic: str, version: str) -> None:
    mark = broker.mark
    shared = f"$share/workers/{topic}"
    command = broker.mosquitto("mosquitto_sub", "operator", "-V", version, "-q", "1", "-C", "5", "-t", shared)
    with contextlib.ExitStack() as stack:
        workers = []
        for _ in range(2):
            workers.append(stack.enter_context(running(command)))
            broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
            mark = broker.mark
        for number in range(10):
            run(broker.mosquitto("mosquitto_pub", "operator", "-q", "1", "-t", topic, "-m", f"{number}"))
        assert [worker.ended() for worker in workers] == [0, 0]
        heard = [worker.output.lines for worker in workers]
    assert sorted(int(line) for lines in heard for line in lines) == list(range(10))


def test_the_operator_sees_the_brokers_numbers(broker: Broker) -> None:
    command = broker.mosquitto("mosquitto_sub", "operator", "-C", "1", "-F", "%r %p", "-t")
    assert run([*command, "$SYS/broker/clients/connected"]).stdout.split()[0] == "1"  # retained
    assert "seconds" in run([*command, "$SYS/broker/uptime"]).stdout
    assert "sealmq version" in run([*command, "$SYS/broker/version"]).stdout
