"""What the broker tells its store, and that the one in memory can be told everything."""

from __future__ import annotations

import inspect

from sealmq.broker.store import MemoryStore, Store
from sealmq.mqtt.packets import Publish, PubRel
from sealmq.store.sqlite import SQLiteStore
from stacks import Stage


class Diary(MemoryStore):
    """Writes down what it is told, as words."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def opened(self, session):
        self.lines.append(f"opened {session.key.client_id}")
        session.number = 1 if session.expiry else 0

    def ended(self, session):
        self.lines.append(f"ended {session.key.client_id}")

    def subscribed(self, session, held):
        self.lines.append(f"subscribed {held.subscription.topic_filter}")

    def unsubscribed(self, session, topic_filter):
        self.lines.append(f"unsubscribed {topic_filter}")

    def queued(self, session, delivery, packet_id):
        self.lines.append(f"queued {delivery.publish.topic}")

    def sent(self, session, delivery, packet_id):
        self.lines.append(f"sent {delivery.publish.topic} as {packet_id}")

    def released(self, session, delivery, packet_id):
        self.lines.append(f"released {delivery.publish.topic} as {packet_id}")

    def finished(self, session, delivery):
        self.lines.append(f"finished {delivery.publish.topic}")

    def received(self, session, packet_id):
        self.lines.append(f"received {packet_id}")

    def completed(self, session, packet_id):
        self.lines.append(f"completed {packet_id}")

    def retained(self, message):
        self.lines.append(f"retained {message.publish.topic}")

    def forgotten(self, topic):
        self.lines.append(f"forgotten {topic}")


def test_the_store_in_memory_answers_every_question_of_the_protocol() -> None:
    def signatures(kind: type) -> dict[str, str]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {name: str(inspect.signature(function)) for name, function in functions if not name.startswith("_")}

    assert signatures(MemoryStore) == signatures(Store)
    assert len(signatures(Store)) == 12
    assert {name: signatures(SQLiteStore)[name] for name in signatures(Store)} == signatures(Store)


def test_the_life_of_a_session_is_told_in_order() -> None:
    diary = Diary()
    stage = Stage(store=diary)
    client = stage.client(answering=False)
    client.connect("one", session_expiry_interval=10)
    client.subscribe("a", qos=1)
    client.subscribe("b")
    client.unsubscribe("b", "never")
    client.send(Publish("a", b"1", 1, packet_id=7))
    client.lose()
    assert diary.lines == ["opened one", "subscribed a", "subscribed b", "unsubscribed b", "queued a", "opened one"]
    diary.lines.clear()
    back = stage.client()
    back.connect("one", clean_start=False, session_expiry_interval=10)
    back.lose()
    stage.wait(11)
    assert diary.lines == ["opened one", "finished a", "opened one", "ended one"]


def test_a_qos_2_message_that_came_is_told_once_and_let_go() -> None:
    diary = Diary()
    stage = Stage(store=diary)
    client = stage.client(answering=False)
    client.connect("one")
    client.send(Publish("a", b"1", 2, packet_id=7), Publish("a", b"1", 2, dup=True, packet_id=7))
    client.send(PubRel(7))
    assert diary.lines == ["opened one", "received 7", "completed 7"]


def test_what_is_retained_and_forgotten_is_told() -> None:
    diary = Diary()
    stage = Stage(store=diary)
    client = stage.client()
    client.connect("one")
    for payload in (b"1", b"2", b"", b""):
        client.publish("a", payload, retain=True)
    assert diary.lines == ["opened one", "retained a", "retained a", "forgotten a"]


def test_what_expires_or_does_not_fit_in_the_queue_is_finished() -> None:
    diary = Diary()
    stage = Stage(store=diary)
    reader = stage.client("other")
    reader.connect("reader", session_expiry_interval=100)
    reader.subscribe("#", qos=1)
    reader.lose()
    publisher, _ = stage.pair()
    diary.lines.clear()
    publisher.publish("expires", qos=1, message_expiry_interval=5)
    publisher.publish("large", b"x" * 300, qos=1)
    stage.wait(6)
    back = stage.client("other")
    back.connect("reader", clean_start=False, maximum_packet_size=200)
    assert back.messages() == []
    assert diary.lines == ["queued expires", "queued large", "finished expires", "opened reader", "finished large"]


def test_a_takeover_is_one_loss_and_one_end() -> None:
    diary = Diary()
    stage = Stage(store=diary)
    stage.client().connect("one")
    stage.client().connect("one")
    assert diary.lines == ["opened one", "ended one", "opened one"]
    diary.lines.clear()
    stage.client().connect("two", session_expiry_interval=10)
    stage.client().connect("two", clean_start=False)
    assert diary.lines == ["opened two", "opened two", "opened two"]  # made, lost, found
