"""Who may say what to whom: default deny, seen from the clients."""

from __future__ import annotations

import pytest

from sealmq.broker.rules import ACTIONS, Rule
from sealmq.mqtt.packets import PubAck, PubRec, SubAck, Subscribe, Subscription, Will
from stacks import Stage

DENIED = 0x87


def rule(effect: str, *topics: str, role: str | None = None, device: str | None = None) -> Rule:
    return Rule(role, device, effect, ACTIONS, topics)  # type: ignore[arg-type]


def denied(level: int) -> int:
    return DENIED if level == 5 else 0x80


def test_a_device_speaks_and_listens_below_its_own_name(stage: Stage, level: int) -> None:
    sensor = stage.client("sensor-1", level)
    sensor.connect()
    for topic_filter in ("devices/sensor-1/#", "devices/sensor-1", "devices/sensor-1/+/x", "devices/sensor-1/a"):
        assert sensor.subscribe(topic_filter, qos=1) == [1]
    for topic_filter in ("#", "+/sensor-1/a", "devices/#", "devices/+/a", "devices/sensor-2/a", "devices", "$SYS/#"):
        assert sensor.subscribe(topic_filter) == [denied(level)], topic_filter
    sensor.publish("devices/sensor-1/a", b"mine")
    assert sensor.payloads() == [b"mine"]


def test_what_is_not_allowed_reaches_nobody_and_is_told_where_the_level_can(stage: Stage, level: int) -> None:
    sensor = stage.client("sensor-1", level, answering=False)
    sensor.connect()
    spy = stage.client(level=level)
    spy.connect("spy")
    spy.subscribe("#", qos=2)
    for qos in (0, 1, 2):
        sensor.publish("devices/sensor-2/a", qos=qos, retain=True)
    assert spy.messages() == []
    assert stage.broker.retained.count == 0
    puback, pubrec = sensor.packets()
    code = DENIED if level == 5 else 0  # [MQTT-3.3.5-2] of 3.1.1
    assert isinstance(puback, PubAck)
    assert isinstance(pubrec, PubRec)
    assert (puback.reason_code, pubrec.reason_code) == (code, code)
    assert not sensor.closed


def test_each_filter_of_a_subscribe_has_its_own_answer(stage: Stage, level: int) -> None:
    sensor = stage.client("sensor-1", level)
    sensor.connect()
    filters = [Subscription("devices/sensor-1/a", 2), Subscription("b", 1), Subscription("devices/sensor-1/c")]
    sensor.send(Subscribe(7, filters))
    suback = sensor.expect(SubAck)
    assert suback.reason_codes == [2, denied(level), 0]  # [MQTT-3.8.4-6], in order [MQTT-3.9.3-1]
    if level == 5:
        assert suback.properties.reason_string == "b: no rule allows it"


def test_a_client_that_wants_no_reasons_gets_none(stage: Stage) -> None:
    sensor = stage.client("sensor-1")
    sensor.connect(request_problem_information=0)
    sensor.send(Subscribe(7, [Subscription("b")]))
    assert vars(sensor.expect(SubAck).properties) == {}  # [MQTT-3.1.2-29]
    sensor.publish("b", qos=1)
    assert vars(sensor.expect(PubAck).properties) == {}


def test_reasons_that_do_not_fit_the_client_are_left_out(stage: Stage) -> None:
    sensor = stage.client("sensor-1")
    sensor.connect(maximum_packet_size=200)
    sensor.send(Subscribe(7, [Subscription("b")]))
    assert sensor.expect(SubAck).properties.reason_string == "b: no rule allows it"
    sensor.send(Subscribe(8, [Subscription("b" * 300)]))
    assert vars(sensor.expect(SubAck).properties) == {}  # [MQTT-3.9.2-1]


@pytest.mark.parametrize("client_id", ["+", "#", "a/b", "a+", "+/b", "x\u0085y", "\u2028"])
def test_a_hostile_client_identifier_widens_nothing(level: int, client_id: str) -> None:
    stage = Stage([rule("allow", "clients/{client_id}/#", "{client_id}/x")])
    hostile, honest = stage.client("sensor-1", level), stage.client("sensor-2", level)
    hostile.connect(client_id)
    honest.connect("b")
    for topic_filter in ("clients/+/#", "clients/#", "#", "clients/b/#", f"clients/{client_id}/#"):
        assert hostile.subscribe(topic_filter)[0] >= 0x80, topic_filter
    assert honest.subscribe("clients/b/#") == [0]
    honest.publish("clients/b/secret")
    assert hostile.messages() == []
    assert len(honest.messages()) == 1


def test_a_client_identifier_with_a_dollar_does_not_open_the_servers_topics(stage: Stage, level: int) -> None:
    stage = Stage([rule("allow", "{client_id}/#", "own/{client_id}/#")])
    client = stage.client("sensor-1", level)
    client.connect("$SYS")
    assert client.subscribe("$SYS/#")[0] >= 0x80
    assert client.subscribe("own/$SYS/#") == [0]


def test_a_client_identifier_that_looks_like_a_placeholder_stays_what_it_is(stage: Stage, level: int) -> None:
    stage = Stage([rule("allow", "{client_id}/{device}/#")])
    client = stage.client("sensor-1", level)
    client.connect("{device}")
    assert client.subscribe("sensor-1/sensor-1/#")[0] >= 0x80
    assert client.subscribe("{device}/sensor-1/#") == [0]


def test_a_denial_is_met_by_every_filter_that_touches_it(level: int) -> None:
    stage = Stage([rule("deny", "plant/+/secret/#"), rule("allow", "plant/#")])
    client = stage.client("sensor-1", level)
    client.connect()
    for topic_filter in ("plant/#", "plant/+/secret", "plant/1/#", "plant/1/secret/a", "plant/+/+"):
        assert client.subscribe(topic_filter) == [denied(level)], topic_filter
    for topic_filter in ("plant/1", "plant/+/open/#", "plant/1/open"):
        assert client.subscribe(topic_filter) == [0], topic_filter
    client.publish("plant/1/secret/a")
    client.publish("plant/1/open")
    assert {message.topic for message in client.messages()} == {"plant/1/open"}


@pytest.mark.parametrize("client_id", ["a/b", "+", "$SYS", "plain"])
def test_a_denial_is_not_escaped_by_a_hostile_client_identifier(client_id: str) -> None:
    stage = Stage([rule("deny", "private/{client_id}/#", "$SYS/{client_id}/#"), rule("allow", "#", "$SYS/#")])
    client = stage.client()
    client.connect(client_id)
    assert client.subscribe(f"private/{client_id}/x")[0] >= 0x80
    assert client.subscribe(f"$SYS/{client_id}/x")[0] >= 0x80
    assert client.subscribe("open") == [0]


def test_the_first_rule_that_matches_decides(level: int) -> None:
    stage = Stage([rule("allow", "a", device="sensor-*"), rule("deny", "a"), rule("allow", "b", role="gateway")])
    stage.registry.roles["gate"] = "gateway"
    answers = {}
    for name in ("sensor-1", "gate", "operator"):
        client = stage.client(name, level)
        client.connect()
        answers[name] = (client.subscribe("a")[0] < 0x80, client.subscribe("b")[0] < 0x80)
    assert answers == {"sensor-1": (True, False), "gate": (False, True), "operator": (False, False)}


def test_a_client_that_comes_back_in_another_role_keeps_only_what_it_may_have(stage: Stage) -> None:
    stage.registry.roles["sensor-1"] = "operator"
    client = stage.client("sensor-1")
    client.connect("one", session_expiry_interval=100)
    assert [client.subscribe(one, qos=1) for one in ("#", "devices/sensor-1/a")] == [[1], [1]]
    client.lose()
    stage.registry.roles["sensor-1"] = "device"
    back = stage.client("sensor-1")
    assert back.connect("one", clean_start=False).session_present
    publisher, _ = stage.pair()
    publisher.publish("secret", qos=1)
    publisher.publish("devices/sensor-1/a", qos=1)
    assert [message.topic for message in back.messages()] == ["devices/sensor-1/a"]


def test_a_remembered_permission_ends_with_the_link(stage: Stage) -> None:
    stage.registry.roles["sensor-1"] = "operator"
    client = stage.client("sensor-1")
    client.connect("one", session_expiry_interval=100)
    client.publish("anything", qos=1)
    client.lose()
    stage.registry.roles["sensor-1"] = "device"
    back = stage.client("sensor-1")
    back.connect("one", clean_start=False)
    back.publish("anything", qos=1)
    assert [packet.reason_code for packet in back.packets() if isinstance(packet, PubAck)] == [DENIED]


def test_nobody_hears_what_was_not_for_them(stage: Stage, level: int) -> None:
    names = [f"sensor-{number}" for number in range(5)]
    sensors = {}
    for name in names:
        sensors[name] = stage.client(name, level)
        sensors[name].connect("the same client identifier")
        sensors[name].subscribe(f"devices/{name}/#", qos=1)
    for name in names:
        for qos in (0, 1, 2):
            sensors[name].publish(f"devices/{name}/x", name.encode(), qos=qos, retain=True)
    for name in names:
        assert {message.payload for message in sensors[name].messages()} == {name.encode()}


def test_rules_without_any_rule_deny_everything(level: int) -> None:
    stage = Stage([])
    client = stage.client(level=level)
    client.connect()
    assert client.subscribe("a") == [denied(level)]


def test_topics_that_are_too_deep_or_too_long_are_refused() -> None:
    stage = Stage(topic_levels=3, topic_length=10)
    client = stage.client()
    client.connect()
    for topic, allowed in {"a/b/c": True, "a/b/c/d": False, "a" * 10: True, "a" * 11: False, "ä" * 6: False}.items():
        client.publish(topic, qos=1)
        assert (client.expect(PubAck).reason_code == 0x90) is not allowed
        assert (client.subscribe(topic) == [0x8F]) is not allowed
    assert stage.client().connect("two", will=Will("a/b/c/d", b"")).reason_code == 0x90
