"""Devices with small buffers: no record from a real broker is larger than they take, however they say it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from interop_homes import TOML, make_home
from libraries import able, middleware
from mqtt_bytes import connect_packet, packet, publish, subscribe
from ports import free_port
from recording_relay import relay
from running import WAIT, Broker, program, sealmq
from sealmq.cli.middleware import SHOWN
from tls_pairs import records

pytestmark = pytest.mark.interop

PAYLOAD = b"x" * 20_000
OVERHEAD = 40
"""Bytes around a record's plaintext: nonce, tag and content type, at most."""

APPLICATION_DATA = 23


@pytest.fixture(scope="module", params=SHOWN)
def small_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Its first listener is as usual, its second sends records of 1,024 bytes; TLS by each library that is here."""
    middleware(request.param)
    home = make_home(tmp_path_factory.mktemp("records") / "home")
    ports = free_port(), free_port()
    (home / "sealmq.toml").write_text(
        f'listen = ["127.0.0.1:{ports[0]}"]\n[websocket]\nlisten = []\n[https]\nlisten = []\n'
        f'[[listener]]\naddress = "127.0.0.1:{ports[1]}"\nmax_record = 1024\n{TOML}'
    )
    broker = Broker(home, "--middleware", request.param, listen=())
    try:
        yield broker
        assert broker.end() == 0
    finally:
        broker.kill()


def heard(broker: Broker, port: int, device: str, *options: str) -> tuple[bytes, list[int]]:
    """What openssl's client hears that sends itself a large message, and the sizes of the records that carried it."""
    root, chain, key = broker.files(device)
    topic = f"devices/{device}/large"
    with relay(port) as between:
        command = [program("openssl", "openssl"), "s_client", "-quiet", "-connect", f"127.0.0.1:{between.port}",
                   "-servername", "localhost", "-CAfile", root, "-cert", chain, "-key", key, *options]  # fmt: skip
        client = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(connect_packet("large") + subscribe(topic) + publish(topic, PAYLOAD))
        client.stdin.flush()
        data = b""
        while not data.endswith(PAYLOAD):
            piece = client.stdout.read1(65_536)  # type: ignore[attr-defined]
            assert piece, "the broker has ended it"
            data += piece
        client.stdin.write(packet(0xE0, b""))
        client.stdin.close()
        client.wait(WAIT)
        client.stdout.close()
    return data, [size for kind, size in records(bytes(between.sent)) if kind == APPLICATION_DATA]


def expect_small(sizes: list[int], most: int) -> None:
    """The message came in such records. Under TLS 1.3 chain and tickets look the same on the wire, and may be more."""
    assert sum(size for size in sizes if size <= most + OVERHEAD) > len(PAYLOAD)
    assert len([size for size in sizes if size > most + OVERHEAD]) <= 4


FLAGS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}

PAIRS = able(SHOWN)

HONOURS = [pair for pair in PAIRS if pair != ("mbedtls-3.6", "TLSv1.3")]
"""Mbed TLS does not answer max_fragment_length in TLS 1.3: max_record of the listener or device counts there."""

EACH = pytest.mark.parametrize(("small_broker", "version"), PAIRS, indirect=["small_broker"])


@EACH
def test_a_listener_for_small_buffers(small_broker: Broker, version: str) -> None:
    _, usual = heard(small_broker, small_broker.ports[0], "sensor-1", FLAGS[version])
    assert max(usual) > 10_000
    _, small = heard(small_broker, small_broker.ports[1], "sensor-1", FLAGS[version])
    expect_small(small, 1_024)


@EACH
def test_a_device_with_a_small_buffer(small_broker: Broker, version: str) -> None:
    done = sealmq("device", "set", "sensor-2", "--max-record", "512", "--home", small_broker.home)
    assert done.returncode == 0, done.stderr
    _, small = heard(small_broker, small_broker.ports[0], "sensor-2", FLAGS[version])
    expect_small(small, 512)


@pytest.mark.parametrize(("small_broker", "version"), HONOURS, indirect=["small_broker"])
def test_max_fragment_length_is_honoured(small_broker: Broker, version: str) -> None:
    """RFC 6066 section 4: what the client asks for holds for every record, application data too."""
    _, small = heard(small_broker, small_broker.ports[0], "sensor-1", FLAGS[version], "-maxfraglen", "1024")
    assert max(small) <= 1_024 + OVERHEAD


def test_a_reload_takes_other_sizes(small_broker: Broker) -> None:
    toml = small_broker.home / "sealmq.toml"
    before = toml.read_text()
    try:
        toml.write_text(before.replace("max_record = 1024", "max_record = 2048"))
        assert sealmq("reload", "--home", small_broker.home).returncode == 0
        _, sizes = heard(small_broker, small_broker.ports[1], "sensor-1", "-tls1_2")
        assert 1_500 < max(sizes) <= 2_048 + OVERHEAD
    finally:
        toml.write_text(before)
        assert sealmq("reload", "--home", small_broker.home).returncode == 0
