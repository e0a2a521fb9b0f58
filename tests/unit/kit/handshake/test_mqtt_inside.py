from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.handshake.mqtt_inside import level_of, read_packets, size_of, tell_packet
from sealmq.mqtt.packets import ConnAck, Connect, Disconnect, PingReq, Publish, SubAck, Subscribe, Subscription, Will
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet

SECRET = b"correct horse"
CONNECT = Connect(
    client_id="pump-7", keep_alive=30, user_name="ada", password=SECRET, will=Will("a/b", b"gone-payload")
)


def told(packet, level: int = 5):
    (row,) = read_packets(Sender.CLIENT, write_packet(packet, level), 0.5, level=level)
    return row


def test_connect_says_who_and_never_the_password():
    row = told(CONNECT)
    assert row.name == "CONNECT"
    assert "pump-7" in row.line
    assert ("user name", "ada") in row.details
    assert ("password", "13 bytes, not shown") in row.details
    assert "correct" not in repr(row)
    assert "gone-payload" not in repr(row)
    assert row.size == len(write_packet(CONNECT, 5)) == size_of(CONNECT, 5)


def test_both_levels_are_read():
    for level, spoken in ((4, "3.1.1"), (5, "5")):
        data = write_packet(Connect(client_id="a", level=level), level)
        assert level_of(data) == level
        (row,) = read_packets(Sender.CLIENT, data, 0.0, level=0)
        assert f"MQTT {spoken}" in row.line


def test_connack_says_what_came_of_it():
    good = told(ConnAck(properties=Properties(receive_maximum=20, assigned_client_identifier="auto-1")))
    assert good.line == "the broker lets the client in"
    assert ("receive maximum", "20") in good.details
    bad = told(ConnAck(reason_code=0x87, properties=Properties(reason_string="no \x1b[31mway")))
    assert "not authorized (0x87)" in bad.line.lower()
    assert "\x1b" not in repr(bad.details)
    odd = tell_packet(Sender.SERVER, ConnAck(reason_code=0xF0), 4, 0.0)
    assert "no standard" in odd.line


def test_messages_are_told_without_their_payload():
    row = told(Publish("devices/pump-7/state", b"the-payload", qos=1, packet_id=1))
    assert "devices/pump-7/state" in row.line
    assert "11 bytes" in row.line
    assert "the-payload" not in repr(row)


def test_the_others_have_words_too():
    rows = [
        told(Subscribe(1, [Subscription("a/#"), Subscription("b")])),
        told(SubAck(1, [0, 0x87])),
        told(Disconnect()),
        told(Disconnect(reason_code=0x98)),
        told(PingReq()),
        told(ConnAck(properties=Properties(authentication_data=b"secret", user_properties=(("a", "b"),)))),
    ]
    assert "'a/#', 'b'" in rows[0].line
    assert rows[1].line == "1 of 2 subscriptions refused"
    assert rows[2].line == "goodbye"
    assert "(0x98)" in rows[3].line
    assert ("authentication data", "6 bytes, not shown") in rows[5].details
    assert ("user property a", "b") in rows[5].details


def test_several_packets_stand_one_behind_the_other():
    data = write_packet(CONNECT, 5) + write_packet(PingReq(), 5) + b"\x30"
    assert [row.name for row in read_packets(Sender.CLIENT, data, 0.0, level=0)] == ["CONNECT", "PINGREQ"]


@given(st.binary(max_size=300), st.sampled_from([0, 4, 5]))
def test_whatever_the_bytes_are_it_ends(data: bytes, level: int):
    assert len(list(read_packets(Sender.CLIENT, data, 0.0, level=level))) <= 200
    assert level_of(data) in (0, 3, 4, 5)
