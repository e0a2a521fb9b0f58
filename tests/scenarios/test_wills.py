"""The will: said when a client is lost, at the time it asked for [MQTT 3.1.2.5, 3.1.3.2]."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import Will
from sealmq.mqtt.properties import Properties
from stacks import Client, Stage


@pytest.fixture
def mourner(stage: Stage) -> Client:
    client = stage.client("other")
    client.connect("mourner")
    client.subscribe("gone/#", qos=2, retain_as_published=True)
    return client


def delayed(seconds: int, **properties: object) -> Will:
    return Will("gone/one", b"bye", 1, properties=Properties(will_delay_interval=seconds, **properties))


def test_the_will_of_a_lost_client_is_spoken_at_once(stage: Stage, mourner: Client, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one", will=Will("gone/one", b"bye", 2, True))
    assert mourner.messages() == []
    client.lose()
    (message,) = mourner.messages()  # without a tick: within the turn [MQTT-3.1.2-8]
    assert (message.topic, message.payload, message.qos, message.retain) == ("gone/one", b"bye", 2, True)


def test_a_client_that_says_goodbye_takes_its_will_along(stage: Stage, mourner: Client, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one", will=Will("gone/one", b"bye"))
    client.disconnect()
    stage.wait(10)
    assert mourner.messages() == []  # [MQTT-3.14.4-3]


@pytest.mark.parametrize("reason_code", [0x04, 0x80, 0x81, 0x93])
def test_any_goodbye_but_the_normal_one_lets_the_will_speak(stage: Stage, mourner: Client, reason_code: int) -> None:
    client = stage.client()
    client.connect("one", will=Will("gone/one", b"bye"))
    client.disconnect(reason_code)
    assert mourner.payloads() == [b"bye"]


def test_tls_that_is_closed_without_a_goodbye_is_a_loss(stage: Stage, mourner: Client, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one", will=Will("gone/one", b"bye"))
    client.link._tls.closed = True
    client.raw(b"")
    assert mourner.payloads() == [b"bye"]


def test_silence_for_longer_than_the_keep_alive_is_a_loss(stage: Stage, mourner: Client, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one", keep_alive=10, will=Will("gone/one", b"bye"))
    stage.wait(14.5)
    assert mourner.messages() == []
    stage.wait(2.5)  # [MQTT-3.1.2-22], late by up to a second and a tick
    assert mourner.payloads() == [b"bye"]
    assert client.goodbye() == (0x8D if level == 5 else None)


def test_a_packet_that_breaks_the_standard_is_a_loss(stage: Stage, mourner: Client, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one", will=Will("gone/one", b"bye"))
    client.raw(b"\x00\x00")
    assert mourner.payloads() == [b"bye"]


def test_a_delayed_will_waits(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(10))
    client.lose()
    stage.wait(9.5)
    assert mourner.messages() == []
    stage.wait(1)
    (message,) = mourner.messages()
    assert vars(message.properties) == {}  # the delay is the server's alone


def test_a_client_that_comes_back_in_time_takes_its_will_back(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(10))
    client.lose()
    stage.wait(9)
    back = stage.client()
    assert back.connect("one", clean_start=False, session_expiry_interval=100).session_present
    stage.wait(50)
    assert mourner.messages() == []  # [MQTT-3.1.3-9]
    back.lose()
    stage.wait(200)
    assert mourner.messages() == []  # the new connection brought no will


def test_a_client_that_comes_back_between_two_ticks_is_late_all_the_same(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(10))
    client.lose()
    stage.clock.now += 10
    assert stage.client().connect("one", clean_start=False).session_present
    assert mourner.payloads() == [b"bye"]


def test_a_delay_that_outlives_the_session_ends_with_it(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=5, will=delayed(50))
    client.lose()
    stage.wait(4)
    assert mourner.messages() == []
    stage.wait(2)
    assert mourner.payloads() == [b"bye"]  # [MQTT-3.1.2-8]
    stage.wait(100)
    assert mourner.messages() == []


def test_without_a_session_that_lasts_there_is_no_delay(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", will=delayed(50))
    client.lose()
    assert mourner.payloads() == [b"bye"]


def test_a_clean_start_speaks_the_will_that_was_waiting(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(50))
    client.lose()
    stage.client().connect("one", clean_start=True)
    assert mourner.payloads() == [b"bye"]  # the session ended


@pytest.mark.parametrize(
    ("clean_start", "delay", "spoken"), [(False, 0, True), (False, 50, False), (True, 0, True), (True, 50, True)]
)
def test_a_takeover_speaks_the_will_unless_it_is_delayed_and_the_session_goes_on(
    stage: Stage, mourner: Client, clean_start: bool, delay: int, spoken: bool
) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(delay))
    stage.client().connect("one", clean_start=clean_start, session_expiry_interval=100)
    assert mourner.payloads() == ([b"bye"] if spoken else [])


def test_disconnect_with_will_obeys_the_delay(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=delayed(10))
    client.disconnect(0x04)
    assert mourner.messages() == []
    stage.wait(11)
    assert mourner.payloads() == [b"bye"]


def test_a_retained_will_is_kept_and_carries_its_properties(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    will = Will("gone/one", b"bye", retain=True, properties=Properties(content_type="text", message_expiry_interval=60))
    client.connect("one", will=will)
    client.lose()
    mourner.messages()
    mourner.subscribe("gone/one")
    (message,) = mourner.messages()
    assert (message.retain, message.payload) == (True, b"bye")
    assert vars(message.properties) == {"content_type": "text", "message_expiry_interval": 60}


def test_an_empty_retained_will_clears_the_topic(stage: Stage, mourner: Client) -> None:
    client = stage.client()
    client.connect("one", will=Will("gone/one", b"", retain=True))
    client.publish("gone/one", b"I am here", retain=True)
    client.lose()
    assert stage.broker.retained.count == 0


def test_a_will_reaches_its_own_session_when_that_lasts(stage: Stage) -> None:
    client = stage.client()
    client.connect("one", session_expiry_interval=100, will=Will("gone/one", b"bye", 1))
    client.subscribe("gone/one", qos=1)
    client.lose()
    back = stage.client()
    back.connect("one", clean_start=False)
    assert back.payloads() == [b"bye"]


def test_the_shutdown_of_the_broker_says_goodbye_to_everybody(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one")
    for link in list(stage.house.links):
        link.end(0x8B, "the broker is shutting down")
    stage.settle()
    assert client.goodbye() == (0x8B if level == 5 else None)
    assert stage.house.links == set()
