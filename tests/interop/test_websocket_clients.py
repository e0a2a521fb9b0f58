"""MQTT over secure WebSocket: who is refused, and what is said in HTTP. Its messages are in test_matrix.py."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest

import sealmq.client
from running import WAIT, Broker, program, run
from running import sealmq as sealmq_command
from websocket_pairs import request

pytestmark = pytest.mark.interop


def paho_client(broker: Broker, device: str) -> paho.Client:
    client = sealmq.client.paho_client(broker.home / "devices" / device, transport="websockets")
    client.connect_timeout = WAIT
    client.connect("localhost", broker.websocket_ports[0])
    client.loop_start()
    return client


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
    client = paho_client(broker, "sensor-1")
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
