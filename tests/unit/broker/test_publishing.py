"""PUBLISH and its answers in memory; what waits for a disk is in tests/scenarios/test_durable.py."""

from __future__ import annotations

import pytest

from durable_stage import DurableStage
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import PubAck, PubComp, PubRec, PubRel
from stacks import Client, Stage


def publisher(stage: Stage, level: int = 5) -> Client:
    client = stage.client(level=level, answering=False)
    client.connect("publisher")
    return client


def test_remembered_permissions_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealmq.broker.publishing.REMEMBERED_TOPICS", 5)
    stage = Stage()
    client = publisher(stage)
    session = stage.session("publisher")
    assert session is not None
    for number in range(20):
        client.publish(f"t/{number}")
        assert len(session.publishable) <= 5
    client.publish("t/" + "x" * 300)
    assert all(len(topic) < 300 for topic in session.publishable)


def test_pubrel_for_what_is_not_known() -> None:
    for level, reason_code in ((5, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND), (4, 0)):
        client = publisher(Stage(), level)
        client.send(PubRel(9))
        assert client.packets() == [PubComp(9, reason_code)]


def test_a_refused_qos_2_message_frees_its_identifier_in_5_and_not_in_3_1_1() -> None:
    for level, incoming in ((5, {}), (4, {3: None})):
        stage = Stage(topic_length=5)
        client = publisher(stage, level)
        client._packet_id = 2
        client.publish("too/long", qos=2)
        (answer,) = client.packets()
        assert isinstance(answer, PubRec)
        assert (answer.reason_code == ReasonCode.TOPIC_NAME_INVALID) == (level == 5)
        assert stage.session("publisher").incoming == incoming  # type: ignore[union-attr]


def test_retained_at_qos_1_is_answered_when_it_is_safe_though_nobody_listens() -> None:
    stage = DurableStage()
    client = publisher(stage)
    packet_id = client.publish("a", qos=1, retain=True)
    assert client.packets() == []
    stage.commit()
    assert client.packets() == [PubAck(packet_id, ReasonCode.NO_MATCHING_SUBSCRIBERS)]


def test_while_the_disk_refuses_only_topics_that_are_retained_may_be_retained_at_qos_0() -> None:
    stage = DurableStage()
    client = publisher(stage)
    client.publish("old", b"1", retain=True)
    stage.commit()
    stage.fail()
    client.publish("old", b"2", retain=True)
    client.publish("new", b"1", retain=True)
    assert {m.publish.topic: m.publish.payload for m in stage.broker.retained} == {"old": b"2"}


def test_a_repeated_qos_2_message_waits_for_the_disk_like_the_first() -> None:
    stage = DurableStage()
    client = stage.client(answering=False)
    client.connect("publisher", clean_start=False, session_expiry_interval=100)
    stage.commit()
    packet_id = client.publish("a", qos=2)
    stage.fail()
    client._packet_id = packet_id - 1
    client.publish("a", qos=2)
    assert client.packets() == []
    stage.store.failing = ""
    stage.commit()
    assert client.packets() == [PubRec(packet_id)] * 2
