"""The house: who is flushed, when, and how often it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from outboxes import EVERYTHING, RememberingOutbox
from sealmq.broker.broker import Broker
from sealmq.broker.limits import Limits
from sealmq.broker.store import MemoryStore
from sealmq.house import HANDSHAKES, LONGEST_REST, House
from sealmq.identity import BY_CERTIFICATE, Identity
from sealmq.mqtt.packets import Connect, Publish, Subscribe, Subscription


class Resident(RememberingOutbox):
    """A link that counts its flushes."""

    account = ""
    identity: Identity | None = None
    deadline = float("inf")
    terms = BY_CERTIFICATE

    def __init__(self) -> None:
        super().__init__()
        self.flushes = 0
        self.turns = 0

    def flush(self) -> None:
        self.flushes += 1

    def deadline_passed(self, now: float) -> None: ...

    def go_on(self) -> None:
        self.turns += 1


class Nobody:
    """A directory that knows nobody."""

    def identify(self, der: bytes, now: float) -> Identity:
        raise AssertionError("nobody asks")

    def describe(self, der: bytes) -> str:
        return ""


def make_house() -> tuple[House, list[bool]]:
    """A house, and what it asked for."""
    asked: list[bool] = []
    broker = Broker(EVERYTHING, Limits(), MemoryStore(), lambda: "auto")
    return House(broker, Nobody(), Limits(), lambda: 0.0, lambda: asked.append(True)), asked


def test_a_flush_is_asked_for_once_a_turn() -> None:
    house, asked = make_house()
    one, two = Resident(), Resident()
    for link in (one, two, one):
        house.mark(link)
    assert len(asked) == 1
    house.flush()
    assert (one.flushes, two.flushes) == (1, 1)
    assert house.unflushed == set()
    house.flush()
    assert (one.flushes, two.flushes) == (1, 1)
    house.mark(one)
    assert len(asked) == 2


def test_whoever_the_broker_spoke_to_is_flushed_unless_it_is_gone() -> None:
    house, _ = make_house()
    links: list[Any] = [Resident(), Resident()]
    sessions = []
    for number, link in enumerate(links):
        identity = Identity(f"device-{number}", "device")
        session = house.broker.on_connect(link, identity, Connect(level=5, client_id=f"c{number}"), 0.0)
        assert session is not None
        house.broker.subscriptions.on_subscribe(session, Subscribe(1, (Subscription("a", 0),)), 0.0)
        sessions.append(session)
    house.flush()
    before = [link.flushes for link in links]
    house.broker.publishing.on_publish(sessions[0], Publish("a", b"x"), 0.0)
    house.broker.on_lost(sessions[1], 0.0)
    house.flush()
    assert [link.flushes for link in links] == [before[0] + 1, before[1]]
    assert house.broker.dispatch.spoken_bytes == 0
    assert not house.broker.dispatch.spoken


def test_who_waits_for_its_turn_has_it_once_and_asks_for_it() -> None:
    house, asked = make_house()
    one, two = Resident(), Resident()
    house.wait_for_turn(one)
    house.wait_for_turn(two, shaking=True)
    assert len(asked) == 1
    house.end_turn()
    house.end_turn()
    assert (one.turns, two.turns) == (1, 1)


def test_a_handshake_waits_behind_those_that_wait() -> None:
    house, _ = make_house()
    assert house.has_time_for_handshakes()
    house.wait_for_turn(Resident(), shaking=True)
    assert not house.has_time_for_handshakes()
    house.end_turn()
    assert house.has_time_for_handshakes()
    house.shaken_for = HANDSHAKES
    assert not house.has_time_for_handshakes()
    house.end_turn()
    assert house.has_time_for_handshakes()


def test_a_link_that_leaves_stands_nowhere_any_more() -> None:
    house, _ = make_house()
    one, two = Resident(), Resident()
    for link in (one, two):
        link.identity = Identity("device", "device", serial="01")
        house.links.add(link)
        house.identified(link, "01")
        house.wait_for_turn(link)
        house.wait_for_turn(link, shaking=True)
        house.mark(link)
    house.leave(one)
    assert house.by_serial == {"01": {two}}
    house.leave(two)
    assert not any((house.links, house.by_serial, house.unfinished, house.shaking, house.unflushed))


def test_whose_searches_were_long_rests_and_the_others_do_not_wait_for_it() -> None:
    house, _ = make_house()
    one, two = Resident(), Resident()
    house.wait_for_turn(one, late=0.1)
    house.wait_for_turn(two, late=0.000_1)
    house.end_turn()
    assert (one.turns, two.turns) == (0, 1)
    house.tick(0.9)
    house.end_turn()
    assert one.turns == 0
    house.tick(1.0)
    house.end_turn()
    assert one.turns == 1
    house.wait_for_turn(one, late=100.0)
    assert house.resting[one] == LONGEST_REST
    house.leave(one)
    assert not house.resting


def test_a_mistake_of_ours_ends_the_link_that_it_met_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    house, _ = make_house()
    bad, good = Resident(), Resident()
    bad.go_on = lambda: {}["nothing"]  # type: ignore[method-assign]
    for link in (bad, good):
        house.wait_for_turn(link)
    house.end_turn()
    assert good.turns == 1
    assert [reason_code for reason_code, _ in bad.ended] == [0x83]
    assert caplog.records[0].exc_info


def test_a_mistake_of_ours_in_a_flush_ends_that_link_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    house, _ = make_house()
    links = [Resident() for _ in range(5)]
    links[2].flush = lambda: {}["nothing"]  # type: ignore[method-assign]
    for link in links:
        house.mark(link)
    house.flush()
    assert [link.flushes for link in links] == [1, 1, 0, 1, 1]
    assert [[code for code, _ in link.ended] for link in links] == [[], [], [0x83], [], []]
    assert caplog.records[0].exc_info
