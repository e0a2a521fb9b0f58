from __future__ import annotations

from sealmq.broker.sessions import Delivery
from sealmq.mqtt.packets import Publish
from sealmq.store.changes import Changes
from sealmq.store.rows import message_row
from sealmq.store.writer import commit
from written_by_hand import memory_database


def test_nothing_is_nothing() -> None:
    assert not Changes()
    assert list(Changes().statements()) == []


def test_each_kind_of_row_comes_and_goes() -> None:
    connection = memory_database()
    there = Changes()
    there.sessions[1] = (1, "sensor-1", "s1", 60.0, float("inf"), None, float("inf"), "a UUID")
    there.subscriptions[1, "a/#"] = (1, 0)
    there.messages[1] = message_row(1, Delivery(Publish("a", b"1", 1), 1))
    there.deliveries[1, 1] = (1, 1, 7, False)
    there.incoming[1, 9] = True
    there.retained["a"] = (5, b"\x31\x05\x00\x01a\x001", 1.5, "ada")
    there.marks["m"] = 3
    assert there
    commit(connection, [there])
    tables = ("sessions", "subscriptions", "messages", "deliveries", "incoming", "retained", "marks")
    assert [len(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables] == [1] * 7
    gone = Changes()
    gone.subscriptions[1, "a/#"] = None
    gone.messages[1] = None
    gone.deliveries[1, 1] = None
    gone.incoming[1, 9] = False
    gone.retained["a"] = None
    commit(connection, [gone])
    assert [len(connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables] == [1, 0, 0, 0, 0, 0, 1]


def test_a_session_that_ended_takes_its_rows_along() -> None:
    connection = memory_database()
    there = Changes()
    for number in (1, 2):
        there.sessions[number] = (number, "sensor-1", f"s{number}", 60.0, 0.0, None, 0.0, "")
        there.subscriptions[number, "a/#"] = (1, 0)
        there.deliveries[number, 1] = (number, 1, 0, False)
        there.incoming[number, 9] = True
    commit(connection, [there])
    ended = Changes()
    ended.ended.append(1)
    commit(connection, [ended])
    for table, column in (("sessions", "id"), ("subscriptions", "session"), ("deliveries", "session")):
        assert connection.execute(f"SELECT {column} FROM {table}").fetchall() == [(2,)]
