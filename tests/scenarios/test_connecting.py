"""CONNECT and what answers it [MQTT 3.1, 3.2]."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import Auth, ConnAck, Connect, PingReq, PingResp, Publish, Will
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet
from stacks import Stage

V5_CONNACK = {
    "receive_maximum": 1_000,
    "maximum_packet_size": 1_048_576,
    "topic_alias_maximum": 16,
    "shared_subscription_available": 0,
}


def test_a_clean_start_is_accepted_without_a_session(stage: Stage, level: int) -> None:
    connack = stage.client(level=level).connect("one", keep_alive=60)
    assert (connack.session_present, connack.reason_code) == (False, 0)
    assert vars(connack.properties) == (V5_CONNACK if level == 5 else {})


def test_a_session_that_lasts_is_present_when_its_client_comes_back(stage: Stage, level: int) -> None:
    expiry = {"session_expiry_interval": 100} if level == 5 else {}
    first = stage.client(level=level)
    assert not first.connect("one", clean_start=False, **expiry).session_present
    first.lose()
    second = stage.client(level=level)
    assert second.connect("one", clean_start=False, **expiry).session_present  # [MQTT-3.2.2-3]
    second.lose()
    assert not stage.client(level=level).connect("one", clean_start=True).session_present  # [MQTT-3.1.2-4]


def test_a_client_without_an_identifier_is_given_one(stage: Stage) -> None:
    connack = stage.client().connect("", keep_alive=60)
    assert connack.properties.assigned_client_identifier == "auto-0"  # [MQTT-3.2.2-16]
    assert stage.session("auto-0") is not None
    assert stage.client().connect("", clean_start=False).properties.assigned_client_identifier == "auto-1"


def test_a_311_client_without_an_identifier_may_not_ask_for_a_session_that_lasts(stage: Stage) -> None:
    client = stage.client(level=4)
    assert client.connect("", clean_start=False).reason_code == 0x85  # as 3.1.1 says it: 0x02, identifier rejected
    assert client.closed
    assert stage.client(level=4).connect("", clean_start=True).reason_code == 0


def test_the_refusal_of_an_empty_identifier_is_return_code_2_on_the_wire(stage: Stage) -> None:
    client = stage.client(level=4)
    client.stop_reading()
    client.raw(write_packet(Connect("", False, level=4), 4))
    assert client.wire.writes == [b"\x20\x02\x00\x02"]


@pytest.mark.parametrize(
    ("name", "protocol_level", "answer"),
    [
        (b"\x00\x04MQTT", 3, b"\x20\x02\x00\x01"),
        (b"\x00\x06MQIsdp", 3, b"\x20\x02\x00\x01"),
        (b"\x00\x04MQTT", 6, b"\x20"),
    ],
)
def test_another_level_of_the_protocol_is_refused_in_its_own_words(
    stage: Stage, name: bytes, protocol_level: int, answer: bytes
) -> None:
    client = stage.client()
    client.stop_reading()
    body = name + bytes((protocol_level, 2, 0, 60)) + b"\x00\x01x"
    client.raw(bytes((0x10, len(body))) + body)
    (said,) = client.wire.writes
    assert said.startswith(answer)
    assert said[3] == (0x84 if protocol_level == 6 else 0x01)
    assert client.closed


def test_another_protocol_gets_no_answer(stage: Stage) -> None:
    client = stage.client()
    client.raw(b"\x10\x0c\x00\x04AMQP\x05\x02\x00\x3c\x00\x00")
    assert client.wire.write_count == 0
    assert client.closed


def test_a_second_connect_ends_the_link(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one")
    client.raw(write_packet(Connect("one", level=level), level))  # [MQTT-3.1.0-2]
    assert client.goodbye() == (0x82 if level == 5 else None)
    assert stage.session("one") is None


def test_a_first_packet_that_is_not_connect_ends_the_link_without_a_word(stage: Stage) -> None:
    for packet in (PingReq(), Publish("a", b"b"), ConnAck()):
        client = stage.client()
        client.raw(write_packet(packet, 5))  # [MQTT-3.1.0-1]
        assert client.closed
        assert client.wire.write_count == 0
    assert stage.house.links == set()


def test_packets_behind_connect_need_not_wait_for_connack(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.send(Connect("one", level=level), PingReq())
    assert [type(packet) for packet in client.packets()] == [ConnAck, PingResp]


def test_an_authentication_method_is_refused(stage: Stage) -> None:
    client = stage.client()
    connack = client.connect("one", authentication_method="SCRAM-SHA-256")
    assert connack.reason_code == 0x8C  # [MQTT-4.12.0-1]
    assert client.closed
    assert stage.session("one") is None


def test_auth_without_a_method_is_a_protocol_error(stage: Stage) -> None:
    client = stage.client()
    client.connect("one")
    client.send(Auth(0x19, Properties(authentication_method="x")))
    assert client.goodbye() == 0x82


def test_a_will_that_the_rules_forbid_refuses_the_client(stage: Stage, level: int) -> None:
    client = stage.client("sensor-1", level=level)
    connack = client.connect("one", will=Will("devices/sensor-2/gone", b"bye"))
    assert connack.reason_code == 0x87
    assert client.closed
    if level == 5:
        assert "devices/sensor-2/gone" in connack.properties.reason_string
    allowed = stage.client("sensor-1", level=level)
    assert allowed.connect("one", will=Will("devices/sensor-1/gone", b"bye")).reason_code == 0


def test_a_refused_connect_takes_nothing_over(stage: Stage) -> None:
    standing = stage.client("sensor-1")
    standing.connect("one")
    refused = stage.client("sensor-1")
    assert refused.connect("one", will=Will("somebody/else", b"")).reason_code == 0x87
    standing.send(PingReq())
    assert [type(packet) for packet in standing.packets()] == [PingResp]


def test_a_refused_certificate_is_told_by_connack(stage: Stage, level: int) -> None:
    stage.registry.revoked.add("sensor-1")
    client = stage.client("sensor-1", level=level)
    connack = client.connect("one")
    assert connack.reason_code == 0x87
    if level == 5:
        assert connack.properties.reason_string == "the certificate of 'sensor-1' was revoked"
    assert client.closed
    assert stage.broker.sessions == {}


def test_the_server_tells_its_keep_alive_where_the_client_asks_for_more_or_none(stage: Stage) -> None:
    for asked, told in ((0, 3_600), (3_601, 3_600), (3_600, None), (1, None)):
        assert stage.client().connect(f"c{asked}", keep_alive=asked).properties.server_keep_alive == told
    assert vars(stage.client(level=4).connect("old", keep_alive=0).properties) == {}


def test_the_server_tells_a_session_expiry_that_is_less_than_was_asked() -> None:
    stage = Stage(session_expiry_maximum=50)
    for asked, told in ((0, None), (50, None), (51, 50), (0xFFFF_FFFF, 50)):
        connack = stage.client().connect(f"c{asked}", session_expiry_interval=asked)
        assert connack.properties.session_expiry_interval == told


def test_for_ever_is_granted_where_the_configuration_allows_it() -> None:
    stage = Stage(session_expiry_maximum=0xFFFF_FFFF)
    client = stage.client()
    assert client.connect("one", session_expiry_interval=0xFFFF_FFFF).properties.session_expiry_interval is None
    client.lose()
    stage.wait(1e9)
    assert stage.client().connect("one", clean_start=False).session_present


def test_a_client_that_takes_only_tiny_packets_is_refused_in_a_tiny_packet(stage: Stage) -> None:
    client = stage.client()
    assert client.connect("one", maximum_packet_size=20).reason_code == 0x83
    assert client.closed


def test_a_connect_above_the_first_limit_is_refused_in_its_own_language(stage: Stage) -> None:
    client = stage.client()
    assert client.connect("x" * 65_535).reason_code == 0x95
    assert client.closed
    early = stage.client()
    early.mqtt.send(Connect("x" * 65_535))
    early.raw(early.mqtt.data_to_send()[:20])  # it need not send all of it first
    assert early.expect(ConnAck).reason_code == 0x95


def test_client_identifiers_may_be_anything_that_is_text(stage: Stage, level: int) -> None:
    for client_id in ("+", "#", "/", "$SYS", "{device}", "ä" * 30, " ", "../../etc/passwd"):
        assert stage.client(level=level).connect(client_id).reason_code == 0
        assert stage.session(client_id) is not None


def test_ping_is_answered(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect()
    client.send(PingReq())
    assert [type(packet) for packet in client.packets()] == [PingResp]  # [MQTT-3.12.4-1]


@pytest.mark.parametrize("level", [4, 5])
def test_a_client_identifier_that_is_too_long_is_refused(level: int) -> None:
    stage = Stage()
    assert stage.client("sensor-1", level=level).connect("ä" * 128).reason_code == 0
    assert stage.client("sensor-1", level=level).connect("ä" * 128 + "x").reason_code == 0x85
