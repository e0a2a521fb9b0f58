"""Who comes back to a broker with the session of the TLS connection before: who is resumed, and what that is worth."""

from __future__ import annotations

import pytest

from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.packets import PingReq
from stacks import Client, Stage
from tls_pairs import Trust


@pytest.fixture
def stage(trust: Trust) -> Stage:
    return Stage(trust=trust)


def connected(stage: Stage, level: int = 5, before: Client | None = None) -> Client:
    client = stage.client("sensor-1", level, before=before)
    client.connect("one", keep_alive=60)
    return client


def forget(client: Client) -> Client:
    """Let go of its link, as the server does: only then OpenSSL knows that the connection is over."""
    client.lose()
    client.wire.link = None
    del client.link
    return client


def was_resumed(client: Client) -> bool:
    proof = client.link._tls.proof
    assert proof is not None
    return proof.resumed


def test_a_device_that_was_cut_off_is_resumed(stage: Stage, level: int) -> None:
    client = connected(stage, level)
    for _ in range(3):
        client = connected(stage, level, before=forget(client))
        assert was_resumed(client)
        assert client.link.identity is not None
        assert client.link.identity.name == "sensor-1"


def test_a_device_that_said_goodbye_is_resumed(stage: Stage, level: int) -> None:
    client = connected(stage, level)
    client.disconnect()
    assert was_resumed(connected(stage, level, before=forget(client)))


def test_a_device_that_was_silent_for_too_long_is_resumed(stage: Stage, level: int) -> None:
    client = connected(stage, level)
    stage.wait(91)
    assert client.goodbye() == (ReasonCode.KEEP_ALIVE_TIMEOUT if level == 5 else None)
    assert was_resumed(connected(stage, level, before=forget(client)))


def test_whoever_never_said_connect_is_not_resumed(stage: Stage) -> None:
    client = stage.client("sensor-1")
    assert client.link._tls.established
    assert not was_resumed(stage.client("sensor-1", before=forget(client)))


def test_whoever_sent_what_is_no_tls_is_not_resumed(stage: Stage, level: int) -> None:
    client = connected(stage, level)
    client.link.bytes_received(memoryview(b"\x17\x03\x03\x00\x20" + bytes(32)))
    assert client.closed
    assert not was_resumed(stage.client("sensor-1", level, before=forget(client)))


def test_a_revoked_device_gets_nothing_by_its_session(stage: Stage, level: int) -> None:
    """Before the server has a new context: resumed or not, the registry is asked."""
    client = connected(stage, level)
    client.link.end(ReasonCode.ADMINISTRATIVE_ACTION, "its certificate was revoked")
    stage.settle()
    stage.registry.revoked.add("sensor-1")
    again = stage.client("sensor-1", level, before=forget(client))
    assert was_resumed(again)
    assert again.link.identity is None
    answer = again.connect("one")
    assert answer.reason_code == ReasonCode.NOT_AUTHORIZED
    assert again.closed
    assert stage.house.by_serial == {}


def test_a_session_outlives_no_certificate(stage: Stage, level: int) -> None:
    stage.registry.not_after["sensor-1"] = stage.clock.now + 100
    client = connected(stage, level)
    stage.wait(50)
    again = connected(stage, level, before=forget(client))
    assert was_resumed(again)
    for _ in range(2):
        stage.wait(20)
        again.send(PingReq())
    stage.wait(20)
    assert again.goodbye() == (0xA0 if level == 5 else None)
