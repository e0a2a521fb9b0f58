"""The same scripts with the encryption on: OpenSSL on both sides, certificates, refusals."""

from __future__ import annotations

import pytest

from sealmq.errors import TLSError
from sealmq.mqtt.packets import PingReq, PingResp, Will
from stacks import Stage
from tls_pairs import Trust


@pytest.fixture
def stage(trust: Trust) -> Stage:
    return Stage(trust=trust)


def test_two_devices_exchange_messages_through_tls(stage: Stage, level: int) -> None:
    operator, sensor = stage.client("operator", level), stage.client("sensor-1", level)
    operator.connect("one")
    sensor.connect("two")
    operator.subscribe("devices/#", qos=2)
    sensor.subscribe("devices/sensor-1/orders", qos=1)
    for qos in (0, 1, 2):
        sensor.publish("devices/sensor-1/temp", b"%d" % qos, qos=qos)
    operator.publish("devices/sensor-1/orders", b"x" * 50_000, qos=1)
    assert operator.payloads()[:3] == [b"0", b"1", b"2"]
    assert sensor.payloads() == [b"x" * 50_000]
    assert stage.session("two", "sensor-1") is not None
    assert sensor.link.identity == stage.session("two", "sensor-1").identity  # type: ignore[union-attr]


def test_many_messages_of_one_turn_share_a_write_and_records(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a")
    reader.wire.write_count = 0
    reader.stop_reading()
    with stage.one_turn():
        for _ in range(100):
            publisher.publish("a", b"x" * 64)
    assert reader.wire.write_count == 1
    (ciphertext,) = reader.wire.writes
    assert len(ciphertext) < 100 * (64 + 6) + 60  # one record, not a hundred
    reader.read_on()
    assert len(reader.messages()) == 100


def test_a_client_may_speak_in_the_smallest_pieces(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect()
    client.tls.send(b"\xc0\x00" * 3)
    for byte in client.tls.data_to_send():
        client.link.bytes_received(memoryview(bytes((byte,))))
    stage.settle()
    assert [type(packet) for packet in client.packets()] == [PingResp] * 3


def test_the_goodbye_and_close_notify_come_in_one_write(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.wire.write_count = 0
    client.raw(b"\x00\x00")
    assert client.wire.write_count == 1
    assert client.goodbye() == 0x81
    assert client.tls.closed


def test_close_notify_without_disconnect_lets_the_will_speak(stage: Stage) -> None:
    mourner, _ = stage.pair()
    mourner.subscribe("gone")
    client = stage.client()
    client.connect("one", will=Will("gone", b"bye"))
    client.tls.close()
    client.carry()
    stage.settle()
    assert mourner.payloads() == [b"bye"]
    assert client.closed


def test_a_record_that_was_tampered_with_ends_the_link(stage: Stage) -> None:
    mourner, _ = stage.pair()
    mourner.subscribe("gone")
    client = stage.client()
    client.connect("one", will=Will("gone", b"bye"))
    client.tls.send(b"\xc0\x00")
    record = bytearray(client.tls.data_to_send())
    record[-1] ^= 1
    client.link.bytes_received(memoryview(record))
    assert client.closed
    with pytest.raises(TLSError):
        stage.settle()  # the client is sent the alert
    assert stage.broker.sessions.keys() == {("operator", "publisher"), ("other", "subscriber")}


def test_a_device_that_is_revoked_behind_the_handshake_learns_it_by_connack(stage: Stage, level: int) -> None:
    client = stage.client("sensor-1", level)
    stage.registry.revoked.add("sensor-1")
    late = stage.client("sensor-1", level)
    assert late.connect().reason_code == 0x87
    assert late.closed
    assert client.connect().reason_code == 0  # identified before: the server cuts standing links by serial
    assert stage.house.by_serial["serial of sensor-1"] == {client.link}


def test_a_foreign_certificate_gets_an_alert(stage: Stage, trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "device_ca", trust.foreign_ca)
    with pytest.raises(TLSError) as refusal:
        stage.client("sensor-1")
    assert refusal.value.alert == "unknown_ca"
    (client,) = stage.clients
    assert client.closed
    assert client.link.identity is None


def test_half_a_handshake_is_cut_in_time(trust: Trust) -> None:
    stage = Stage()
    stage._server_tls = trust.server()
    client = stage.client()  # its own side speaks no TLS at all
    stage.wait(9)
    assert not client.closed
    stage.wait(3)
    assert client.wire.aborted


def test_a_stranger_that_speaks_mqtt_in_the_clear_is_closed(trust: Trust, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage._server_tls = trust.server()
    client = stage.client()
    with caplog.at_level("WARNING"):
        client.raw(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00")
    assert client.closed
    assert "MQTT without encryption" in caplog.text
    assert stage.broker.sessions == {}


def test_a_link_over_tls_answers_pings_after_a_long_conversation(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.subscribe("a", qos=1)
    for number in range(200):
        client.publish("a", b"%d" % number * 50, qos=number % 3)
    assert len(client.messages()) == 200
    client.packets()
    client.send(PingReq())
    assert [type(packet) for packet in client.packets()] == [PingResp]
