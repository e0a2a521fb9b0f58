"""What was acknowledged is there after a crash, and nothing is acknowledged before it is safe."""

from __future__ import annotations

import pytest

from durable_stage import DurableStage
from sealmq.broker.change import recognize
from sealmq.broker.sessions import SessionKey
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import (
    ConnAck,
    Connect,
    Disconnect,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    Subscription,
    Will,
)
from sealmq.mqtt.properties import Properties
from stacks import Client


@pytest.fixture
def stage() -> DurableStage:
    return DurableStage()


def come(stage: DurableStage, client_id: str, level: int = 5, *, who: str = "other", **how: object) -> Client:
    """A client of a session that lasts, connected; it answers by hand."""
    client = stage.client(who, level, answering=False)
    how = {"clean_start": False} | how
    if level == 5:
        how = {"session_expiry_interval": 1_000} | how
    client.connect(client_id, **how)  # type: ignore[arg-type]
    return client


def absent(stage: DurableStage, client_id: str = "absent", topic_filter: str = "a/#", qos: int = 2) -> None:
    client = come(stage, client_id)
    subscribe(stage, client, topic_filter, qos)
    client.lose()
    stage.commit()


def subscribe(stage: DurableStage, client: Client, topic_filter: str, qos: int) -> None:
    client.send(Subscribe(client.next_id(), [Subscription(topic_filter, qos)]))
    stage.commit()
    assert client.expect(SubAck).reason_codes == [qos]


def drain(stage: DurableStage, client: Client) -> list[bytes]:
    """Take all messages as a client does, to the end."""
    payloads = []
    for _ in range(100):
        stage.commit()
        packets = client.packets()
        if not packets:
            return payloads
        for packet in packets:
            if isinstance(packet, Publish):
                payloads.append(packet.payload)
                client.send(PubAck(packet.packet_id) if packet.qos == 1 else PubRec(packet.packet_id))
            elif isinstance(packet, PubRel):
                client.send(PubComp(packet.packet_id))
    raise AssertionError("it never ends")


# --- what waits for the commit


@pytest.mark.parametrize("qos", [1, 2])
def test_a_publisher_is_answered_when_its_message_is_safe(stage: DurableStage, level: int, qos: int) -> None:
    absent(stage)
    publisher = stage.client(level=level, answering=False)
    publisher.connect("publisher")
    packet_id = publisher.publish("a/1", b"1", qos)
    assert publisher.packets() == []
    stage.hand_over()
    assert publisher.packets() == []
    stage.commit_group()
    assert publisher.packets() == [PubAck(packet_id) if qos == 1 else PubRec(packet_id)]
    stage = stage.crash()
    assert drain(stage, come(stage, "absent")) == [b"1"]


@pytest.mark.parametrize("qos", [1, 2])
def test_a_message_for_nobody_persistent_is_answered_at_once(stage: DurableStage, level: int, qos: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a", qos)
    stage.commit()
    before = stage.store.number
    publisher.publish("a", b"1", qos)
    assert len(publisher.packets()) == qos  # PUBACK; or PUBREC and PUBCOMP
    assert reader.payloads() == [b"1"]
    assert stage.store.number == before


def test_answers_keep_their_order_when_only_some_must_wait(stage: DurableStage, level: int) -> None:
    absent(stage)
    publisher = stage.client(level=level, answering=False)
    publisher.connect("publisher")
    ids = [publisher.publish(topic, b"x", 1) for topic in ("a/1", "nobody", "a/2", "nobody")]
    assert publisher.packets() == []
    stage.commit()
    answered = [packet.packet_id for packet in publisher.packets()]  # type: ignore[attr-defined]
    assert answered == ids  # [MQTT 3.1.1: MQTT-4.6.0-2]


def test_a_refusal_waits_behind_what_came_before(stage: DurableStage) -> None:
    absent(stage, topic_filter="devices/#")
    sensor = stage.client("sensor-1", answering=False)
    sensor.connect("s1")
    ids = [sensor.publish("devices/sensor-1/x", qos=1), sensor.publish("devices/sensor-2/x", qos=1)]
    assert sensor.packets() == []
    stage.commit()
    assert [(packet.packet_id, packet.reason_code) for packet in sensor.packets()] == [  # type: ignore[attr-defined]
        (ids[0], 0),
        (ids[1], ReasonCode.NOT_AUTHORIZED),
    ]


def test_suback_is_a_promise_too(stage: DurableStage) -> None:
    client = come(stage, "s")
    stage.commit()
    client.send(Subscribe(1, [Subscription("a", 1)]))
    assert client.packets() == []
    again = come(stage.crash(), "s")
    assert again.stage.session("s", "other").subscriptions == {}  # type: ignore[union-attr]
    stage.commit()
    assert client.packets() == [SubAck(1, [1])]
    assert list(stage.crash().session("s", "other").subscriptions) == ["a"]  # type: ignore[union-attr]


def test_an_answer_that_its_client_does_not_take_keeps_none_from_the_others(stage: DurableStage) -> None:
    small, other = come(stage, "small", maximum_packet_size=128), come(stage, "other")
    stage.commit()
    with stage.one_turn():
        small.send(Subscribe(1, [Subscription(f"a/{number}") for number in range(200)]))
        other.send(Subscribe(1, [Subscription("b")]))
    stage.commit()
    assert small.goodbye() == ReasonCode.PACKET_TOO_LARGE
    assert other.expect(SubAck).reason_codes == [0]
    assert not stage.broker.dispatch.promises


def test_qos_2_leaves_when_its_packet_identifier_is_safe(stage: DurableStage, level: int) -> None:
    reader = come(stage, "reader", level)
    subscribe(stage, reader, "a", 2)
    publisher = stage.client(answering=False)
    publisher.connect("publisher")
    publisher.publish("a", b"1", 2)
    assert reader.packets() == []
    stage.commit()
    (publish,) = reader.messages()
    after = come(stage.crash(), "reader", level)
    after.stage.commit()
    (again,) = after.messages()
    assert (again.packet_id, again.dup) == (publish.packet_id, True)


def test_pubrel_leaves_when_pubrec_is_safe(stage: DurableStage, level: int) -> None:
    reader = come(stage, "reader", level)
    subscribe(stage, reader, "a", 2)
    publisher = stage.client(answering=False)
    publisher.connect("publisher")
    publisher.publish("a", b"1", 2)
    stage.commit()
    (publish,) = reader.messages()
    reader.send(PubRec(publish.packet_id))
    assert reader.packets() == []
    reader.lose()
    reader = come(stage, "reader", level)  # the same must hold on the next link
    assert reader.packets() == []
    stage.commit()
    assert reader.packets() == [PubRel(publish.packet_id)]
    after = come(stage.crash(), "reader", level)
    after.stage.commit()
    assert after.packets() == [PubRel(publish.packet_id)]


def test_pubcomp_leaves_when_the_identifier_is_free_for_good(stage: DurableStage, level: int) -> None:
    absent(stage)
    publisher = come(stage, "publisher", level, who="operator")
    packet_id = publisher.publish("a", b"1", 2)
    stage.commit()
    assert publisher.packets() == [PubRec(packet_id)]
    publisher.send(PubRel(packet_id))
    assert publisher.packets() == []
    crashed = stage.crash()
    publisher_2 = come(crashed, "publisher", level, who="operator")
    publisher_2.send(PubRel(packet_id))
    crashed.commit()
    assert publisher_2.packets() == [PubComp(packet_id)]  # known: it was not safe that it was free
    assert crashed.crash().session("publisher").incoming == {}  # type: ignore[union-attr]


def test_a_repeated_qos_2_publish_behind_a_crash_is_not_passed_on_again(stage: DurableStage, level: int) -> None:
    absent(stage)
    publisher = come(stage, "publisher", level, who="operator")
    packet_id = publisher.publish("a", b"once", 2)
    stage.commit()
    stage = stage.crash()
    publisher = come(stage, "publisher", level, who="operator")
    publisher.send(Publish("a", b"once", 2, dup=True, packet_id=packet_id))
    stage.commit()
    assert publisher.packets() == [PubRec(packet_id)]
    assert drain(stage, come(stage, "absent")) == [b"once"]


def test_no_session_present_is_a_promise_when_one_was_thrown_away(stage: DurableStage, level: int) -> None:
    absent(stage)
    publisher = stage.client()
    publisher.connect("publisher")
    publisher.publish("a/1", b"old", 1)
    stage.commit()
    client = stage.client("other", level, answering=False)
    client.send(Connect("absent", True, level=level))
    client.send(PingReq(), Subscribe(1, [Subscription("a/#", 1)]))
    publisher.publish("a/1", b"qos 0")
    publisher.publish("a/1", b"new", 1)
    assert client.packets() == []
    assert stage.crash().session("absent", "other").subscriptions  # type: ignore[union-attr]
    stage.commit()
    first, *rest = client.packets()
    assert isinstance(first, ConnAck)
    assert not first.session_present
    assert PingResp() in rest
    assert SubAck(1, [1]) in rest
    assert [packet.payload for packet in rest if isinstance(packet, Publish)] == [b"new"]
    assert stage.crash().session("absent", "other") is None


# --- what comes back


def test_a_takeover_while_promises_wait(stage: DurableStage, level: int) -> None:
    absent(stage)
    old = come(stage, "publisher", level, who="operator")
    packet_id = old.publish("a", b"1", 2)
    new = come(stage, "publisher", level, who="operator")
    new.send(Publish("a", b"1", 2, dup=True, packet_id=packet_id))
    assert old.closed
    stage.commit()
    assert not any(isinstance(packet, PubRec) for packet in old.packets())
    assert new.packets() == [PubRec(packet_id)]
    assert drain(stage, come(stage, "absent")) == [b"1"]


def test_a_session_that_ends_takes_its_promises_along(stage: DurableStage) -> None:
    absent(stage)
    client = come(stage, "s", who="operator")
    client.publish("a", b"1", 1)
    client.send(Disconnect(0))
    again = stage.client("operator", answering=False)
    again.send(Connect("s", True, level=5))
    stage.commit()
    assert [type(packet) for packet in again.packets()] == [ConnAck]
    assert stage.crash().session("s") is None


def test_expiry_changed_by_disconnect_is_kept(stage: DurableStage) -> None:
    client = come(stage, "s")
    client.disconnect(session_expiry_interval=50)
    stage.commit()
    assert stage.crash(49).session("s", "other") is not None
    assert stage.crash(51).session("s", "other") is None
    client = come(stage, "s")
    client.disconnect(session_expiry_interval=0)
    stage.commit()
    assert stage.crash().session("s", "other") is None


def test_expiry_changed_at_reconnect_is_kept(stage: DurableStage) -> None:
    come(stage, "s").lose()
    come(stage, "s", session_expiry_interval=5).lose()
    stage.commit()
    assert stage.crash(4).session("s", "other") is not None
    assert stage.crash(6).session("s", "other") is None
    come(stage, "s", session_expiry_interval=0)
    stage.commit()
    assert stage.crash().session("s", "other") is None


def test_the_will_of_a_link_that_stood_at_the_crash_is_spoken(stage: DurableStage) -> None:
    absent(stage)
    come(stage, "s", who="operator", will=Will("a/now", b"now", 1))
    delayed = Will("a/later", b"later", 1, True, Properties(will_delay_interval=30))
    come(stage, "t", who="third", will=delayed)
    stage.commit()
    stage = stage.crash()
    assert drain(stage, come(stage, "absent")) == [b"now"]
    stage = stage.crash(10)  # spoken once, and not again
    assert drain(stage, come(stage, "absent")) == []
    stage.wait(31)
    stage.commit()
    assert drain(stage, come(stage, "absent")) == [b"later"]
    assert "a/later" in stage.crash().broker.retained


def test_a_will_that_was_spoken_later_is_not_spoken_again_after_a_crash(stage: DurableStage) -> None:
    absent(stage)
    will = Will("a/later", b"later", 1, properties=Properties(will_delay_interval=30))
    come(stage, "s", who="operator", will=will).lose()
    stage.wait(31)
    stage.commit()
    stage = stage.crash()
    stage.wait(100)
    assert drain(stage, come(stage, "absent")) == [b"later"]


@pytest.mark.parametrize(
    ("off", "delay", "spoken", "is_there"),
    [
        (10, 5, True, True),  # its delay passed while nobody ran, the session lives
        (10, 50, False, True),  # neither
        (200, 150, True, False),  # both: once, and the session is gone
        (200, 5_000, True, False),  # the session ended before the delay: then, at the latest [MQTT 3.1.3.2.2]
    ],
)
def test_what_came_due_while_nobody_ran(
    stage: DurableStage, off: float, delay: int, spoken: bool, is_there: bool
) -> None:
    absent(stage)
    will = Will("a/will", b"will", 1, properties=Properties(will_delay_interval=delay))
    leaver = stage.client("operator")
    leaver.connect("leaver", will=will, session_expiry_interval=100)
    subscribe(stage, leaver, "a/x", 1)
    leaver.lose()
    stage.commit()
    stage = stage.crash(off)
    assert (SessionKey("operator", "leaver") in stage.broker.sessions) == is_there
    stage.commit()
    stored = stage.connection.execute("SELECT count(*) FROM sessions WHERE client_id = 'leaver'").fetchone()
    assert stored == (int(is_there),)
    for _ in range(2):  # nor is it said again after another crash
        stage.commit()
        stage = stage.crash()
    assert drain(stage, come(stage, "absent")) == [b"will"] * spoken


def test_message_expiry_counts_down_while_nobody_runs(stage: DurableStage) -> None:
    absent(stage)
    publisher = stage.client()
    publisher.connect("publisher")
    publisher.publish("a", b"short", 1, message_expiry_interval=10)
    publisher.publish("a", b"long", 1, message_expiry_interval=100)
    stage.commit()
    stage = stage.crash(60)
    client = come(stage, "absent")
    stage.commit()
    (message,) = client.messages()
    assert (message.payload, message.properties.message_expiry_interval) == (b"long", 40)


def test_retained_messages_come_back(stage: DurableStage) -> None:
    publisher = stage.client()
    publisher.connect("publisher")
    for topic, payload in (("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", b"")):
        publisher.publish(topic, payload, retain=True)
    publisher.publish("c", b"1", retain=True, message_expiry_interval=10)
    stage.commit()
    after = stage.crash(11)
    assert {message.publish.topic: message.publish.payload for message in after.broker.retained} == {"a": b"2"}
    client = after.client()
    client.connect("x")
    client.subscribe("#")
    (message,) = client.messages()
    assert (message.topic, message.payload, message.retain) == ("a", b"2", True)


def test_a_retained_message_that_is_forgotten_twice_is_safe_twice(stage: DurableStage) -> None:
    one, two = stage.client(answering=False), stage.client("other", answering=False)
    one.connect("1")
    two.connect("2")
    one.publish("a", b"1", retain=True)
    stage.commit()
    one.publish("a", b"", 1, retain=True)
    two.publish("a", b"", 1, retain=True)
    assert two.packets() == []
    stage.commit()
    assert len(two.packets()) == 1


def test_revoked_sessions_end(stage: DurableStage) -> None:
    absent(stage)
    stage.broker.end_sessions("other", stage.clock.now, "it was revoked")
    stage.commit()
    assert stage.crash().session("absent", "other") is None


def test_whose_a_session_is_survives(stage: DurableStage) -> None:
    stage.registry.bearers["other"] = "the first"
    absent(stage)
    stage.commit()
    stage = stage.crash()
    session = stage.session("absent", "other")
    assert session is not None
    assert session.identity.bearer == "the first"
    stage.registry.bearers["other"] = "the second"
    recognize(stage.broker, lambda name: stage.registry.identify(name.encode(), stage.clock.now), stage.clock.now)
    assert stage.session("absent", "other") is None


# --- while the disk refuses


def test_what_needs_the_disk_is_refused_before_anybody_gets_it(stage: DurableStage) -> None:
    absent(stage)
    publisher, reader = stage.client(answering=False), stage.client("third")
    publisher.connect("publisher")
    reader.connect("reader")
    reader.subscribe("#")
    stage.fail()
    for qos in (1, 2):
        publisher.publish("a/1", b"1", qos)
        (answer,) = publisher.packets()
        assert answer.reason_code == ReasonCode.QUOTA_EXCEEDED  # type: ignore[attr-defined]
    publisher.publish("r", b"1", 1, retain=True)
    (answer,) = publisher.packets()
    assert answer.reason_code == ReasonCode.QUOTA_EXCEEDED  # type: ignore[attr-defined]
    assert reader.payloads() == []
    assert stage.counters.refused_disk == 3
    assert stage.session("absent", "other").queue == stage.crash().session("absent", "other").queue  # type: ignore[union-attr]


def test_what_needs_no_disk_goes_on(stage: DurableStage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a", 2)
    stage.commit()
    stage.fail()
    for qos in (0, 1, 2):
        publisher.publish("a", str(qos).encode(), qos)
    assert reader.payloads() == [b"0", b"1", b"2"]
    assert not publisher.closed


@pytest.mark.parametrize("qos", [1, 2])
def test_a_client_of_3_1_1_is_not_acknowledged(stage: DurableStage, qos: int) -> None:
    absent(stage)
    publisher = stage.client(level=4, answering=False)
    publisher.connect("publisher")
    stage.fail()
    publisher.publish("a/1", b"1", qos)
    assert publisher.packets() == []
    assert publisher.closed


def test_what_was_passed_on_is_kept_and_acknowledged_when_it_is_safe(stage: DurableStage) -> None:
    absent(stage)
    new, old = stage.client(answering=False), stage.client("third", 4, answering=False)
    new.connect("5")
    old.connect("3.1.1")
    at_1, at_2 = new.publish("a/1", b"1", 1), new.publish("a/1", b"2", 2)
    old_1 = old.publish("a/1", b"3", 1)
    stage.fail()
    (refused,) = new.packets()
    assert (refused.packet_id, refused.reason_code) == (at_1, ReasonCode.QUOTA_EXCEEDED)  # type: ignore[attr-defined]
    stage.fail()
    assert new.packets() == []
    stage.store.safe()
    stage.store._busy = True
    stage.commit()
    assert new.packets() == [PubRec(at_2)]
    assert old.packets() == [PubAck(old_1)]
    stage = stage.crash()
    assert sorted(drain(stage, come(stage, "absent"))) == [b"1", b"2", b"3"]


def test_sessions_that_exist_come_back_and_new_ones_do_not_begin(stage: DurableStage) -> None:
    absent(stage)
    stage.fail()
    assert come(stage, "absent").stage is stage
    refused = stage.client("third", answering=False)
    assert refused.connect("new", session_expiry_interval=10).reason_code == ReasonCode.SERVER_UNAVAILABLE
    refused = stage.client("other", answering=False)
    assert refused.connect("absent", clean_start=True).reason_code == ReasonCode.SERVER_UNAVAILABLE
    stage.client("third").connect("for now")
    client = come(stage, "absent")
    client.send(Subscribe(1, [Subscription("b", 1)]))
    stage.store.failing = ""
    stage.commit()
    assert client.expect(SubAck).reason_codes == [ReasonCode.QUOTA_EXCEEDED]


def test_memory_is_bounded_while_the_disk_refuses(stage: DurableStage) -> None:
    absent(stage)
    publisher = stage.client(answering=False)
    publisher.connect("publisher")
    stage.fail()
    for number in range(2_000):
        publisher.publish(f"a/{number}", b"x", 1)
        publisher.publish(f"r/{number}", b"x", 0, retain=True)
        publisher.publish(f"r/{number}", b"", 0, retain=True)
    pending = stage.store._pending
    assert not pending.messages
    assert not pending.retained
    assert len(stage.broker.dispatch.promises) == 0


def test_a_message_by_topic_alias_is_kept_under_its_topic(stage: DurableStage) -> None:
    absent(stage)
    publisher = stage.client(answering=False)
    publisher.connect("publisher")
    publisher.publish("a/1", b"1", 1, topic_alias=3)
    publisher.publish("", b"2", 1, topic_alias=3)
    publisher.publish("", b"3", 1, topic_alias=3, message_expiry_interval=100, user_properties=(("k", "v"),))
    publisher.publish("", b"4", 1, topic_alias=3, retain=True)
    stage.commit()
    stage = stage.crash()
    client = come(stage, "absent")
    stage.commit()
    messages = client.messages()
    assert [(message.topic, message.payload) for message in messages] == [("a/1", b"%d" % n) for n in (1, 2, 3, 4)]
    assert all(message.properties.topic_alias is None for message in messages)
    assert messages[2].properties.user_properties == (("k", "v"),)
    assert [(m.publish.topic, m.publish.payload) for m in stage.broker.retained] == [("a/1", b"4")]
