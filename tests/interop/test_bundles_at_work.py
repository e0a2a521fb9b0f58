"""Bundles used as they are: each program connects to a real broker with the files that it was given."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import bundle_credentials
from live_bundles import credentials_of, vendor, write_live_bundle
from ports import free_port
from running import Broker, program, run, running, wait_until
from sealmq.devices.bundles.mosquitto import CERTIFICATES as MOSQUITTO_CERTIFICATES
from sealmq.devices.bundles.node_red import CERTIFICATES as NODE_RED_CERTIFICATES

pytestmark = pytest.mark.interop


def test_mosquittos_scripts_publish_and_subscribe_from_wherever_they_lie(broker: Broker, tmp_path: Path) -> None:
    program("mosquitto_pub", "mosquitto-clients")
    bundle = write_live_bundle("mosquitto", credentials_of(broker, "sensor-1"), tmp_path / "a folder")
    topic = "devices/sensor-1/scripts"
    mark = broker.mark
    with running(["sh", bundle / "mosquitto_sub.sh", "-t", topic, "-C", "1", "-W", "20"], cwd=tmp_path) as sub:
        broker.log.wait(f"may subscribe to '{topic}'", after=mark)
        run(["sh", bundle / "mosquitto_pub.sh", "-t", topic, "-m", "21.5", "-q", "1"], cwd="/")
        assert sub.output.wait("21.5") == "21.5"
        assert sub.ended() == 0


def test_a_real_mosquitto_bridges_both_ways(broker: Broker, tmp_path: Path) -> None:
    mosquitto, port = program("mosquitto", "mosquitto"), free_port()
    bundle = write_live_bundle("mosquitto", credentials_of(broker, "sensor-2"), tmp_path / "sensor-2")
    bridge = (bundle / "bridge.conf").read_text().replace(MOSQUITTO_CERTIFICATES, str(tmp_path))
    # As root mosquitto becomes another user, who may not enter pytest's folders.
    (tmp_path / "mosquitto.conf").write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n{bridge}")
    here = ["-h", "127.0.0.1", "-p", str(port)]
    mark = broker.mark
    with running([mosquitto, "-v", "-c", tmp_path / "mosquitto.conf"]) as bridge_:
        broker.log.wait("sensor-2 .*may subscribe to 'devices/sensor-2/from-sealmq/#'", after=mark)
        there = ["sh", bundle / "mosquitto_sub.sh", "-t", "devices/sensor-2/room", "-C", "1", "-W", "20"]
        with running(there) as sub:
            broker.log.wait("may subscribe to 'devices/sensor-2/room'", after=mark)
            run([program("mosquitto_pub", "mosquitto-clients"), *here, "-t", "to-sealmq/room", "-m", "up", "-q", "1"])
            assert sub.output.wait("up") == "up"
        local = [program("mosquitto_sub", "mosquitto-clients"), *here, "-t", "from-sealmq/cmd", "-C", "1", "-W", "20"]
        with running(local) as sub:
            bridge_.errors.wait("from-sealmq/cmd .QoS")
            words = ["-t", "devices/sensor-2/from-sealmq/cmd", "-m", "down", "-q", "1"]
            run(["sh", bundle / "mosquitto_pub.sh", *words])
            assert sub.output.wait("down") == "down"


def test_the_paho_program_publishes_and_listens(broker: Broker, tmp_path: Path) -> None:
    bundle = write_live_bundle("paho", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    python = [sys.executable, bundle / "sealmq_client.py"]
    with running([*python, "sub", "devices/sensor-1/paho"], cwd="/") as sub:
        sub.output.wait("listening")
        run([*python, "pub", "devices/sensor-1/paho", "21.5"], cwd="/")
        assert sub.output.wait("21.5") == "devices/sensor-1/paho 21.5"


def test_the_paho_program_says_so_when_the_broker_is_another(broker: Broker, tmp_path: Path) -> None:
    """Its own check: a root that did not sign the broker's certificate ends the connection."""
    credentials = replace(credentials_of(broker, "sensor-1"), root_pem=bundle_credentials.credentials().root_pem)
    bundle = write_live_bundle("paho", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    (bundle / "root.pem").write_bytes(credentials.root_pem)
    with running([sys.executable, bundle / "sealmq_client.py", "pub", "devices/sensor-1/paho", "x"]) as pub:
        assert pub.ended() == 1
        assert "certificate verify failed" in "\n".join(pub.errors.lines)


def test_home_assistant_takes_the_three_files_as_its_form_checks_them(broker: Broker, tmp_path: Path) -> None:
    """Home Assistant reads certificate and key with `cryptography`, then lets OpenSSL load the pair and the CA, and
    connects with paho-mqtt; these are the same calls."""
    bundle = write_live_bundle("home-assistant", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    root, leaf, key = (bundle / name for name in ("root.pem", "device.pem", "device.key"))
    x509.load_pem_x509_certificate(leaf.read_bytes())
    load_pem_private_key(key.read_bytes(), password=None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(leaf, key)
    context.load_verify_locations(root)
    heard: list[int] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.tls_set(ca_certs=str(root), certfile=str(leaf), keyfile=str(key))
    client.on_connect = lambda *said: heard.append(said[3].value)
    client.connect("localhost", broker.port)
    client.loop_start()
    try:
        wait_until(lambda: heard)
    finally:
        client.disconnect()
        client.loop_stop()
    assert heard == [0]


def test_node_red_runs_the_flow(broker: Broker, tmp_path: Path) -> None:
    node, red, port = program("node", "nodejs"), vendor("node_modules/node-red/red.js"), free_port()
    bundle = write_live_bundle("node-red", credentials_of(broker, "sensor-3"), tmp_path / "sensor-3")
    flow = json.loads((bundle / "flow.json").read_text().replace(NODE_RED_CERTIFICATES, str(tmp_path)))
    for each in flow:
        if each["type"] == "debug":
            each["console"] = True  # into the log, where a test can see it; an editor has a window for it
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "flows.json").write_text(json.dumps(flow))
    settings = "module.exports = { uiHost: '127.0.0.1', credentialSecret: 'x', telemetry: { enabled: false } };\n"
    (tmp_path / "data" / "settings.js").write_text(settings)
    mark = broker.mark
    with running([node, red, "-u", tmp_path / "data", "-p", str(port), "flows.json"]) as program_:
        program_.output.wait("Connected to broker: sensor-3@mqtts://localhost", seconds=90)  # it loads all its nodes
        broker.log.wait("sensor-3 .*may subscribe to 'devices/sensor-3/hello'", after=mark)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/inject/sealmq-button", method="POST", data=b"")
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
        broker.log.wait("sensor-3 .*may publish to 'devices/sensor-3/hello'", after=mark)
        # The flow hears itself, and its debug node writes it to the log.
        program_.output.wait("Hello from sensor-3")


def test_micropython_sends_a_message(broker: Broker, tmp_path: Path) -> None:
    bundle = write_live_bundle("micropython", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    said = run([vendor("venv/bin/python"), vendor("venv/bin/micropython"), "try_it.py"], cwd=bundle)
    assert said.stdout == "the broker has it\n"


def test_micropython_trusts_both_roots_while_one_replaces_the_other(broker: Broker, tmp_path: Path) -> None:
    ours = credentials_of(broker, "sensor-1")
    both = replace(ours, root_pem=bundle_credentials.authorities()[0].certificate.pem + ours.root_pem)
    bundle = write_live_bundle("micropython", both, tmp_path / "bundle")
    assert (bundle / "root-2.der").read_bytes() == ours.root_ders[0]
    micropython = [vendor("venv/bin/python"), vendor("venv/bin/micropython"), "try_it.py"]
    run(micropython, cwd=bundle)
    (bundle / "root-2.der").write_bytes(both.root_ders[0])  # now no root of this broker is left
    with running(micropython, cwd=bundle) as other:
        assert other.ended() == 1
        assert "not correctly signed by the trusted CA" in "\n".join(other.output.lines)


def test_a_label_is_read_as_a_telephone_would_read_it(tmp_path: Path) -> None:
    for number, credentials in enumerate(
        (
            bundle_credentials.credentials(),
            bundle_credentials.with_two_roots(),
            replace(bundle_credentials.credentials(), enrollment_token="T" * 32, host="h" * 60),
        )
    ):
        bundle = write_live_bundle("qr", credentials, tmp_path / str(number))
        run([program("rsvg-convert", "librsvg2-bin"), "-z", "1", bundle / "label.svg", "-o", bundle / "label.png"])
        said = run([program("zbarimg", "zbar-tools"), "--quiet", "--raw", bundle / "label.png"]).stdout
        assert said == (bundle / "label.txt").read_text()
