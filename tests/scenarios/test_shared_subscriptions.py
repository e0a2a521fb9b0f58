"""Shared subscriptions [MQTT 4.8.2]: each message to one member of the group, and none lost when a member drops."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from durable_stage import DurableStage
from sealmq.broker.rules import ACTIONS, Rule
from sealmq.broker.sessions import Delivery
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import Connect, PubAck, Publish, PubRec, PubRel, Subscribe, Subscription
from stacks import Client, Stage

SHARED = "$share/workers/jobs/#"


def worker(stage: Stage, number: int, level: int = 5, qos: int = 1, *, lasts: bool = False, **how: Any) -> Client:
    """A member of the group, as a client of its own."""
    client = stage.client("other", level, answering=how.pop("answering", True))
    expiry = {"session_expiry_interval": 100} if lasts and level == 5 else {}
    client.connect(f"worker {number}", clean_start=not lasts, **expiry, **how.pop("connect", {}))
    assert client.subscribe(SHARED, qos=qos, **how) == [qos]
    return client


def publisher(stage: Stage) -> Client:
    client = stage.client()
    client.connect("publisher")
    return client


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member_and_members_take_turns(stage: Stage, level: int, qos: int) -> None:
    workers = [worker(stage, number, level, qos=2) for number in range(3)]
    boss = publisher(stage)
    for number in range(30):
        boss.publish(f"jobs/{number}", b"%d" % number, qos=qos)
    heard = [one.payloads() for one in workers]
    assert [len(one) for one in heard] == [10, 10, 10]
    assert sorted(int(payload) for one in heard for payload in one) == list(range(30))


def test_the_server_does_not_say_that_there_are_none(stage: Stage) -> None:
    client = stage.client()
    assert client.connect().properties.shared_subscription_available is None  # absent: there are


def test_each_group_gets_a_copy_and_so_does_an_ordinary_subscription(stage: Stage) -> None:
    boss, reader = stage.pair()
    for topic_filter in ("$share/one/a", "$share/two/a", "$share/one/+", "a"):
        assert reader.subscribe(topic_filter, qos=1) == [1]
    boss.publish("a", qos=1)
    assert len(reader.messages()) == 4
    assert reader.unsubscribe("$share/one/a", "$share/one/a", "$share/three/a", "a") == [0, 0x11, 0x11, 0]
    boss.publish("a", qos=1)
    assert len(reader.messages()) == 2


def test_a_member_gets_the_qos_that_it_was_granted(stage: Stage) -> None:
    one, two = worker(stage, 1, qos=0), worker(stage, 2, qos=2)
    boss = publisher(stage)
    for _ in range(4):
        boss.publish("jobs/1", qos=1)
    assert [message.qos for message in one.messages()] == [0, 0]  # [MQTT-4.8.2-3]
    assert [message.qos for message in two.messages()] == [1, 1]


def test_options_and_identifiers_are_the_members_own(stage: Stage) -> None:
    one = worker(stage, 1, identifier=7, retain_as_published=True)
    two = worker(stage, 2)
    boss = publisher(stage)
    for qos in (1, 1, 0, 0):
        boss.publish("jobs/1", qos=qos, retain=True)
    assert [(one.retain, one.properties.subscription_identifiers) for one in one.messages()] == [(True, (7,))] * 2
    assert [(one.retain, one.properties.subscription_identifiers) for one in two.messages()] == [(False, ())] * 2


def test_no_local_is_a_protocol_error(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.raw(b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04")
    assert client.goodbye() == 0x82  # [MQTT-3.8.3-4]


@pytest.mark.parametrize(
    "topic_filter", ["$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/g#/a", "$share/g/a#"]
)
def test_a_shared_filter_that_is_none_is_refused(stage: Stage, level: int, topic_filter: str) -> None:
    client = stage.client(level=level)
    client.connect()
    assert client.subscribe(topic_filter) == [0x8F if level == 5 else 0x80]  # [MQTT-4.8.2-1], [MQTT-4.8.2-2]


def test_rules_are_asked_about_what_the_group_wants(level: int) -> None:
    stage = Stage(
        [Rule(None, None, "deny", ACTIONS, ("jobs/secret",)), Rule(None, None, "allow", ACTIONS, ("jobs/#",))]
    )
    client = stage.client("sensor-1", level)
    client.connect()
    denied = 0x87 if level == 5 else 0x80
    for topic_filter in ("$share/g/#", "$share/g/jobs/#", "$share/g/jobs/secret", "$share/jobs/other"):
        assert client.subscribe(topic_filter) == [denied], topic_filter
    assert client.subscribe("$share/g/jobs/open") == [0]


def test_what_is_retained_is_not_for_groups(stage: Stage, level: int) -> None:
    boss = publisher(stage)
    boss.publish("jobs/1", qos=1, retain=True)
    one = worker(stage, 1, level)
    assert one.messages() == []


def test_who_is_connected_goes_before_who_is_away(stage: Stage, level: int) -> None:
    away, here = worker(stage, 1, level, lasts=True), worker(stage, 2, level)
    away.lose()
    boss = publisher(stage)
    for _ in range(4):
        boss.publish("jobs/1", qos=1)
    assert len(here.messages()) == 4


def test_sessions_that_last_keep_the_messages_when_nobody_is_here(stage: Stage, level: int) -> None:
    members = [worker(stage, number, level, lasts=True, qos=qos) for number, qos in enumerate((1, 1, 0))]
    for one in members:
        one.lose()
    boss = publisher(stage)
    for number in range(10):
        boss.publish("jobs/1", b"%d" % number, qos=1)
        boss.publish("jobs/1", b"lost", qos=0)
    assert all(packet.reason_code == 0 for packet in boss.packets())
    back = [worker(stage, number, level, lasts=True, qos=qos) for number, qos in enumerate((1, 1, 0))]
    assert [len(one.messages()) for one in back] == [5, 5, 0]


def test_a_member_that_is_behind_is_passed_over(stage: Stage) -> None:
    slow = worker(stage, 1, answering=False, connect={"receive_maximum": 1})
    quick = worker(stage, 2)
    boss = publisher(stage)
    for number in range(10):
        boss.publish("jobs/1", b"%d" % number, qos=1)
    assert len(slow.messages()) == 1
    assert len(quick.messages()) == 9


def test_when_everybody_is_full_the_writer_is_held() -> None:
    stage = Stage(buffered_bytes=10_000)
    members = [worker(stage, number) for number in range(2)]
    boss = publisher(stage)
    for one in members:
        one.stop_reading()
    for _ in range(100):
        boss.publish("jobs/1", b"x" * 1_000)
    assert not boss.wire.reading
    for one in members:
        one.read_on()
    assert boss.wire.reading
    assert sum(len(one.messages()) for one in members) == 100
    assert stage.counters.dropped_qos0 == 0


def test_what_a_member_did_not_acknowledge_goes_to_another(stage: Stage, level: int) -> None:
    lazy = worker(stage, 1, level, answering=False, lasts=True)
    boss = publisher(stage)
    for number in range(5):
        boss.publish("jobs/1", b"%d" % number, qos=1)
    first, *_ = lazy.messages()
    lazy.send(PubAck(first.packet_id))
    other = worker(stage, 2, level)
    lazy.lose()
    messages = other.messages()
    assert [message.payload for message in messages] == [b"1", b"2", b"3", b"4"]
    assert not any(message.dup for message in messages)
    assert worker(stage, 1, level, lasts=True).messages() == []


def test_what_waits_for_a_member_that_drops_goes_to_another(stage: Stage) -> None:
    lazy = worker(stage, 1, answering=False, lasts=True, connect={"receive_maximum": 1})
    boss = publisher(stage)
    lazy.subscribe("own", qos=1)
    for number in range(3):
        boss.publish("jobs/1", b"%d" % number, qos=2)
        boss.publish("own", b"own", qos=1)
    other = worker(stage, 2, qos=2)
    lazy.lose()
    assert [(message.payload, message.qos) for message in other.messages()] == [(b"0", 2), (b"1", 2), (b"2", 2)]
    session = stage.session("worker 1", "other")
    assert session is not None
    assert session.queued_bytes == sum(delivery.size for delivery in session.queue)
    assert worker(stage, 1, lasts=True).payloads() == [b"own"] * 3


def test_it_stays_with_the_session_while_nobody_else_is_here_and_goes_on_when_it_ends(stage: Stage) -> None:
    lazy = worker(stage, 1, answering=False, lasts=True)
    boss = publisher(stage)
    boss.publish("jobs/1", b"1", qos=1)
    boss.publish("jobs/1", b"expired", qos=1, message_expiry_interval=5)
    lazy.lose()
    other = worker(stage, 2)
    assert other.messages() == []
    stage.wait(120)
    assert other.payloads() == [b"1"]
    assert stage.counters.dropped_expired == 1


@pytest.mark.parametrize("stage_of_it", ["sent", "received"])
def test_qos_2_that_was_sent_never_goes_to_another(stage: Stage, stage_of_it: str) -> None:
    lazy = worker(stage, 1, qos=2, answering=False, lasts=True)
    boss = publisher(stage)
    boss.publish("jobs/1", b"1", qos=2)
    (message,) = lazy.messages()
    if stage_of_it == "received":
        lazy.send(PubRec(message.packet_id))
        lazy.packets()
    other = worker(stage, 2, qos=2)
    lazy.lose()
    back = worker(stage, 1, qos=2, lasts=True, answering=False)
    if stage_of_it == "sent":
        assert [(one.payload, one.dup) for one in back.messages()] == [(b"1", True)]  # [MQTT-4.8.2-4]
    else:
        assert isinstance(back.packets()[0], PubRel)
    back.lose()
    stage.wait(120)
    assert stage.session("worker 1", "other") is None
    assert other.messages() == []  # [MQTT-4.8.2-5]


def test_a_session_that_does_not_last_leaves_its_messages_at_once(stage: Stage, level: int) -> None:
    lazy = worker(stage, 1, level, answering=False)
    boss = publisher(stage)
    boss.publish("jobs/1", b"1", qos=1)
    asleep = worker(stage, 2, level, lasts=True)
    asleep.lose()
    lazy.lose()
    assert worker(stage, 2, level, lasts=True).payloads() == [b"1"]


def test_a_message_that_a_member_refuses_is_gone(stage: Stage) -> None:
    lazy, other = worker(stage, 1, answering=False), worker(stage, 2)
    boss = publisher(stage)
    boss.publish("jobs/1", b"1", qos=1)
    (message,) = lazy.messages()
    lazy.send(PubAck(message.packet_id, 0x83))
    lazy.lose()
    assert other.messages() == []  # [MQTT-4.8.2-6]


def test_a_member_that_takes_its_session_over_goes_on_with_it(stage: Stage, level: int) -> None:
    lazy, other = worker(stage, 1, level, answering=False, lasts=True), worker(stage, 2, level)
    boss = publisher(stage)
    boss.publish("jobs/1", b"1", qos=1)
    back = worker(stage, 1, level, lasts=True)
    assert lazy.closed
    assert [(one.payload, one.dup) for one in back.messages()] == [(b"1", True)]
    assert other.messages() == []


def test_groups_leave_nothing_behind(stage: Stage) -> None:
    members = [worker(stage, number) for number in range(3)]
    members[0].unsubscribe(SHARED)
    members[1].lose()
    members[2].disconnect()
    router = stage.broker.router
    assert router.groups == {}
    assert router._tree.below == {}
    boss = publisher(stage)
    boss.publish("jobs/1", qos=1)
    assert boss.expect(PubAck).reason_code == 0x10


def test_members_come_and_go_and_every_message_has_one_taker(stage: Stage) -> None:
    boss = publisher(stage)
    heard: Counter[bytes] = Counter()
    members: dict[int, Client] = {}
    for number in range(200):
        who = number * 7 % 5
        if who in members and number % 3:
            heard.update(members[who].payloads())
            members.pop(who).lose()
        elif who not in members:
            members[who] = worker(stage, who, level=4 + number % 2)
        if members:
            boss.publish("jobs/1", b"%d" % number, qos=number % 3)
            heard[b"%d" % number] += 0
    for one in members.values():
        heard.update(one.payloads())
    assert set(heard.values()) == {1}


def test_groups_and_what_is_theirs_survive_a_crash() -> None:
    stage = DurableStage()
    one = worker_that_waits(stage, 1)
    for number in range(3):
        publisher(stage).publish("jobs/1", b"%d" % number, qos=1)
    one.lose()
    stage.commit()
    stage = stage.crash()
    assert list(stage.broker.router.groups) == [SHARED]
    worker_that_waits(stage, 2).lose()
    assert [delivery.shared for delivery in held_by(stage, 1)] == [SHARED] * 3
    stage.wait(120)  # the first one's session ends
    assert stage.session("worker 1", "other") is None
    stage.commit()
    stage = stage.crash()
    assert [delivery.publish.payload for delivery in held_by(stage, 2)] == [b"0", b"1", b"2"]


def test_what_is_handed_on_is_there_once_after_a_crash() -> None:
    stage = DurableStage()
    one = worker_that_waits(stage, 1)
    stage.commit()
    boss = stage.client()
    boss.connect("publisher")
    for number in range(3):
        boss.publish("jobs/1", b"%d" % number, qos=1)
    stage.commit()
    worker_that_waits(stage, 2)
    one.lose()
    stage.commit()
    stage = stage.crash()
    assert held_by(stage, 1) == []
    assert [delivery.publish.payload for delivery in held_by(stage, 2)] == [b"0", b"1", b"2"]


def test_while_the_disk_refuses_a_group_that_would_need_it_gets_nothing() -> None:
    stage = DurableStage()
    worker_that_waits(stage, 1)
    stage.commit()
    stage.fail()
    boss = stage.client(answering=False)
    boss.connect("publisher")
    packet_id = boss.publish("jobs/1", qos=1)
    (answer,) = boss.packets()
    assert isinstance(answer, PubAck)
    assert (answer.packet_id, answer.reason_code) == (packet_id, ReasonCode.QUOTA_EXCEEDED)
    assert held_by(stage, 1) == []


def test_a_member_whose_connack_waits_for_the_disk_is_passed_over() -> None:
    stage = DurableStage()
    worker_that_waits(stage, 1)
    stage.commit()
    here = stage.client("other")
    here.connect("worker 0")
    here.send(Subscribe(1, [Subscription(SHARED, 0)]))
    stage.commit()
    here.packets()
    again = stage.client("other", answering=False)
    again.send(Connect("worker 1", clean_start=True))
    session = stage.session("worker 1", "other")
    assert session is not None
    again.send(Subscribe(1, [Subscription(SHARED, 0)]))
    boss = publisher(stage)
    for number in range(4):
        boss.publish("jobs/1", b"%d" % number)
    assert [packet.payload for packet in here.packets() if isinstance(packet, Publish)] == [b"0", b"1", b"2", b"3"]


def worker_that_waits(stage: Stage, number: int) -> Client:
    """A member whose SUBACK waits for the disk."""
    client = stage.client("other", answering=False)
    client.connect(f"worker {number}", clean_start=False, session_expiry_interval=100 * number)
    client.send(Subscribe(1, [Subscription(SHARED, 1)]))
    return client


def held_by(stage: Stage, number: int) -> list[Delivery]:
    session = stage.session(f"worker {number}", "other")
    assert session is not None
    return [*session.outgoing.sent.values(), *reversed(session.outgoing.unsent.values()), *session.queue]
