"""A reader that does not keep up: its writers are held for a while, then go on; nothing grows without bound."""

from __future__ import annotations

import pytest

from sealmq.broker.dispatch import BACKLOG_FACTOR, LONG_QUEUE
from sealmq.mqtt.packets import PubAck, Publish, Subscribe, Subscription
from sealmq.mqtt.writer import write_packet
from stacks import Client, Stage

FULL = 10_000
"""Bytes at which a link is full, on this page."""

CHUNK = b"x" * 1_000


@pytest.fixture
def stage() -> Stage:
    return Stage(buffered_bytes=FULL)


def full_reader(stage: Stage, level: int, *filters: tuple[str, int]) -> tuple[Client, Client]:
    """A publisher, and a reader whose link is full."""
    publisher, reader = stage.pair(level)
    for topic_filter, qos in filters:
        reader.subscribe(topic_filter, qos=qos)
    reader.stop_reading()
    while not reader.wire.full:
        publisher.publish("fill", CHUNK)
    assert publisher.wire.reading  # nothing was written to it since
    return publisher, reader


def test_writers_are_held_while_their_reader_is_full(stage: Stage, level: int) -> None:
    publisher, reader = full_reader(stage, level, ("fill", 0), ("a", 0))
    bystander = stage.client(level=level)
    bystander.connect("bystander")
    publisher.publish("a", b"1")
    bystander.publish("elsewhere", b"1")
    assert not publisher.wire.reading
    assert bystander.wire.reading
    publisher.publish("a", b"2")  # stays in TCP's hands
    reader.read_on()
    assert publisher.wire.reading
    assert [payload for payload in reader.payloads() if payload != CHUNK] == [b"1", b"2"]
    assert stage.counters.dropped_qos0 == 0


def test_after_its_patience_the_broker_lets_writers_go_and_drops_qos_0(stage: Stage, level: int) -> None:
    publisher, reader = full_reader(stage, level, ("fill", 0), ("a", 1))
    publisher.publish("fill", CHUNK)
    assert not publisher.wire.reading
    stage.wait(0.75)
    assert not publisher.wire.reading
    stage.wait(0.75)
    assert publisher.wire.reading
    for number in range(5):
        publisher.publish("a", b"%d" % number, qos=0)
    assert publisher.wire.reading  # one that was given up does not hold again
    assert stage.counters.dropped_qos0 == 5
    for number in range(5):
        publisher.publish("a", b"later %d" % number, qos=1)
    assert [packet.reason_code for packet in publisher.packets() if isinstance(packet, PubAck)] == [0] * 5
    reader.read_on()
    assert [one for one in reader.payloads() if one != CHUNK] == [b"later %d" % number for number in range(5)]
    assert stage.broker.dispatch._behind == set()


def test_qos_1_waits_in_the_session_and_is_bounded_there(level: int) -> None:
    stage = Stage(buffered_bytes=FULL, queued_bytes=20_000)
    publisher, _ = full_reader(stage, level, ("fill", 0), ("a", 1))
    stage.wait(1.5)
    for _ in range(100):
        publisher.publish("a", CHUNK, qos=1)
    session = stage.session("subscriber", "other")
    assert session is not None
    assert 15_000 < session.queued_bytes <= 20_000
    assert stage.counters.dropped_queue_full == 100 - len(session.queue)


def test_what_writers_had_already_sent_is_taken_within_a_bound(stage: Stage, level: int) -> None:
    publisher, _ = full_reader(stage, level, ("fill", 0))
    with stage.one_turn():
        for _ in range(200):
            publisher.publish("fill", CHUNK)
            publisher.wire.reading = True  # one chunk of TCP held it all
    taken = stage.broker.dispatch._backlog
    one = len(write_packet(Publish("fill", CHUNK), level))
    assert FULL * BACKLOG_FACTOR - one < taken <= FULL * BACKLOG_FACTOR
    assert stage.counters.dropped_qos0 == 200 - taken // one


def test_the_account_of_backlog_is_empty_when_all_is_over(stage: Stage, level: int) -> None:
    for end in ("read", "lose", "takeover"):
        publisher, reader = full_reader(stage, level, ("fill", 0))
        publisher.publish("fill", CHUNK)
        assert stage.broker.dispatch._backlog > 0
        if end == "read":
            reader.read_on()
        elif end == "lose":
            reader.lose()
        else:
            stage.client("other", level).connect("subscriber")
        assert stage.broker.dispatch._backlog == 0
        assert stage.broker.dispatch._behind == set()
        assert publisher.wire.reading
        for client in (publisher, reader):
            client.lose()


def test_a_link_that_is_told_twice_that_it_is_full_is_counted_once(stage: Stage) -> None:
    publisher, reader = full_reader(stage, 5, ("fill", 0))
    publisher.publish("fill", CHUNK)
    reader.link.full()
    publisher.wire.reading = True
    publisher.publish("fill", CHUNK)
    reader.read_on()
    assert stage.broker.dispatch._backlog == 0


def test_a_writer_that_is_held_by_two_readers_waits_for_both(stage: Stage) -> None:
    publisher = stage.client()
    publisher.connect("publisher")
    readers = [stage.client("other"), stage.client("third")]
    for reader in readers:
        reader.connect("reader")
        reader.subscribe("fill")
        reader.stop_reading()
    while not all(reader.wire.full for reader in readers):
        publisher.publish("fill", CHUNK)
    publisher.publish("fill", CHUNK)
    assert not publisher.wire.reading
    readers[0].read_on()
    assert not publisher.wire.reading
    readers[1].read_on()
    assert publisher.wire.reading


def test_a_writer_that_we_wait_for_is_not_held(stage: Stage) -> None:
    publisher, reader = full_reader(stage, 5, ("fill", 0))
    publisher.answering = False
    publisher.subscribe("own", qos=1)
    publisher.publish("own", qos=1)
    publisher.publish("fill", CHUNK)
    assert publisher.wire.reading  # else its acknowledgements would not come
    reader.read_on()


def test_a_client_that_writes_to_itself_is_not_held_by_itself(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    client.subscribe("fill")
    client.stop_reading()
    while not client.wire.full:
        client.publish("fill", CHUNK)
    client.publish("fill", CHUNK)
    assert client.wire.reading


def test_a_held_writer_is_not_taken_for_dead(stage: Stage, level: int) -> None:
    publisher, reader = stage.client(level=level), stage.client("other", level)
    publisher.connect("publisher", keep_alive=1)
    reader.connect("reader")
    reader.subscribe("fill")
    reader.stop_reading()
    while publisher.wire.reading:
        publisher.publish("fill", CHUNK)
    assert not publisher.wire.reading
    stage.clock.now += 10  # the broker itself stood still
    for link in stage.house.deadlines.due(stage.clock.now):
        link.deadline_passed(stage.clock.now)
    assert not publisher.closed
    reader.read_on()
    assert publisher.wire.reading
    stage.wait(4)
    assert publisher.closed  # now it is its own silence


def test_a_long_queue_holds_writers_too(stage: Stage, level: int) -> None:
    publisher = stage.client(level=level)
    publisher.connect("publisher")
    reader = stage.client("other", level, answering=False)
    reader.connect("reader", **({"receive_maximum": 1} if level == 5 else {}))
    reader.subscribe("a", qos=1)
    if level == 4:
        stage.session("reader", "other").in_flight_limit = 1  # type: ignore[union-attr]
    for _ in range(LONG_QUEUE):
        publisher.publish("a", qos=1)
    assert publisher.wire.reading
    publisher.publish("a", qos=1)
    assert not publisher.wire.reading
    stage.wait(1.75)
    assert publisher.wire.reading
    reader.answering = True
    (message,) = reader.messages()
    reader.send(PubAck(message.packet_id))
    assert len(reader.messages()) == LONG_QUEUE
    assert stage.broker.dispatch._behind == set()


def test_answers_reach_a_client_whose_link_is_full(stage: Stage) -> None:
    publisher, reader = full_reader(stage, 5, ("fill", 0))
    stage.wait(2)
    reader.send(Subscribe(99, [Subscription("more")]))
    reader.read_on()
    assert 99 in [packet.packet_id for packet in reader.packets() if hasattr(packet, "reason_codes")]
    publisher.publish("more", b"1")
    assert reader.payloads() == [b"1"]


def test_a_client_that_comes_back_after_being_full_gets_what_waited(stage: Stage, level: int) -> None:
    expiry = {"session_expiry_interval": 100} if level == 5 else {}
    publisher = stage.client(level=level)
    publisher.connect("publisher")
    reader = stage.client("other", level)
    reader.connect("reader", clean_start=False, **expiry)
    reader.subscribe("a", qos=1)
    reader.stop_reading()
    for number in range(60):
        publisher.wire.reading = True
        publisher.publish("a", b"%02d" % number * 500, qos=1)
    reader.lose()
    back = stage.client("other", level)
    back.connect("reader", clean_start=False, **expiry)
    assert [payload[:2] for payload in back.payloads()] == [b"%02d" % number for number in range(60)]


def test_acknowledgements_of_a_full_client_send_it_nothing_that_could_be_torn(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.answering = False
    stage.session("subscriber", "other").in_flight_limit = 2  # type: ignore[union-attr]
    reader.subscribe("a", qos=1)
    reader.subscribe("fill")
    for number in range(5):
        publisher.publish("a", b"%d" % number, qos=1)
    one, two = reader.messages()
    reader.stop_reading()
    while not reader.wire.full:
        publisher.publish("fill", CHUNK)
    stage.wait(2)  # given up: what is pushed now is dropped piece by piece
    reader.send(PubAck(one.packet_id), PubAck(two.packet_id))
    reader.read_on()
    assert [payload for payload in reader.payloads() if payload != CHUNK] == [b"2", b"3"]
