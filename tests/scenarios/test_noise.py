"""Whatever bytes a client sends: the link ends with a reason, or stands, and the house goes on serving."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packet_strategies import packets
from sealmq.broker.quiet import SPAN, TOLD
from sealmq.mqtt.codes import REASON_CODES, PacketType
from sealmq.mqtt.writer import write_packet
from stacks import Client, Stage


@st.composite
def mutated(draw: st.DrawFn, level: int) -> bytes:
    """Valid packets, of which some bytes were changed, cut out, doubled or put in."""
    wire = bytearray(b"".join(write_packet(one, level) for one in draw(st.lists(packets(level), max_size=5))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(wire)))
        match draw(st.sampled_from(("change", "cut", "double", "insert"))):
            case "change" if at < len(wire):
                wire[at] = draw(st.integers(0, 255))
            case "cut":
                del wire[at : at + draw(st.integers(1, 4))]
            case "double":
                wire[at:at] = wire[at : at + 8]
            case _:
                wire[at:at] = draw(st.binary(max_size=4))
    return bytes(wire)


def cut(draw: st.DrawFn, wire: bytes) -> list[bytes]:
    """The bytes in pieces of any size."""
    places = sorted(draw(st.sets(st.integers(0, len(wire)), max_size=6)))
    return [wire[start:stop] for start, stop in zip([0, *places], [*places, len(wire)], strict=True)]


def speak(stage: Stage, client: Client, pieces: list[bytes]) -> None:
    for piece in pieces:
        if not client.closed:
            client.link.bytes_received(memoryview(piece))
            stage.flush()


def check(stage: Stage, client: Client) -> None:
    """The link stands or has ended in order, and two others can still talk."""
    client.answering = False
    stage.settle()
    assert (client.link in stage.house.links) is not client.closed
    if client.closed and (reason_code := client.goodbye()) is not None:
        assert reason_code in REASON_CODES[PacketType.DISCONNECT]
        assert reason_code >= 0x80
    publisher, reader = stage.pair()
    reader.subscribe("still/alive", qos=1)
    publisher.publish("still/alive", b"yes", qos=1)
    assert b"yes" in reader.payloads()


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from((4, 5)))
def test_noise_from_a_connected_client_hurts_nobody(data: st.DataObject, level: int) -> None:
    stage = Stage()
    client = stage.client(level=level)
    client.connect("noisy")
    speak(stage, client, cut(data.draw, data.draw(mutated(level) | st.binary(max_size=60))))
    check(stage, client)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from((4, 5)))
def test_noise_from_a_stranger_hurts_nobody(data: st.DataObject, level: int) -> None:
    stage = Stage()
    client = stage.client(level=level)
    client.mqtt.level = level
    noise = data.draw(
        mutated(level) | st.binary(max_size=60) | st.binary(max_size=40).map(b"\x10\x20\x00\x04MQTT".__add__)
    )
    for piece in cut(data.draw, noise):
        if not client.closed:
            client.link.bytes_received(memoryview(piece))
            stage.house.flush()
    assert (client.link.session is None) or client.link.session.outbox is client.link
    client.lose()
    assert stage.house.links == set()
    publisher, reader = stage.pair()
    reader.subscribe("still/alive", qos=1)
    publisher.publish("still/alive", b"yes", qos=1)
    assert b"yes" in reader.payloads()


def test_who_sends_noise_again_and_again_writes_a_few_lines_and_a_number(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sealmq")
    stage = Stage()
    sensor = stage.client("sensor-1")
    sensor.connect()
    for _ in range(500):
        stage.client("sensor-2").raw(b"\x10\x02\xff\xff")
    assert len(caplog.records) < 2 * TOLD
    caplog.clear()
    stage.house.tell_rest(stage.clock.now + SPAN)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"... and {500 - TOLD} more connections ended before they had a session from 192.0.2.7 in")
    caplog.clear()
    sensor.raw(b"\x10\x02\xff\xff")
    assert len(caplog.records) == 1, "what ends a session always has its line"
