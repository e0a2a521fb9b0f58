"""Much at once for one client: given in shares, bounded in its link, all of it, and the others go on."""

from __future__ import annotations

import pytest

from sealmq.broker.pace import SHARE
from sealmq.mqtt.packets import Connect, SubAck, Subscribe, Subscription, Unsubscribe
from sealmq.mqtt.properties import Properties
from stacks import Client, Stage

COUNT = 20_000


def retain(stage: Stage, count: int, payload: bytes = b"x" * 100) -> Client:
    publisher = stage.client()
    publisher.connect("publisher")
    with stage.one_turn():
        for number in range(count):
            publisher.publish(f"r/{number}", payload, retain=True)
    return publisher


def in_link(client: Client) -> int:
    return sum(map(len, client.wire.writes))


def take(client: Client, stage: Stage) -> None:
    """The client reads what lies there, and stops again."""
    with stage.one_turn():
        client.read_on()
        client.stop_reading()


@pytest.mark.parametrize("qos", [0, 1])
def test_twenty_thousand_retained_messages_and_a_slow_reader(stage: Stage, level: int, qos: int) -> None:
    publisher = stage.client()
    publisher.connect("publisher")
    with stage.one_turn():
        for number in range(COUNT):
            publisher.publish(f"r/{number}", b"x" * 100, qos=qos, retain=True)
    publisher.packets()
    reader = stage.client("other", level)
    reader.connect("reader")
    reader.stop_reading()
    reader.send(Subscribe(1, [Subscription("#", qos)]))
    heard: list[str] = []
    rounds = 0
    while len(heard) < COUNT:
        stage.wait(0.25)
        assert in_link(reader) <= 2 * SHARE + 1_000
        assert not reader.wire.full
        take(reader, stage)
        heard += [message.topic for message in reader.messages()]
        rounds += 1
        assert rounds < 100
    assert heard == [f"r/{number}" for number in range(COUNT)]
    assert rounds > 3
    assert stage.counters.dropped_qos0 == stage.counters.dropped_queue_full == 0
    session = stage.session("reader", "other")
    assert session is not None
    assert session.owed is None
    assert not stage.broker.dispatch.pace.unfinished


def test_the_answer_comes_first_and_with_it_what_fits_a_share(stage: Stage) -> None:
    retain(stage, 5_000)
    reader = stage.client("other")
    reader.connect("reader")
    with stage.one_turn():
        reader.send(Subscribe(1, [Subscription("#")]))
    assert isinstance(reader.received[0], SubAck)
    assert len(reader.messages()) == 5_000


def test_others_are_served_between_the_shares(stage: Stage) -> None:
    publisher = retain(stage, 5_000)
    other = stage.client("third")
    other.connect("other")
    other.subscribe("live")
    reader = stage.client("other")
    reader.connect("reader")
    stage._depth += 1  # from here on the test ends the turns
    reader.send(Subscribe(1, [Subscription("#")]))
    sizes = []
    for number in range(3):
        publisher.publish("live", b"%d" % number)
        stage.flush()
        sizes.append(in_link(reader))
        reader.carry()
        other.carry()
        assert other.payloads() == [b"%d" % number]
    stage._depth -= 1
    stage.settle()
    assert all(0 < size <= SHARE + 1_000 for size in sizes)
    assert len(reader.messages()) == 5_000 + 3


def test_what_changes_while_it_waits_comes_as_it_is_now_and_nothing_old_behind_it(stage: Stage) -> None:
    publisher = retain(stage, 5_000)
    reader = stage.client("other")
    reader.connect("reader")
    reader.stop_reading()
    reader.send(Subscribe(1, [Subscription("r/#")]))
    stage.wait(1)
    publisher.publish("r/4999", b"new", retain=True)
    publisher.publish("r/4998", b"", retain=True)
    publisher.publish("r/new", b"1", retain=True)
    for _ in range(10):
        take(reader, stage)
        stage.wait(0.25)
    last = {message.topic: message.payload for message in reader.messages()}
    assert (last["r/4999"], last["r/4998"], last["r/new"]) == (b"new", b"", b"1")
    assert len(last) == 5_001


def test_unsubscribing_ends_it(stage: Stage) -> None:
    retain(stage, 5_000)
    reader = stage.client("other")
    reader.connect("reader")
    reader.stop_reading()
    reader.send(Subscribe(1, [Subscription("r/#"), Subscription("r/1")]))
    reader.send(Unsubscribe(2, ["r/#"]))
    reader.read_on()
    stage.wait(0.5)
    heard = [message.topic for message in reader.messages()]
    assert 1_000 < len(heard) < 5_000
    assert heard.count("r/1") == 2  # [MQTT-3.10.4-2]: nothing new for that filter, all for the other
    assert heard[-1] == "r/1"


def test_a_filter_that_is_subscribed_to_again_begins_again_and_others_wait_their_turn(stage: Stage) -> None:
    retain(stage, 3_000)
    reader = stage.client("other")
    reader.connect("reader")
    reader.stop_reading()
    filters = ["r/1", "r/+", "r/2"]
    reader.send(Subscribe(1, [Subscription(one) for one in filters]))
    reader.send(Subscribe(2, [Subscription("r/+"), Subscription("r/2"), Subscription("r/3", retain_handling=2)]))
    for _ in range(20):
        take(reader, stage)
        stage.wait(0.25)
    heard = [message.topic for message in reader.messages()]
    assert heard[0] == "r/1"
    assert heard[-1] == "r/2"
    assert set(heard) == {f"r/{number}" for number in range(3_000)}
    assert heard[-3_001:-1] == [f"r/{number}" for number in range(3_000)]


def test_a_link_that_breaks_in_the_middle_goes_on_in_the_next_one(stage: Stage) -> None:
    retain(stage, 5_000)
    reader = stage.client("other")
    reader.connect("reader", session_expiry_interval=100)
    reader.stop_reading()
    reader.send(Subscribe(1, [Subscription("#", 1)]))
    reader.lose()
    assert not stage.broker.dispatch.pace.unfinished
    back = stage.client("other")
    assert back.connect("reader", clean_start=False, session_expiry_interval=100).session_present
    heard = {message.topic for message in back.messages()}
    assert 1_500 < len(heard) < 5_000  # what was on its way at QoS 0 is lost with the link
    assert "r/4999" in heard


def test_a_long_queue_leaves_in_shares_and_in_order(stage: Stage, level: int) -> None:
    expiry = {"session_expiry_interval": 100} if level == 5 else {}
    reader = stage.client("other", level)
    reader.connect("reader", clean_start=False, **expiry)
    reader.subscribe("q", qos=1)
    reader.lose()
    publisher = stage.client()
    publisher.connect("publisher")
    for number in range(2_000):
        publisher.publish("q", b"%04d" % number + b"x" * 2_000, qos=1)
    back = stage.client("other", level, answering=False)
    stage._depth += 1  # from here on the test ends the turns
    back.mqtt.send(Connect("reader", False, 0, level, properties=Properties(**expiry)))
    back.raw(back.mqtt.data_to_send())
    stage.flush()
    assert 0 < in_link(back) <= SHARE + 3_000
    publisher.publish("q", b"2000", qos=1)  # behind those that wait
    stage._depth -= 1
    back.answering = True
    stage.settle()
    assert [int(payload[:4]) for payload in back.payloads()] == list(range(2_001))  # [MQTT-4.6.0-5 to -6]


def test_everybody_who_waits_gets_a_share_in_turn(stage: Stage) -> None:
    retain(stage, 20_000)
    readers = [stage.client("other") for _ in range(8)]
    for number, reader in enumerate(readers):
        reader.connect(f"reader {number}")
    stage._depth += 1
    for reader in readers:
        reader.send(Subscribe(1, [Subscription("#")]))
    for _ in range(4):
        stage.flush()
    given = [in_link(reader) for reader in readers]
    stage._depth -= 1
    assert max(given) - min(given) <= 2 * SHARE
    assert min(given) > 0
    stage.settle()
    assert [len(reader.messages()) for reader in readers] == [20_000] * 8


def test_filters_that_match_nothing_do_not_hold_the_loop(stage: Stage) -> None:
    retain(stage, 20_000)
    reader = stage.client("other")
    reader.connect("reader")
    stage._depth += 1
    reader.send(Subscribe(1, [Subscription(f"+/+/{number}/#") for number in range(100)]))
    assert stage.broker.dispatch.pace.unfinished
    stage._depth -= 1
    stage.settle()
    assert not stage.broker.dispatch.pace.unfinished
    assert reader.messages() == []
