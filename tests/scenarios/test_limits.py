"""Each limit that a client can meet is counted under its name in sealmq.toml, and published below $SYS."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from sealmq.broker.limits import Limits
from sealmq.mqtt.packets import Publish, Will
from stacks import Client, Stage


def connected(stage: Stage) -> Client:
    client = stage.client()
    client.connect(keep_alive=10)
    return client


def fill_queue(stage: Stage) -> None:
    client = stage.client("other")
    client.connect("absent", session_expiry_interval=100)
    client.subscribe("a", qos=1)
    client.lose()
    publisher = connected(stage)
    for _ in range(4):
        publisher.publish("a", qos=1)


def fill_window(stage: Stage) -> None:
    lazy = stage.client("other", answering=False)
    lazy.connect("lazy")
    lazy.subscribe("a", qos=1)
    publisher = connected(stage)
    for _ in range(5):
        publisher.publish("a", qos=1)


def fill_link(stage: Stage) -> None:
    slow = stage.client("other")
    slow.connect("slow")
    slow.subscribe("a")
    slow.stop_reading()
    publisher = connected(stage)
    for _ in range(40):
        publisher.publish("a", bytes(900))
        stage.wait(0.3)


WAYS: dict[str, tuple[float, Callable[[Stage], object]]] = {
    "connect_timeout": (5, lambda stage: (stage.client(), stage.wait(12))),
    "packet_size": (200, lambda stage: connected(stage).raw(b"\x30\xff\x7f" + bytes(200))),
    "first_packet_size": (128, lambda stage: stage.client().raw(b"\x10\xff\x7f" + bytes(200))),
    "keep_alive_maximum": (5, lambda stage: stage.client().connect(keep_alive=10)),
    "receive_maximum": (
        1,
        lambda stage: (
            stage.client(answering=False).connect("x"),
            stage.clients[-1].send(*(Publish("a", b"", 2, packet_id=number) for number in (1, 2, 3))),
        ),
    ),
    "in_flight": (2, fill_window),
    "queued_messages": (2, fill_queue),
    "queued_bytes": (300, fill_queue),
    "session_expiry_maximum": (50, lambda stage: stage.client().connect(session_expiry_interval=100)),
    "subscriptions_per_session": (
        1,
        lambda stage: [connected(stage).subscribe(f"a/{n}") for n in range(2)] and [stage.clients[-1].subscribe("b")],
    ),
    "client_id_length": (23, lambda stage: stage.client().connect("x" * 24)),
    "topic_levels": (2, lambda stage: connected(stage).publish("a/b/c")),
    "topic_length": (5, lambda stage: stage.client().connect(will=Will("aaaaaa", b""))),
    "topic_alias_maximum": (1, lambda stage: connected(stage).publish("a", topic_alias=2)),
    "buffered_bytes": (1_024, fill_link),
    "retained_messages": (1, lambda stage: [connected(stage).publish(t, qos=1, retain=True) for t in "ab"]),
    "retained_messages_per_identity": (
        1,
        lambda stage: [connected(stage).publish(t, qos=1, retain=True) for t in "ab"],
    ),
    "retained_bytes": (500, lambda stage: [connected(stage).publish(t, qos=1, retain=True) for t in "ab"]),
    "retained_bytes_per_identity": (
        500,
        lambda stage: [connected(stage).publish(t, qos=1, retain=True) for t in "ab"],
    ),
}
"""The limit -> a small value for it, and how to meet it. What else there is has tests of its own: test_quotas.py for
what an identity may have, tests/unit/tcp/test_admission.py for what comes before TLS."""


@pytest.mark.parametrize("limit", sorted(WAYS))
def test_a_limit_that_is_met_is_counted(limit: str) -> None:
    value, meet = WAYS[limit]
    stage = Stage(**{limit: value})
    meet(stage)
    assert stage.counters.limits[limit] >= 1
    assert set(+stage.counters.limits) - {"keep_alive_maximum"} == {limit} - {"keep_alive_maximum"}


def test_every_limit_has_its_counter_below_sys() -> None:
    stage = Stage()
    watcher = connected(stage)
    watcher.subscribe("$SYS/broker/sealmq/limits/+")
    found = {message.topic.rpartition("/")[2]: message.payload for message in watcher.messages()}
    assert found == {field.name: b"0" for field in dataclasses.fields(Limits)}
