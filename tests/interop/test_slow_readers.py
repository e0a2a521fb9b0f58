"""A reader that does not read: the broker's memory stays bounded, its writers go on, and everybody else is served."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop_homes import make_home, start
from mqtt_bytes import PINGREQ, connect_v5, packet, publish, read_packet, subscribe, text
from running import Broker

TOML = """
[limits]
buffered_bytes = 262_144
queued_bytes = 1_000_000

[log]
level = "debug"
"""

PIECE = bytes(65_536)
PIECES = 768
"""48 MiB in all: far more than kernel buffers and the broker's bounds together."""

BOUND = 24_000_000
"""What the broker may grow by: its bounds (8 x 256 KiB, 1 MB of queue), a few of one turn's buffers, and slack."""


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with small buffers."""
    yield from start(make_home(tmp_path_factory.mktemp("bounded") / "home", TOML, ("sensor-1", "sensor-2")))


def with_identifier(topic: str, number: int) -> bytes:
    """PUBLISH of MQTT 5 at QoS 1."""
    return packet(0x32, text(topic) + number.to_bytes(2, "big") + b"\x00" + PIECE)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_fast_writer_and_a_reader_that_does_not_read(bounded: Broker, qos: int) -> None:
    topic = f"devices/sensor-1/flood/{qos}"
    with contextlib.ExitStack() as stack:
        reader, writer, talker, hearer = (
            stack.enter_context(bounded.tls(name)) for name in ("operator", "sensor-1", "sensor-2", "operator")
        )
        for connection in (reader, writer, talker, hearer):
            connect_v5(connection)
        reader.sendall(subscribe(topic, qos))
        hearer.sendall(subscribe("devices/sensor-2/talk"))
        assert read_packet(reader)[0] == read_packet(hearer)[0] == 0x90
        before = bounded.resident_bytes()
        for number in range(1, PIECES + 1):
            if qos:
                writer.sendall(with_identifier(topic, number))
                first, _ = read_packet(writer)
                assert first == 0x40
            else:
                writer.sendall(publish(topic, PIECE))
            if number % 64 == 0:
                talker.sendall(publish("devices/sensor-2/talk", b"still here"))
                first, body = read_packet(hearer)
                assert first == 0x30
                assert body.endswith(b"still here")
                assert bounded.resident_bytes() - before < BOUND
        writer.sendall(PINGREQ)
        while read_packet(writer)[0] != 0xD0:
            pass
        assert bounded.resident_bytes() - before < BOUND
        # The slow one has lost messages, but nothing is torn: whole packets come, then the answer to its ping.
        reader.sendall(PINGREQ)
        received = 0
        while True:
            first, body = read_packet(reader)
            if first == 0xD0:
                break
            assert first & 0xF6 == 0x30 | qos << 1
            assert len(body) > len(PIECE)
            received += 1
        assert 0 < received < PIECES


def test_a_client_that_does_not_read_holds_nobody_up_at_the_end(tmp_path: Path) -> None:
    broker = Broker(make_home(tmp_path / "home", TOML, ("sensor-1",)))
    with contextlib.ExitStack() as stack:
        stack.callback(broker.kill)
        reader, writer = stack.enter_context(broker.tls("operator")), stack.enter_context(broker.tls("sensor-1"))
        for connection in (reader, writer):
            connect_v5(connection)
        reader.sendall(subscribe("devices/sensor-1/last"))
        assert read_packet(reader)[0] == 0x90
        for _ in range(200):
            writer.sendall(publish("devices/sensor-1/last", PIECE))
        writer.sendall(PINGREQ)
        assert read_packet(writer)[0] == 0xD0
        assert broker.end() == 0
