"""Sessions: how long they live, what waits in them, whose they are [MQTT 3.1.2.11.2, 4.1]."""

from __future__ import annotations

import pytest

from sealmq.mqtt.packets import Disconnect, PingReq, PingResp
from sealmq.mqtt.properties import Properties
from sealmq.mqtt.writer import write_packet
from stacks import Client, Stage


def persistent(stage: Stage, level: int, name: str = "operator", **how: object) -> Client:
    client = stage.client(name, level)
    expiry = {"session_expiry_interval": 100} if level == 5 else {}
    client.connect("one", clean_start=False, **(expiry | how))
    return client


def test_a_session_without_expiry_ends_with_its_link(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect("one")
    client.subscribe("a", qos=1)
    client.lose()
    assert stage.broker.sessions == {}
    assert stage.broker.router.route("a").takers == []


def test_a_session_ends_when_its_expiry_has_passed(stage: Stage) -> None:
    client = persistent(stage, 5)
    client.subscribe("a", qos=1)
    client.lose()
    stage.wait(99)
    assert stage.session("one") is not None
    stage.wait(1)
    assert stage.session("one") is None  # [MQTT-4.1.0-2]
    assert stage.broker.router.route("a").takers == []


def test_a_session_that_is_over_does_not_come_back_between_two_ticks(stage: Stage) -> None:
    client = persistent(stage, 5)
    client.lose()
    stage.clock.now += 100
    assert not stage.client().connect("one", clean_start=False).session_present


def test_the_expiry_counts_from_the_last_link(stage: Stage) -> None:
    for _ in range(3):
        persistent(stage, 5).lose()
        stage.wait(60)
    assert stage.session("one") is not None
    stage.wait(41)
    assert stage.session("one") is None


def test_a_standing_link_keeps_its_session_however_long(stage: Stage) -> None:
    persistent(stage, 5).lose()
    stage.wait(50)
    client = persistent(stage, 5, keep_alive=1_000)
    for _ in range(5):
        stage.wait(400)
        client.send(PingReq())
    assert stage.session("one") is not None
    assert not client.closed


def test_a_311_session_lives_as_long_as_the_configuration_says() -> None:
    stage = Stage(session_expiry_maximum=1_000)
    persistent(stage, 4).lose()
    stage.wait(990)
    assert stage.session("one") is not None
    stage.wait(30)
    assert stage.session("one") is None


def test_disconnect_may_change_the_expiry(stage: Stage) -> None:
    client = persistent(stage, 5)
    client.disconnect(session_expiry_interval=0)
    assert stage.session("one") is None
    persistent(stage, 5).disconnect(session_expiry_interval=1_000)
    stage.wait(990)
    assert stage.session("one") is not None


def test_disconnect_may_not_give_an_expiry_that_connect_did_not(stage: Stage) -> None:
    client = stage.client()
    client.connect("one")
    client.raw(write_packet(Disconnect(0, Properties(session_expiry_interval=5)), 5))
    assert client.goodbye() == 0x82  # [MQTT 3.14.2.2.2]
    assert stage.session("one") is None


def test_an_expiry_that_the_broker_cut_to_nothing_may_be_asked_for_again() -> None:
    stage = Stage(session_expiry_maximum=0)
    client = stage.client()
    assert client.connect("one", session_expiry_interval=5).properties.session_expiry_interval == 0
    client.disconnect(session_expiry_interval=5)
    assert client.goodbye() is None


def test_what_comes_while_a_client_is_away_waits_for_it(stage: Stage, level: int) -> None:
    client = persistent(stage, level)
    client.subscribe("a", qos=2)
    client.lose()
    publisher, _ = stage.pair(level)
    for number, qos in enumerate((0, 1, 2, 0, 1)):
        publisher.publish("a", b"%d" % number, qos=qos)
    back = persistent(stage, level)
    assert [(message.payload, message.qos) for message in back.messages()] == [(b"1", 1), (b"2", 2), (b"4", 1)]
    assert stage.session("one").queued_bytes == 0  # type: ignore[union-attr]


def test_a_subscription_at_qos_0_keeps_nothing_for_later(stage: Stage, level: int) -> None:
    client = persistent(stage, level)
    client.subscribe("a", qos=0)
    client.lose()
    publisher, _ = stage.pair(level)
    publisher.publish("a", qos=2)
    assert persistent(stage, level).messages() == []


def test_a_session_may_go_on_at_the_other_level(stage: Stage) -> None:
    client = persistent(stage, 5)
    client.subscribe("a", qos=1)
    client.lose()
    publisher, _ = stage.pair(5)
    publisher.publish("a", b"away", qos=1, user_properties=(("k", "v"),))
    back = persistent(stage, 4)
    for qos in (0, 1):
        publisher.publish("a", b"%d" % qos, qos=qos, user_properties=(("k", "v"),))
    assert back.payloads() == [b"away", b"0", b"1"]
    back.lose()
    again = persistent(stage, 5)
    publisher.publish("a", b"5", user_properties=(("k", "v"),))
    assert [message.properties.user_properties for message in again.messages()] == [(("k", "v"),)]


@pytest.mark.parametrize(("limits", "kept"), [({"queued_messages": 3}, 3), ({"queued_bytes": 850}, 2)])
def test_a_queue_is_bounded_and_what_does_not_fit_is_counted(limits: dict[str, int], kept: int, level: int) -> None:
    stage = Stage(**limits)
    client = persistent(stage, level)
    client.subscribe("a", qos=1)
    client.lose()
    publisher, _ = stage.pair(level)
    for number in range(10):
        publisher.publish("a", b"%d" % number * 100, qos=1)
    back = persistent(stage, level)
    assert [payload[:1] for payload in back.payloads()] == [b"%d" % number for number in range(kept)]
    assert stage.counters.dropped_queue_full == 10 - kept


# --- takeover


def test_a_client_that_connects_again_takes_its_own_place(stage: Stage, level: int) -> None:
    old = persistent(stage, level)
    old.subscribe("a", qos=1)
    new = stage.client(level=level)
    assert new.connect("one", clean_start=False).session_present
    assert old.goodbye() == (0x8E if level == 5 else None)  # [MQTT-3.1.4-3]
    publisher, _ = stage.pair(level)
    publisher.publish("a", b"1", qos=1)
    assert (new.payloads(), old.payloads()) == ([b"1"], [])
    assert len(stage.house.links) == 3


def test_what_the_old_link_did_not_acknowledge_goes_to_the_new_one(stage: Stage, level: int) -> None:
    old = persistent(stage, level)
    old.answering = False
    old.subscribe("a", qos=1)
    publisher, _ = stage.pair(level)
    publisher.publish("a", b"1", qos=1)
    new = persistent(stage, level)
    (message,) = new.messages()
    assert (message.payload, message.dup) == (b"1", True)


def test_the_loss_of_the_old_link_does_not_hurt_the_new_one(stage: Stage, level: int) -> None:
    old = persistent(stage, level)
    old.stop_reading()  # it never learns that it was taken over
    new = persistent(stage, level)
    assert old.wire.finished
    old.lose()
    new.send(PingReq())
    assert [type(packet) for packet in new.packets()] == [PingResp]
    assert stage.session("one").outbox is new.link  # type: ignore[union-attr]


# --- a session belongs to the identity that made it


def test_another_identity_with_the_same_client_identifier_meets_nobody(stage: Stage, level: int) -> None:
    mine = persistent(stage, level, "sensor-1")
    mine.subscribe("devices/sensor-1/#", qos=1)
    theirs = stage.client("sensor-2", level)
    assert not theirs.connect("one", clean_start=False).session_present
    assert not mine.closed
    publisher, _ = stage.pair(level)
    publisher.publish("devices/sensor-1/secret", b"1", qos=1)
    assert (mine.payloads(), theirs.payloads()) == ([b"1"], [])


def test_another_identity_sees_nothing_of_a_session_that_waits(stage: Stage, level: int) -> None:
    mine = persistent(stage, level, "sensor-1")
    mine.subscribe("devices/sensor-1/#", qos=2)
    mine.lose()
    publisher, _ = stage.pair(level)
    publisher.publish("devices/sensor-1/secret", b"1", qos=2)
    for clean_start in (False, True):
        theirs = stage.client("sensor-2", level)
        assert not theirs.connect("one", clean_start=clean_start).session_present
        assert theirs.messages() == []
    assert persistent(stage, level, "sensor-1").payloads() == [b"1"]


def test_a_revoked_identity_loses_every_session(stage: Stage, level: int) -> None:
    here, away = persistent(stage, level, "sensor-1"), stage.client("sensor-1", level)
    away.connect("two", clean_start=False, **({"session_expiry_interval": 100} if level == 5 else {}))
    away.lose()
    persistent(stage, level, "sensor-2").lose()
    stage.broker.end_sessions("sensor-1", stage.clock.now, "its certificate was revoked")
    stage.settle()
    assert here.goodbye() == (0x98 if level == 5 else None)
    assert [key.identity for key in stage.broker.sessions] == ["sensor-2"]


def test_a_link_does_not_outlive_its_certificate(stage: Stage, level: int) -> None:
    stage.registry.not_after["sensor-1"] = stage.clock.now + 100
    client = stage.client("sensor-1", level)
    client.connect("one", keep_alive=60 if level == 5 else 0)
    for _ in range(4):
        stage.wait(24)
        client.send(PingReq())
    assert not client.closed
    stage.wait(6)
    assert client.goodbye() == (0xA0 if level == 5 else None)


# --- memory


def test_reconnecting_leaves_nothing_behind(stage: Stage, level: int) -> None:
    for _ in range(300):
        client = persistent(stage, level, keep_alive=3_600)
        client.lose()
    assert len(stage.broker._agenda) <= 70
    assert len(stage.house.deadlines) == 0
    assert stage.house.links == set()
    assert stage.house.by_serial == {}
    assert stage.house.unflushed == set()


def test_sessions_that_end_are_not_remembered(stage: Stage) -> None:
    for number in range(300):
        client = stage.client()
        client.connect(f"c{number}", session_expiry_interval=1_000)
        client.subscribe(f"a/{number}/#", qos=1)
        client.disconnect(session_expiry_interval=0)
    assert stage.broker.sessions == {}
    assert len(stage.broker._agenda) <= 70
    assert stage.broker.router._tree.below == {}


def test_sessions_that_were_waiting_and_ended_early_are_not_remembered(stage: Stage) -> None:
    for number in range(300):
        first = stage.client()
        first.connect(f"c{number}", session_expiry_interval=1_000)
        first.lose()
        second = stage.client()
        second.connect(f"c{number}", clean_start=True)
        second.lose()
    assert stage.broker.sessions == {}
    assert len(stage.broker._agenda) <= 70
