"""Everything that the store is told comes back, and what is done leaves nothing."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections import deque
from contextlib import closing
from pathlib import Path

import pytest

from sealmq.broker.access import Grants
from sealmq.broker.retained import RetainedMessage
from sealmq.broker.sessions import NEVER, Delivery, Held, Session, SessionKey
from sealmq.errors import HomeError
from sealmq.identity import Identity
from sealmq.mqtt.packets import Publish, Subscription, Will
from sealmq.mqtt.properties import Properties
from sealmq.store.loading import Kept
from sealmq.store.sqlite import SQLiteStore, open_messages
from written_by_hand import HandStore, memory_database

NOW = 1_800_000_000.0
TABLES = ("sessions", "subscriptions", "messages", "deliveries", "incoming", "retained")


@pytest.fixture
def connection() -> sqlite3.Connection:
    return memory_database()


def started(connection: sqlite3.Connection) -> HandStore:
    store = HandStore(connection)
    store.load(NOW)
    return store


def write(store: HandStore) -> None:
    assert not store.hand_over()
    store.writer.step()
    store.safe()


def back(connection: sqlite3.Connection, now: float = NOW) -> Kept:
    return HandStore(connection).load(now)


def session(client_id: str = "s", expiry: float = 60.0) -> Session:
    who = Identity("sensor-1", "device")
    made = Session(SessionKey("sensor-1", client_id), who, Grants((), who, client_id))
    made.expiry = expiry
    return made


def message(text: str = "1", qos: int = 1) -> Delivery:
    return Delivery(Publish("a", text.encode(), qos), qos)


def counts(connection: sqlite3.Connection) -> list[int]:
    return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


def enqueue(store: SQLiteStore, to: Session, delivery: Delivery) -> None:
    to.enqueue(delivery)
    store.queued(to, delivery, 0)


def test_a_session_comes_back_as_it_was(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    one.will, one.will_at, one.expires_at = Will("w", b"gone", 1), NOW + 5, NOW + 60
    store.opened(one)
    held = Held(Subscription("a/+", 2, True, True, 1), 77)
    store.subscribed(one, held)
    store.subscribed(one, Held(Subscription("b", 0), 0))
    store.unsubscribed(one, "b")
    store.received(one, 3)
    store.received(one, 4)
    store.completed(one, 4)
    write(store)
    kept = back(connection)
    (same,) = kept.sessions
    assert (same.key, same.expiry, same.expires_at) == (one.key, 60.0, NOW + 60)
    assert (same.will, same.will_at) == (one.will, NOW + 5)
    assert same.subscriptions == {"a/+": held}
    assert same.incoming.keys() == {3}
    assert same.outbox is None
    assert not same.may_publish("a").allowed  # until somebody proves to be its identity


def test_a_session_whose_link_stood_has_lost_it_now(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one, other, third = session("1"), session("2"), session("3", NEVER)
    one.will = Will("w", b"gone", properties=Properties(will_delay_interval=30))
    other.will = Will("w", b"gone")
    for each in (one, other, third):
        store.opened(each)
    write(store)
    first, second, for_ever = back(connection, NOW + 100).sessions
    assert (first.expires_at, first.will_at) == (NOW + 160, NOW + 130)
    assert second.will_at == NOW + 100
    assert (for_ever.expiry, for_ever.expires_at, for_ever.will_at) == (NEVER, NEVER, NEVER)


def test_messages_come_back_in_their_order_and_state(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    store.opened(one)
    sent, released, waiting = message("sent", 2), message("released", 2), [message(str(n)) for n in range(300)]
    store.queued(one, sent, 5)
    store.queued(one, released, 6)
    store.released(one, released, 6)
    for delivery in waiting:
        enqueue(store, one, delivery)
    write(store)
    (same,) = back(connection).sessions
    assert {number: d.publish.payload for number, d in same.outgoing.sent.items()} == {5: b"sent"}
    assert list(same.outgoing.released) == [6]
    assert [d.publish.payload for d in same.queue] == [str(n).encode() for n in range(300)]
    assert same.queued_bytes == sum(d.size for d in same.queue)
    assert same.in_flight_bytes == same.outgoing.sent[5].size + same.outgoing.released[6].size


def test_a_message_that_waits_in_many_sessions_is_one_row_and_one_object(connection: sqlite3.Connection) -> None:
    store = started(connection)
    sessions = [session(str(n)) for n in range(3)]
    delivery = message()
    for each in sessions:
        store.opened(each)
        enqueue(store, each, delivery)
    write(store)
    assert counts(connection) == [3, 0, 1, 3, 0, 0]
    again = HandStore(connection)
    sessions = again.load(NOW).sessions
    assert len({id(each.queue[0]) for each in sessions}) == 1
    for left, each in zip((1, 1, 0), sessions, strict=True):
        again.finished(each, each.queue.popleft())
        write(again)
        assert counts(connection)[2] == left
    assert counts(connection) == [3, 0, 0, 0, 0, 0]


def test_what_is_finished_before_its_turn_leaves_no_trace(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    store.opened(one)
    write(store)
    before = store.number
    delivery = message()
    store.queued(one, delivery, 0)
    store.sent(one, delivery, 1)
    store.finished(one, delivery)
    assert store.number > before  # what was promised of it is still numbered
    assert store.hand_over()  # but nobody has to write
    assert counts(connection) == [1, 0, 0, 0, 0, 0]


def test_what_is_finished_while_it_is_being_written_goes_with_the_next_group(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    store.opened(one)
    delivery = message()
    store.queued(one, delivery, 1)
    assert not store.hand_over()
    store.finished(one, delivery)
    assert not store.hand_over()  # busy
    store.writer.step()
    assert counts(connection)[2:4] == [1, 1]
    store.safe()
    write(store)
    assert counts(connection)[2:4] == [0, 0]


def test_a_session_that_ends_while_it_is_being_written_leaves_nothing(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one, other = session("1"), session("2")
    shared, own = message("shared"), message("own")
    for each in (one, other):
        store.opened(each)
        enqueue(store, each, shared)
    enqueue(store, one, own)
    held = Held(Subscription("a", 1), 0)
    one.subscriptions["a"] = held
    store.subscribed(one, held)
    one.incoming[7] = None
    store.received(one, 7)
    assert not store.hand_over()
    late = message("late")
    enqueue(store, one, late)
    store.received(one, 8)
    one.incoming[8] = None
    store.ended(one)
    assert one.number == 0
    store.writer.step()
    store.safe()
    write(store)
    assert counts(connection) == [1, 0, 1, 1, 0, 0]
    (same,) = back(connection).sessions
    assert [d.publish.payload for d in same.queue] == [b"shared"]


def test_a_session_that_no_longer_lasts_is_forgotten_here_and_goes_on(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    store.opened(one)
    delivery = message()
    enqueue(store, one, delivery)
    write(store)
    one.expiry = 0
    store.opened(one)
    store.finished(one, one.queue.popleft())
    store.received(one, 1)
    store.subscribed(one, Held(Subscription("a", 1), 0))
    write(store)
    assert counts(connection) == [0] * 6


def test_a_message_let_go_by_all_and_kept_again_gets_a_row_again(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one, other = session("1"), session("2")
    store.opened(one)
    store.opened(other)
    delivery = message()
    store.queued(one, delivery, 1)
    write(store)
    store.finished(one, delivery)
    store.queued(other, delivery, 1)
    write(store)
    assert counts(connection)[2:4] == [1, 1]
    assert [d.publish.payload for d in back(connection).sessions[1].outgoing.sent.values()] == [b"1"]


def test_numbers_are_not_used_twice_across_a_restart(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session("1")
    store.opened(one)
    enqueue(store, one, message("1"))
    write(store)
    again = HandStore(connection)
    (one,) = again.load(NOW).sessions
    two = session("2")
    again.opened(two)
    enqueue(again, two, message("2"))
    write(again)
    kept = back(connection)
    assert [[d.publish.payload for d in each.queue] for each in kept.sessions] == [[b"1"], [b"2"]]


def test_retained_messages_come_back_until_their_time_is_over(connection: sqlite3.Connection) -> None:
    store = started(connection)
    for topic, expires_at in (("a", NEVER), ("b", NOW + 10), ("c", NEVER)):
        store.retained(RetainedMessage(Publish(topic, b"1", 1, True), expires_at))
    store.retained(RetainedMessage(Publish("a", b"2", 0, True), NEVER))
    store.forgotten("c")
    write(store)
    kept = back(connection, NOW + 5)
    assert {m.publish.topic: (m.publish.payload, m.expires_at) for m in kept.retained} == {
        "a": (b"2", NEVER),
        "b": (b"1", NOW + 10),
    }
    assert [m.publish.topic for m in back(connection, NOW + 10).retained] == ["a"]
    assert counts(connection)[5] == 1


def test_marks_come_back(connection: sqlite3.Connection) -> None:
    store = started(connection)
    store.mark("revocations", 5)
    store.mark("revocations", 6)
    write(store)
    assert back(connection).marks == {"revocations": 6}


def test_rows_that_belong_to_nothing_are_removed(connection: sqlite3.Connection) -> None:
    store = started(connection)
    one = session()
    store.opened(one)
    enqueue(store, one, message("kept"))
    write(store)
    for statement in (
        "INSERT INTO messages SELECT 50, level, wire, qos, retain, identifiers, expires_at, shared FROM messages",
        "INSERT INTO deliveries VALUES (9, 1, 0, 0), (1, 70, 0, 0), (1, 0, 0, 0)",
        "INSERT INTO subscriptions VALUES (9, 'a', 0, 0)",
        "INSERT INTO incoming VALUES (9, 1)",
    ):
        connection.execute(statement)
    kept = back(connection)
    assert kept.orphans == 6
    assert [d.publish.payload for d in kept.sessions[0].queue] == [b"kept"]
    assert counts(connection) == [1, 0, 1, 1, 0, 0]
    assert back(connection).orphans == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE messages SET wire = x'0102'",
        "UPDATE messages SET wire = 'text'",
        "UPDATE messages SET identifiers = 'x'",
        "UPDATE messages SET qos = 7",
        "UPDATE sessions SET expiry = 'x'",
        "UPDATE sessions SET will = x'c000'",
        "UPDATE deliveries SET packet_id = 70000",
    ],
)
def test_a_damaged_row_is_refused_in_words_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "messages.db"
    with closing(open_messages(path)) as connection:
        store = started(connection)
        one = session()
        store.opened(one)
        enqueue(store, one, message())
        write(store)
        connection.execute(damage)
        before = list(connection.iterdump())
    store_ = SQLiteStore.open(path, lambda number: None, lambda why: None)
    with pytest.raises(HomeError, match=r"messages\.db is damaged") as caught:
        store_.load(NOW)
    assert "backup" in caught.value.remedy
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def test_a_store_with_its_thread(tmp_path: Path) -> None:
    safe = threading.Event()
    store = SQLiteStore.open(tmp_path / "messages.db", lambda number: safe.set(), lambda why: None)
    assert store.load(NOW).sessions == []
    assert store.hand_over()
    one = session()
    store.opened(one)
    assert not store.hand_over()
    assert safe.wait(10)
    store.safe()
    assert store.hand_over()
    enqueue(store, one, message())
    assert store.close() == ""  # what was left is written
    again = SQLiteStore.open(tmp_path / "messages.db", lambda number: None, lambda why: None)
    assert len(again.load(NOW).sessions[0].queue) == 1
    assert again.close() == ""
    assert [file.name for file in tmp_path.iterdir()] == ["messages.db"]


def test_a_store_that_was_never_loaded_can_be_closed(tmp_path: Path) -> None:
    assert SQLiteStore.open(tmp_path / "messages.db", lambda number: None, lambda why: None).close() == ""


def test_a_hundred_thousand_messages_are_read_in_seconds(connection: sqlite3.Connection) -> None:
    store = started(connection)
    sessions = [session(str(n)) for n in range(100)]
    for each in sessions:
        store.opened(each)
    for n in range(100_000):
        store.queued(sessions[n % 100], message("x" * 64), 0)
    write(store)
    began, frozen = time.process_time(), gc.get_freeze_count()
    try:
        kept = back(connection)
        assert sum(len(each.queue) for each in kept.sessions) == kept.messages == 100_000
        assert time.process_time() - began < 5
        assert gc.isenabled()
        assert gc.get_freeze_count() - frozen > 100_000  # a round of the collector need not look at them
    finally:
        gc.unfreeze()


def test_neither_log_nor_database_grows_while_the_writer_is_never_idle(tmp_path: Path) -> None:
    """SQLite begins its log anew when all of it is in the database, which only the writer's own checkpoints do."""
    path = tmp_path / "messages.db"
    free = threading.Event()
    store = SQLiteStore.open(path, lambda number: free.set(), lambda why: None)
    store.load(NOW)
    holder = session("1")
    store.opened(holder)
    held: deque[Delivery] = deque()
    logs, sizes = [], []
    for group in range(400):
        for _ in range(100):
            held.append(message("x" * 500))
            store.queued(holder, held[-1], 0)
        while len(held) > 1_000:
            store.finished(holder, held.popleft())
        assert not store.hand_over()
        assert free.wait(10)
        free.clear()
        store.safe()
        if group % 50 == 49:
            logs.append(path.with_name("messages.db-wal").stat().st_size)
            sizes.append(path.stat().st_size)
    assert store.close() == ""
    assert max(logs) < 8 * 1024 * 1024
    assert sizes[-1] <= sizes[1]
