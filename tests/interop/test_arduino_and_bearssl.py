"""Sketches compiled and run on a little Arduino, and BearSSL's own library with the files of two bundles."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import bundle_credentials
from live_bundles import credentials_of, write_live_bundle
from running import Broker, Program, program, run

pytestmark = pytest.mark.interop

DRIVERS = Path(__file__).parent / "drivers"
HEADERS = ("WiFi.h", "ESP8266WiFi.h", "WiFiClientSecure.h", "PubSubClient.h")


def run_sketch(bundle: Path, place: Path, *options: str) -> str:
    """What a sketch passes to the core and to PubSubClient in setup() and the first loop()."""
    gxx = program("g++", "g++")
    for name in HEADERS:
        (place / name).write_text('#include "arduino_core.h"\n')
    sketch = bundle / "mqtt_over_tls" / "mqtt_over_tls.ino"
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]
    include = ["-I", place, "-I", DRIVERS / "arduino", "-I", sketch.parent]
    run([gxx, *strict, *options, *include, "-x", "c++", sketch, "-o", place / "sketch"])
    return run([place / "sketch"]).stdout


def test_the_sketch_for_the_esp32_compiles_and_passes_everything_on(broker: Broker, tmp_path: Path) -> None:
    ours = credentials_of(broker, "sensor-1")
    said = run_sketch(write_live_bundle("arduino-esp32", ours, tmp_path / "bundle"), tmp_path)
    assert ours.key_sec1_pem is not None
    assert said == (
        "clock: pool.ntp.org\n"
        f"root:\n{ours.root_pem.decode()}certificate:\n{ours.leaf_pem.decode()}key:\n{ours.key_sec1_pem.decode()}"
        f"server: localhost {broker.port}\nclient: sensor-1\nserial: connected\npublish: devices/sensor-1/uptime 61\n"
    )
    # What came out of the C++ strings is good to connect with.
    pem = re.split("root:\n|certificate:\n|key:\n|server: ", said)[1:4]
    for name, text in zip(("root", "certificate", "key"), pem, strict=True):
        (tmp_path / name).write_text(text)
    words = ["-h", "localhost", "-p", str(broker.port), "-t", "devices/sensor-1/uptime", "-m", "61", "-q", "1"]
    files = ["--cafile", tmp_path / "root", "--cert", tmp_path / "certificate", "--key", tmp_path / "key"]
    run([program("mosquitto_pub", "mosquitto-clients"), *words, *files])


def test_the_sketch_for_the_esp8266_compiles_and_passes_everything_on(broker: Broker, tmp_path: Path) -> None:
    ours = credentials_of(broker, "sensor-1")
    said = run_sketch(write_live_bundle("arduino-esp8266", ours, tmp_path / "bundle"), tmp_path, "-DESP8266")
    assert ours.key_sec1_pem is not None
    assert said == (
        "clock: pool.ntp.org\n"
        f"root:\n{ours.root_pem.decode()}"
        f"certificate for 0x20 by 2:\n{ours.leaf_pem.decode()}key:\n{ours.key_sec1_pem.decode()}"
        f"buffers: 1024 1024\nserver: localhost {broker.port}\nclient: sensor-1\n"
        "connected; short records: yes\npublish: devices/sensor-1/uptime 61\n"
    )


def bearssl_client(headers: Path, place: Path, *options: str) -> Path:
    """The client of drivers/bearssl_client.c, built with the headers of a bundle."""
    gcc, library = program("gcc", "gcc"), Path("/usr/include/bearssl.h")
    if not library.exists():
        program("bearssl.h", "libbearssl-dev")
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"]
    built = place / "bearssl_client"
    run([gcc, *strict, *options, "-I", headers, DRIVERS / "bearssl_client.c", "-o", built, "-lbearssl"])
    return built


def test_bearssl_connects_with_the_headers_for_the_esp8266(broker: Broker, tmp_path: Path) -> None:
    bundle = write_live_bundle("arduino-esp8266", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    client = bearssl_client(bundle / "mqtt_over_tls", tmp_path)
    said = run([client, "localhost", str(broker.port), "sensor-1-bear", "devices/sensor-1/bear"]).stdout
    assert said.startswith("a message of 3000 octets came back through a buffer of 1024\n")


def tasmota_client(bundle: Path, place: Path) -> list[str | Path]:
    """The same client built as Tasmota is: and key and certificate as Tasmota decodes them from its commands."""
    for name, file in (("key_commands.txt", "key"), ("commands.txt", "certificate")):
        word = (bundle / name).read_text().splitlines()[0].split()[1]
        (place / file).write_bytes(base64.b64decode(word, validate=True))
    client = bearssl_client(bundle / "tasmota" / "include", place, "-DTASMOTA")
    return [
        client,
        "HOST",
        "PORT",
        "sensor-1-tasmota",
        "devices/sensor-1/tasmota",
        place / "key",
        place / "certificate",
    ]


def test_bearssl_connects_with_what_tasmota_is_told_and_built_with(broker: Broker, tmp_path: Path) -> None:
    bundle = write_live_bundle("tasmota", credentials_of(broker, "sensor-1"), tmp_path / "bundle")
    command = tasmota_client(bundle, tmp_path)
    mark = broker.mark
    command[1:3] = "localhost", str(broker.port)
    assert run(command).stdout.startswith("a message of 3000 octets came back")
    assert "ECDHE-ECDSA" in broker.log.wait("connected .*sensor-1-tasmota", after=mark)
    # It finds no addresses in a certificate, as the README says: error 56, BR_ERR_X509_BAD_SERVER_NAME.
    command[1:3] = "127.0.0.1", str(broker.port)
    wrong = Program(command)
    assert (wrong.ended(), wrong.errors.lines) == (1, ["BearSSL: 56"])


def test_bearssl_refuses_a_broker_of_another_root(broker: Broker, tmp_path: Path) -> None:
    """BR_ERR_X509_NOT_TRUSTED is 62, as the README of the bundle says."""
    bundle = write_live_bundle("tasmota", bundle_credentials.credentials(), tmp_path / "bundle")
    command = tasmota_client(bundle, tmp_path)
    command[1:3] = "localhost", str(broker.port)
    wrong = Program(command)
    assert (wrong.ended(), wrong.errors.lines) == (1, ["BearSSL: 62"])


def test_tasmotas_own_settings_are_c(tmp_path: Path) -> None:
    bundle = write_live_bundle("tasmota", bundle_credentials.credentials(), tmp_path / "bundle")
    source = '#include "user_config_override.h"\nconst char *host = MQTT_HOST; int port = MQTT_PORT;\n'
    gcc = [program("gcc", "gcc"), "-Wall", "-Wextra", "-Werror", "-I", bundle / "tasmota", "-x", "c"]
    run([*gcc, "-c", "-", "-o", tmp_path / "override.o"], input=source)
