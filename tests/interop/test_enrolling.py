"""Certificates over MQTT with other people's programs: openssl makes the key and the request, mosquitto_rr asks, and
mosquitto_pub connects with what came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from interop_homes import make_home, start
from running import Broker, program, run
from sealmq.client import paho_client
from sealmq.home import Home

pytestmark = pytest.mark.interop

LEVELS = pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    yield from start(make_home(tmp_path_factory.mktemp("enroll") / "home"))


@pytest.fixture(scope="module")
def claim(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A production line's claim, made while the broker runs."""
    folder = tmp_path_factory.mktemp("line") / "claim"
    with Home.open(broker.home) as home:
        home.claims(now=time.time()).make("line-1", folder, now=time.time(), ttl=3_600.0, prefix="line-", quota=10)
    return folder


def new_request(folder: Path) -> str:
    """A key and a request, as a device without our code makes them."""
    folder.mkdir()
    openssl = program("openssl", "openssl")
    run([openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "device.key"])
    run([openssl, "req", "-new", "-key", folder / "device.key", "-subj", "/", "-out", folder / "device.csr"])
    return (folder / "device.csr").read_text()


def ask(broker: Broker, credentials: Path, topic: str, request: dict[str, Any], version: str) -> dict[str, Any]:
    """What mosquitto_rr, which publishes and listens on one connection, gets."""
    certificate = credentials / "device.pem"
    certificate = certificate if certificate.exists() else credentials / "device-chain.pem"
    who = ["--cafile", broker.home / "ca" / "root.pem", "--cert", certificate, "--key", credentials / "device.key"]
    where = ["-h", "localhost", "-p", str(broker.port), "-V", version, "-W", "20"]
    what = ["-q", "1", "-t", topic, "-e", f"{topic}/accepted", "-m", json.dumps(request)]
    said = json.loads(run([program("mosquitto_rr", "mosquitto-clients"), *where, *who, *what]).stdout)
    assert isinstance(said, dict)
    return said


def keep(folder: Path, said: dict[str, Any]) -> None:
    (folder / "device.pem").write_text(said["certificate"])
    (folder / "device-chain.pem").write_text(said["certificate"] + "".join(said["chain"]))
    (folder / "root.pem").write_text("".join(said["roots"]))


def publish(broker: Broker, folder: Path, name: str, version: str) -> None:
    """mosquitto_pub connects with what came, with the leaf alone and with the chain."""
    for certificate in ("device.pem", "device-chain.pem"):
        who = ["--cafile", folder / "root.pem", "--cert", folder / certificate, "--key", folder / "device.key"]
        where = ["-h", "localhost", "-p", str(broker.port), "-V", version, "-q", "1"]
        mark = broker.mark
        path = program("mosquitto_pub", "mosquitto-clients")
        run([path, *where, *who, "-t", f"devices/{name}/hello", "-m", "hello"])
        broker.log.wait(f"{name} connected from", after=mark)


@LEVELS
def test_a_device_on_the_line_enrols_and_then_renews(broker: Broker, claim: Path, tmp_path: Path, version: str) -> None:
    name = f"line-{version}"
    first, second = tmp_path / "first", tmp_path / "second"
    csr = new_request(first)
    said = ask(broker, claim, "$enroll/csr/json", {"csr": csr, "name": name, "id": 1}, version)
    assert (said["name"], said["id"]) == (name, 1)
    again = ask(broker, claim, "$enroll/csr/json", {"csr": csr, "name": name}, version)
    assert again["serial"] == said["serial"], "an answer that was lost is given again"
    keep(first, said)
    publish(broker, first, name, version)
    renewed = ask(broker, first, "$enroll/renew/json", {"csr": new_request(second)}, version)
    keep(second, renewed)
    publish(broker, second, name, version)
    broker.log.wait(f"{name} is renewed: serial {renewed['serial']}")
    mark = broker.mark
    with pytest.raises(AssertionError):
        publish(broker, first, name, version)
    broker.log.wait("was replaced by a newer one", after=mark)


def test_what_is_refused_comes_as_rejected(broker: Broker, claim: Path, tmp_path: Path) -> None:
    """paho hears both topics."""
    csr = new_request(tmp_path / "device")
    answers: list[tuple[str, dict[str, Any]]] = []
    client = paho_client(claim)
    client.on_message = lambda _client, _data, message: answers.append((message.topic, json.loads(message.payload)))
    client.on_connect = lambda client, *_: client.subscribe("$enroll/csr/json/+", 1)
    requests = iter([b"{", json.dumps({"csr": csr, "name": "other-1"}), json.dumps({"csr": csr, "name": "line-x"})])
    client.on_subscribe = lambda client, *_: client.publish("$enroll/csr/json", next(requests), 1)
    client.connect("localhost", broker.port)
    deadline = time.monotonic() + 30
    while len(answers) < 3 and time.monotonic() < deadline:
        before = len(answers)
        client.loop(0.2)
        if before < len(answers) < 3:
            client.publish("$enroll/csr/json", next(requests), 1)
    client.disconnect()
    client.loop(0.2)
    assert [(topic.rpartition("/")[2], said.get("code")) for topic, said in answers] == [
        ("rejected", "malformed"),
        ("rejected", "forbidden"),
        ("accepted", None),
    ]


def test_a_claim_may_do_nothing_else(broker: Broker, claim: Path) -> None:
    client = paho_client(claim)
    heard: dict[str, Any] = {}
    client.on_connect = lambda client, *_: client.subscribe([("#", 0), ("devices/line-1/#", 0), ("$enroll/#", 0)])
    client.on_subscribe = lambda client, _data, _id, reasons, _properties: (
        heard.update(subscribed=[reason.is_failure for reason in reasons]),
        client.publish("devices/line-1/a", b"x", 1, retain=True),
    )
    client.on_publish = lambda _client, _data, _id, reason, _properties: heard.update(published=reason.is_failure)
    client.connect("localhost", broker.port)
    deadline = time.monotonic() + 30
    while "published" not in heard and time.monotonic() < deadline:
        client.loop(0.2)
    assert heard == {"subscribed": [True, True, True], "published": True}
    client.disconnect()
    client.loop(0.2)
    will = paho_client(claim)
    will.will_set("devices/line-1/gone", b"x")
    refused: list[paho.ReasonCode] = []
    will.on_connect = lambda _client, _data, _flags, reason, _properties: refused.append(reason)
    will.connect("localhost", broker.port)
    while not refused and time.monotonic() < deadline:
        will.loop(0.2)
    assert refused[0].is_failure
