"""MQTT over secure WebSocket: paho-mqtt, MQTT.js and curl, with the files that `sealmq device add` writes."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest

import sealmq.client
from running import WAIT, Broker, program, run
from running import sealmq as sealmq_command
from websocket_pairs import request

pytestmark = pytest.mark.interop

SIZES = (0, 1, 2, 100, 125, 126, 127, 16_384, 65_535, 65_536, 500_000)
"""Bytes of payloads: at the edges of a frame's three length fields, of a TLS record, and large."""

QOS = pytest.mark.parametrize("qos", [0, 1, 2])
VERSIONS = pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])


@pytest.fixture(scope="session")
def mqtt_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds MQTT.js."""
    npm = program("npm", "npm")
    program("node", "nodejs")
    folder = tmp_path_factory.mktemp("mqtt-js")
    try:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "mqtt"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
        failed = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        failed = "it took too long"
    if failed:
        words = "MQTT.js could not be installed: npm install mqtt"
        if os.environ.get("SEALMQ_CI") == "1":
            pytest.fail(f"{words}\n{failed}")
        pytest.skip(words)
    return folder


def paho_client(broker: Broker, device: str, version: int, transport: str = "websockets") -> paho.Client:
    protocol = paho.MQTTv5 if version == 5 else paho.MQTTv311
    client = sealmq.client.paho_client(broker.home / "devices" / device, protocol=protocol, transport=transport)
    port = broker.websocket_ports[0] if transport == "websockets" else broker.port
    client.connect("localhost", port)
    client.loop_start()
    return client


@QOS
@VERSIONS
@pytest.mark.parametrize("towards", ["websockets", "tcp"])
def test_paho_over_websocket_talks_to_paho_over_either(
    websocket_broker: Broker, topic: str, version: int, qos: int, towards: str
) -> None:
    received: list[bytes] = []
    subscribed, complete = threading.Event(), threading.Event()
    sent = [bytes([65 + number]) * size for number, size in enumerate(SIZES)]

    def on_message(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        received.append(message.payload)
        if len(received) == len(sent):
            complete.set()

    reader = paho_client(websocket_broker, "sensor-1", version, towards)
    writer = paho_client(websocket_broker, "operator", version)
    reader.on_message = on_message
    reader.on_subscribe = lambda *_: subscribed.set()
    try:
        while not reader.is_connected():
            assert not subscribed.wait(0.01)
        reader.subscribe(topic, qos)
        assert subscribed.wait(WAIT)
        answers = [writer.publish(topic, payload, qos) for payload in sent]
        answers[-1].wait_for_publish(WAIT)
        assert complete.wait(WAIT), f"{len(received)} of {len(sent)} came"
    finally:
        for client in (writer, reader):
            client.disconnect()
            client.loop_stop()
    assert received == sent


@QOS
@VERSIONS
@pytest.mark.parametrize("path", ["", "/mqtt"])
def test_mqtt_js_gets_back_what_it_sent(
    websocket_broker: Broker, mqtt_js: Path, topic: str, version: int, qos: int, path: str
) -> None:
    root, chain, key = map(str, websocket_broker.files("sensor-1"))
    task = {
        "url": f"wss://localhost:{websocket_broker.websocket_ports[0]}{path}",
        "ca": root,
        "cert": chain,
        "key": key,
        "version": version,
        "qos": qos,
        "topic": topic,
        "sizes": [*SIZES, *range(100)],
    }
    script = Path(__file__).with_name("mqtt_js.cjs")
    done = run([program("node", "nodejs"), script, json.dumps(task)], cwd=mqtt_js)
    assert json.loads(done.stdout) == {"received": len(SIZES) + 100, "mismatches": 0}


def curl(broker: Broker, path: str, *options: str) -> str:
    root, chain, key = broker.files("sensor-1")
    files = ["--cacert", root, "--cert", chain, "--key", key]
    url = f"https://localhost:{broker.websocket_ports[0]}{path}"
    return run([program("curl", "curl"), "-sS", "-i", "--http1.1", *files, *options, url]).stdout


def test_curl_is_told_in_http_what_is_spoken_here(websocket_broker: Broker) -> None:
    answer = curl(websocket_broker, "/")
    assert answer.startswith("HTTP/1.1 426 Upgrade Required")
    assert "MQTT over WebSocket is spoken here" in answer
    assert curl(websocket_broker, "/admin").startswith("HTTP/1.1 404 Not Found")
    assert curl(websocket_broker, "/", "-d", "x=1").startswith("HTTP/1.1 405 Method Not Allowed")
    assert curl(websocket_broker, "/", "-I").startswith("HTTP/1.1 405 Method Not Allowed")


def test_a_web_page_of_a_stranger_is_refused(websocket_broker: Broker) -> None:
    mark = websocket_broker.mark
    with tls(websocket_broker, websocket_broker.context("operator")) as connection:
        connection.sendall(request(Origin="https://evil.example"))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    line = websocket_broker.log.wait("evil.example", after=mark)
    assert "was refused: a web page of 'https://evil.example' may not connect here" in line
    assert "operator" in line  # whose browser it was


def tls(broker: Broker, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", broker.websocket_ports[0]), WAIT)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


def ask(broker: Broker, context: ssl.SSLContext) -> bytes:
    """What comes back when a WebSocket is asked for."""
    with tls(broker, context) as connection:
        connection.sendall(request())
        return connection.recv(1_000)


def test_without_a_certificate_nobody_gets_in(websocket_broker: Broker) -> None:
    anonymous = ssl.create_default_context(cafile=websocket_broker.files("operator")[0])
    mark = websocket_broker.mark
    with pytest.raises(OSError):
        ask(websocket_broker, anonymous)
    websocket_broker.log.wait("was refused: .*certificate", after=mark)


def test_a_revoked_device_is_cut_and_stays_outside(own_websocket_broker: Broker) -> None:
    broker = own_websocket_broker
    context = broker.context("sensor-1")
    gone = threading.Event()
    client = paho_client(broker, "sensor-1", 5)
    client.on_disconnect = lambda *_: gone.set()
    broker.log.wait("sensor-1 connected from")
    assert sealmq_command("device", "revoke", "sensor-1", "--home", broker.home).returncode == 0
    assert gone.wait(WAIT)
    client.disconnect()
    client.loop_stop()
    broker.log.wait("sensor-1 .* ends: its certificate was revoked")
    mark = broker.mark
    with pytest.raises(OSError):
        ask(broker, context)
    broker.log.wait("was refused: .*revoked", after=mark)


def test_websocket_listens_only_when_asked_beside_listen(broker: Broker) -> None:
    assert broker.websocket_ports == []


def test_a_websocket_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        options = ["--listen", "127.0.0.1:0", "--websocket", f"127.0.0.1:{taken}"]
        done = sealmq_command("up", "--home", tmp_path / "home", *options)
    assert done.returncode != 0
    assert f"port {taken} is taken" in done.stderr
    assert "--websocket" in done.stderr
    assert not (tmp_path / "home").exists()
