"""What a turn of the loop costs: one write for each link, one encoding for each variant."""

from __future__ import annotations

import pytest

from sealmq.broker import dispatch
from sealmq.house import HANDSHAKES, SHARE
from sealmq.mqtt.packets import Connect, Disconnect, PingReq, Publish, Will
from stacks import Client, Stage
from tls_pairs import Trust


def writes(*clients: Client) -> list[int]:
    counts = [client.wire.write_count for client in clients]
    for client in clients:
        client.wire.write_count = 0
    return counts


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the encoders, each time that one is called."""
    calls: list[str] = []

    def counting(name: str) -> None:
        real = getattr(dispatch, name)

        def call(*args: object, **how: object) -> object:
            calls.append(name)
            return real(*args, **how)

        monkeypatch.setattr(dispatch, name, call)

    counting("encode_publish_qos0")
    counting("encode_publish_frame")
    return calls


def test_everything_for_one_link_leaves_in_one_write(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("#", qos=1)
    writes(publisher, reader)
    with stage.one_turn():
        for qos in (0, 1, 2, 1, 0):
            publisher.publish("a", qos=qos)
    assert stage.house.unflushed == set()
    # The first turn: messages to the reader, PUBACK and PUBREC to the publisher. The second, in which the publisher's
    # PUBREL and the reader's PUBACKs came: PUBCOMP to the publisher, nothing to the reader.
    assert writes(publisher, reader) == [2, 1]
    assert len(reader.messages()) == 5


def test_a_chunk_of_many_packets_is_answered_by_one_write(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect()
    writes(client)
    client.send(*[PingReq()] * 50)
    assert writes(client) == [1]


def test_a_fan_out_writes_once_to_each_and_asks_for_one_flush(stage: Stage, level: int) -> None:
    publisher, _ = stage.pair(level)
    readers = [stage.client("third", level) for _ in range(20)]
    for number, reader in enumerate(readers):
        reader.connect(f"reader {number}")
        reader.subscribe("a")
    writes(*readers)
    flushes = stage.flushes
    publisher.send(*(Publish("a", b"%d" % number) for number in range(10)))
    assert writes(*readers) == [1] * 20
    assert stage.flushes - flushes == 1
    assert [len(reader.messages()) for reader in readers] == [10] * 20


def test_who_has_nothing_to_hear_is_not_written_to(stage: Stage) -> None:
    publisher, reader = stage.pair()
    writes(publisher, reader)
    publisher.publish("a")
    assert writes(publisher, reader) == [0, 0]


def test_the_last_words_leave_with_the_close_in_one_write(stage: Stage) -> None:
    client = stage.client()
    client.connect()
    writes(client)
    client.raw(b"\x00\x00")
    assert writes(client) == [1]
    assert client.link._tls.farewell


def test_a_will_does_not_wait_for_the_next_tick(stage: Stage) -> None:
    mourner, _ = stage.pair()
    mourner.subscribe("gone")
    client = stage.client()
    client.connect("one", will=Will("gone", b"bye"))
    flushes = stage.flushes
    client.lose()
    assert stage.flushes == flushes + 1
    assert mourner.payloads() == [b"bye"]


def test_what_is_given_to_links_is_flushed_before_it_grows_too_large(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealmq.link.FLUSH_AT", 10_000)
    publisher, reader = stage.pair()
    reader.subscribe("a")
    writes(reader)
    with stage.one_turn():
        for _ in range(5):
            publisher.publish("a", b"x" * 6_000)
        assert writes(reader) == [2]
    assert writes(reader) == [1]


def test_a_fan_out_at_qos_0_encodes_once_for_each_level(stage: Stage, encodings: list[str]) -> None:
    publisher, _ = stage.pair()
    for number in range(10):
        reader = stage.client("third", 4 + number % 2)
        reader.connect(f"reader {number}")
        reader.subscribe("a")
    encodings.clear()
    publisher.publish("a")
    assert encodings == ["encode_publish_qos0"] * 2


def test_a_fan_out_with_acknowledgement_encodes_once_for_each_level_and_qos(stage: Stage, encodings: list[str]) -> None:
    publisher, _ = stage.pair()
    for number in range(12):
        reader = stage.client("third", 4 + number % 2)
        reader.connect(f"reader {number}")
        reader.subscribe("a", qos=1 + number % 4 // 2)
    encodings.clear()
    publisher.publish("a", qos=2)
    assert encodings == ["encode_publish_frame"] * 4


def test_an_absent_client_costs_no_encoding(stage: Stage, encodings: list[str]) -> None:
    publisher, _ = stage.pair()
    for number in range(5):
        reader = stage.client("third")
        reader.connect(f"reader {number}", session_expiry_interval=100)
        reader.subscribe("a", qos=1)
        reader.lose()
    publisher.publish("a", qos=1)
    assert encodings == []


def test_what_arrives_is_passed_on_byte_for_byte(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a")
    reader.stop_reading()
    publisher.mqtt.send(Publish("a", b"the payload"))
    wire = publisher.mqtt.data_to_send()
    publisher.raw(wire)
    assert reader.wire.writes == [wire]


def test_what_was_counted_is_what_happened(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a", qos=1)
    publisher.subscribe("a", no_local=True)
    for qos in (0, 1, 2):
        publisher.publish("a", qos=qos)
    assert (stage.counters.received, stage.counters.delivered) == (3, 3)


# --- nobody has a turn for itself


def test_what_one_client_asks_for_at_once_is_taken_in_shares(stage: Stage, level: int) -> None:
    busy, patient = stage.client(level=level), stage.client("other", level=level)
    busy.connect("busy")
    patient.connect("patient")
    stage.clock.step = SHARE / 10
    with stage.one_turn():
        busy.send(*[PingReq()] * 100)
        assert 1 < stage.traffic.packets_sent - 2 <= 12, "about a share, CONNACKs apart"
        assert not busy.wire.reading
        patient.send(PingReq())
        stage.flush()
        assert patient.wire.writes
    assert busy.wire.reading
    assert [type(packet).__name__ for packet in busy.packets()] == ["PingResp"] * 100


def test_a_stream_of_messages_is_taken_in_shares_and_stays_in_order(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("a")
    stage.clock.step = SHARE / 2
    turns = stage.flushes
    with stage.one_turn():
        publisher.send(*(Publish("a", b"%d" % number) for number in range(1_000)))
    assert stage.flushes - turns > 10
    assert reader.payloads() == [b"%d" % number for number in range(1_000)]


def test_behind_a_search_for_a_route_the_clock_is_looked_at_and_who_was_late_rests(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("#")
    stage.clock.step = SHARE
    with stage.one_turn():
        publisher.send(*(Publish(f"a/{number}") for number in range(6)))
        assert stage.counters.received == 2
    assert stage.house.resting
    stage.clock.step = 0.0
    stage.wait(1)
    assert [message.topic for message in reader.messages()] == [f"a/{number}" for number in range(6)]


def test_those_who_were_not_done_divide_a_share_among_them(stage: Stage) -> None:
    clients = [stage.client() for _ in range(4)]
    for number, client in enumerate(clients):
        client.connect(f"c{number}")
    stage.clock.step = SHARE / 20
    with stage.one_turn():
        for client in clients:
            client.send(*[PingReq()] * 100)
        stage.flush()
        assert stage.house.share == SHARE / 4
        assert len(stage.house.unfinished) == 4
    assert [len(client.packets()) for client in clients] == [100] * 4
    stage.settle()
    assert stage.house.share == SHARE
    assert not stage.house.unfinished


def test_what_is_left_of_a_link_that_ends_is_not_taken(stage: Stage) -> None:
    publisher, reader = stage.pair()
    reader.subscribe("a")
    stage.clock.step = SHARE
    with stage.one_turn():
        publisher.send(*(Publish("a", b"%d" % number) for number in range(100)))
        publisher.lose()
    assert 0 < len(reader.payloads()) < 100
    assert not stage.house.unfinished
    assert publisher.link not in stage.house.links


def test_goodbye_behind_more_than_a_share_is_heard_in_its_place(stage: Stage, level: int) -> None:
    publisher, reader = stage.pair(level)
    reader.subscribe("#")
    publisher.publish("a", b"before")  # the route is remembered: nobody rests for a search
    leaver = stage.client("third", level)
    leaver.connect("leaver", will=Will("gone", b""))
    stage.clock.step = SHARE
    leaver.send(*(Publish("a", b"%d" % number) for number in range(100)), Disconnect())
    assert reader.payloads() == [b"before"] + [b"%d" % number for number in range(100)]
    assert leaver.closed


def test_a_link_that_waits_for_its_share_does_not_die_of_its_keep_alive(stage: Stage, level: int) -> None:
    client = stage.client(level=level)
    client.connect(keep_alive=10)
    stage.clock.step = SHARE
    with stage.one_turn():
        client.send(*[PingReq()] * 50)
        assert stage.house.unfinished
        stage.clock.now += 20
        for link in stage.house.deadlines.due(stage.clock.now):
            link.deadline_passed(stage.clock.now)
    assert not client.closed
    stage.clock.step = 0.0
    stage.wait(20)
    assert client.closed


def test_handshakes_have_a_share_of_a_turn_together(trust: Trust) -> None:
    stage = Stage(trust=trust)
    stage.clock.step = HANDSHAKES / 3
    with stage.one_turn():
        clients = [stage.client() for _ in range(10)]
        for client in clients:
            client.raw(b"")  # the client's first flight
        assert len(stage.house.shaking) > 5
        assert not clients[-1].wire.reading
        stage.flush()
        assert 0 < len(stage.house.shaking) < 8
    for number, client in enumerate(clients):
        client.send(Connect(f"c{number}", level=5))
    assert [type(client.received[0]).__name__ for client in clients] == ["ConnAck"] * 10
    assert all(client.wire.let_in for client in clients)
    assert not stage.house.shaking


def test_who_goes_away_while_its_handshake_waits_is_forgotten(trust: Trust) -> None:
    stage = Stage(trust=trust)
    with stage.one_turn():
        stage.house.shaken_for = HANDSHAKES
        client = stage.client()
        client.raw(b"")
        assert stage.house.shaking
        client.lose()
        assert not stage.house.shaking


def test_a_handshake_that_waits_for_us_does_not_run_out_of_time(trust: Trust) -> None:
    stage = Stage(trust=trust)
    with stage.one_turn():
        stage.house.shaken_for = HANDSHAKES
        client = stage.client()
        client.raw(b"")
        stage.clock.now += 10.5
        for link in stage.house.deadlines.due(stage.clock.now):
            link.deadline_passed(stage.clock.now)
        assert not client.closed
        stage.house.shaken_for = 0.0
    client.send(Connect(level=5))
    assert not client.closed
