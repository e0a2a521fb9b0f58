"""A client that asks on and reads no answer: it is not heard any more until it reads, and does not stay for ever."""

from __future__ import annotations

from sealmq.mqtt.packets import PingReq, Publish
from stacks import Client, Stage

ROOM = 1_024


def asker(stage: Stage, level: int, keep_alive: int = 10) -> Client:
    client = stage.client(level=level)
    client.connect("asker", keep_alive=keep_alive)
    client.stop_reading()
    return client


def ask(client: Client, times: int) -> None:
    for _ in range(times):
        client.send(*[PingReq()] * 100)


def test_answers_that_are_not_read_are_bounded(stage: Stage, level: int) -> None:
    stage = Stage(buffered_bytes=ROOM)
    client = asker(stage, level)
    ask(client, 100)
    assert 2 * ROOM < client.wire.waiting() < 2 * ROOM + 400
    assert not client.wire.reading
    client.read_on()
    assert client.wire.reading
    stage.settle()
    assert len(client.packets()) == 100 * 100


def test_who_only_reads_slowly_goes_on_being_heard(stage: Stage, level: int) -> None:
    stage = Stage(buffered_bytes=ROOM)
    client = asker(stage, level)
    ask(client, 6)
    assert client.wire.full
    assert client.wire.reading


def test_its_keep_alive_runs_on(stage: Stage, level: int) -> None:
    stage = Stage(buffered_bytes=ROOM)
    client = asker(stage, level)
    ask(client, 100)
    stage.wait(20)
    assert client.closed


def test_messages_to_it_are_dropped_meanwhile_and_hold_nobody_up(stage: Stage, level: int) -> None:
    stage = Stage(buffered_bytes=ROOM)
    client = stage.client(level=level)
    client.connect("asker")
    client.subscribe("a")
    client.stop_reading()
    ask(client, 100)
    publisher = stage.client("other", level)
    publisher.connect()
    for _ in range(50):
        publisher.publish("a", bytes(ROOM))
        stage.wait(1)
    assert stage.counters.dropped_qos0 > 0
    assert publisher.wire.reading
    assert client.wire.waiting() < 20 * ROOM


def test_a_link_that_ends_while_it_is_clogged_leaves_nothing(stage: Stage) -> None:
    stage = Stage(buffered_bytes=ROOM)
    client = asker(stage, 5)
    ask(client, 100)
    client.lose()
    assert not stage.house.links
    again = stage.client()
    again.connect("asker", clean_start=False)
    again.send(Publish("a"))
    assert not again.closed
