"""mosquitto_pub and mosquitto_sub with the files that `sealmq device add` writes, beside our own pub and sub."""

from __future__ import annotations

import re
import subprocess

import pytest

from running import Broker, run, running

pytestmark = pytest.mark.interop

VERSIONS = pytest.mark.parametrize("version", ["311", "5"])
QOS = pytest.mark.parametrize("qos", ["0", "1", "2"])


def mosquitto_version(version: str) -> str:
    return "mqttv5" if version == "5" else version


@QOS
@VERSIONS
def test_a_message_goes_from_mosquitto_pub_to_sealmq_sub(broker: Broker, topic: str, version: str, qos: str) -> None:
    mark = broker.mark
    with running(broker.sealmq("sub", "-C", "1", "-q", qos, "-V", version, "-F", "%t %q %p", topic)) as sub:
        broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
        run(
            broker.mosquitto(
                "mosquitto_pub", "sensor-1", "-V", mosquitto_version(version), "-q", qos, "-t", topic, "-m", "21.5 °C"
            )
        )
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == [f"{topic} {qos} 21.5 °C"]


@QOS
@VERSIONS
def test_a_message_goes_from_sealmq_pub_to_mosquitto_sub(broker: Broker, topic: str, version: str, qos: str) -> None:
    mark = broker.mark
    options = ["-V", mosquitto_version(version), "-q", qos]
    command = broker.mosquitto("mosquitto_sub", "sensor-1", *options, "-C", "1", "-F", "%t %q %p", "-t", topic)
    with running(command) as sub:
        broker.log.wait(f"sensor-1 .* may subscribe to '{topic}'", after=mark)
        run(broker.sealmq("pub", "-V", version, "-q", qos, "-t", topic, "-m", "on"))
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == [f"{topic} {qos} on"]


def test_the_levels_mix_and_the_lower_qos_counts(broker: Broker, topic: str) -> None:
    mark = broker.mark
    command = broker.mosquitto(
        "mosquitto_sub", "sensor-1", "-V", "311", "-C", "1", "-q", "1", "-F", "%q %p", "-t", topic
    )
    with running(command) as sub:
        broker.log.wait(f"sensor-1 .* may subscribe to '{topic}'", after=mark)
        run(broker.mosquitto("mosquitto_pub", "operator", "-V", "mqttv5", "-q", "2", "-t", topic, "-m", "mixed"))
        assert sub.ended() == 0, sub.errors.lines
    assert sub.output.lines == ["1 mixed"]


@VERSIONS
def test_a_retained_message_waits_for_who_comes_later_until_an_empty_one_removes_it(
    broker: Broker, topic: str, version: str
) -> None:
    spoken = ["-V", mosquitto_version(version)]
    run(broker.mosquitto("mosquitto_pub", "sensor-1", *spoken, "-r", "-q", "1", "-t", topic, "-m", "last word"))
    shown = run(
        broker.mosquitto("mosquitto_sub", "operator", *spoken, "-C", "1", "-q", "1", "-F", "%r %p", "-t", f"{topic}/#")
    )
    assert shown.stdout == "1 last word\n"
    run(broker.mosquitto("mosquitto_pub", "sensor-1", *spoken, "-r", "-q", "1", "-t", topic, "-n"))
    gone = subprocess.run(
        [str(word) for word in broker.mosquitto("mosquitto_sub", "operator", *spoken, "-E", "-t", f"{topic}/#")],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (gone.returncode, gone.stdout) == (0, "")


@VERSIONS
def test_the_will_of_a_client_that_vanishes_is_published(broker: Broker, topic: str, version: str) -> None:
    mark = broker.mark
    watcher = broker.sealmq("sub", "-C", "1", "-q", "1", "-F", "%q %p", topic)
    will = ["--will-topic", topic, "--will-payload", "gone", "--will-qos", "1"]
    living = broker.mosquitto(
        "mosquitto_sub", "sensor-1", "-V", mosquitto_version(version), *will, "-t", f"{topic}/other"
    )
    with running(watcher) as sub, running(living) as vanishing:
        broker.log.wait(f"operator .* may subscribe to '{topic}'", after=mark)
        broker.log.wait(f"sensor-1 .* may subscribe to '{topic}/other'", after=mark)
        vanishing.kill()
        assert sub.ended() == 0
    assert sub.output.lines == ["1 gone"]


@VERSIONS
def test_a_persistent_session_gets_what_was_published_while_it_was_away(
    broker: Broker, topic: str, version: str
) -> None:
    options = [
        "-V",
        mosquitto_version(version),
        "-i",
        f"keeper-{topic[-3:].strip('/')}-{version}",
        "-c",
        "-q",
        "1",
        "-t",
        topic,
    ]
    if version == "5":
        options += ["-x", "3600"]
    run(broker.mosquitto("mosquitto_sub", "sensor-1", *options, "-E"))
    for number in range(5):
        run(broker.mosquitto("mosquitto_pub", "operator", "-q", "1", "-t", topic, "-m", f"queued {number}"))
    shown = run(broker.mosquitto("mosquitto_sub", "sensor-1", *options, "-C", "5", "-F", "%q %p"))
    assert shown.stdout.splitlines() == [f"1 queued {number}" for number in range(5)]


def test_a_device_that_publishes_elsewhere_is_told_so_in_mqtt_5(broker: Broker) -> None:
    command = broker.mosquitto(
        "mosquitto_pub", "sensor-1", "-V", "mqttv5", "-q", "1", "-t", "devices/sensor-2/temp", "-m", "forged"
    )
    mark = broker.mark
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30, check=False)
    assert re.search("[Nn]ot authorized", done.stdout + done.stderr)
    assert broker.log.wait("sensor-1 .* may not publish to 'devices/sensor-2/temp'", after=mark)


def test_many_lines_come_through_in_order(broker: Broker, topic: str) -> None:
    mark = broker.mark
    lines = [f"line {number}" for number in range(500)]
    with running(broker.mosquitto("mosquitto_sub", "sensor-1", "-C", "500", "-q", "2", "-t", topic)) as sub:
        broker.log.wait(f"sensor-1 .* may subscribe to '{topic}'", after=mark)
        run(broker.mosquitto("mosquitto_pub", "operator", "-q", "2", "-t", topic, "-l"), input="\n".join(lines) + "\n")
        assert sub.ended() == 0
    assert sub.output.lines == lines
