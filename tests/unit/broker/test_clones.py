"""One certificate, two places: what is an alarm, and what is none. In memory, and through whole stacks."""

from __future__ import annotations

import logging

import pytest

from sealmq.broker import clones as module
from sealmq.broker.clones import AGAIN_AFTER, INTERVAL, WINDOW, Alarm, Clones
from stacks import Client, Stage

HOME, AWAY, BEYOND = "192.0.2.7:1", "198.51.100.9:2", "203.0.113.1:3"


class Place:
    """A link that stands."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.deadline = 60.0

    def say_something(self) -> None:
        self.deadline += 1.0


class Yard:
    """Links of one certificate, and the time."""

    def __init__(self) -> None:
        self.clones = Clones()
        self.links: dict[str, set[Place]] = {"0a": set()}
        self.now = 0.0

    def comes(self, peer: str, *, instead_of: Place | None = None) -> Place:
        link = Place(peer)
        self.clones.met("0a", link, self.links["0a"], self.now)
        self.links["0a"].discard(instead_of)  # type: ignore[arg-type]
        self.links["0a"].add(link)
        return link

    def look(self, *talking: Place) -> list[Alarm]:
        """The time of a look passes, in which these are heard of."""
        for link in talking:
            link.say_something()
        self.now += INTERVAL
        return self.clones.look(self.links, self.now)


def test_two_links_from_two_places_that_both_go_on_talking_are_told_once() -> None:
    yard = Yard()
    one, two = yard.comes(HOME), yard.comes(AWAY)
    told = [alarm for _ in range(20) for alarm in yard.look(one, two)]
    assert told == [Alarm("0a", ("192.0.2.7", "198.51.100.9"), "together")]
    yard.now += AGAIN_AFTER
    assert len([alarm for _ in range(5) for alarm in yard.look(one, two)]) == 1


def test_who_moved_and_left_a_link_behind_is_no_clone() -> None:
    yard = Yard()
    left, new = yard.comes(HOME), yard.comes(AWAY)
    left.say_something()  # what was still on its way
    assert not [alarm for _ in range(20) for alarm in yard.look(new)]
    back = yard.comes(HOME)
    yard.links["0a"].discard(left)
    assert not [alarm for _ in range(20) for alarm in yard.look(back)]


def test_one_that_is_heard_of_alone_is_no_clone() -> None:
    yard = Yard()
    one, _ = yard.comes(HOME), yard.comes(AWAY)
    for _ in range(5):
        assert not yard.look(one)


@pytest.mark.parametrize(
    ("first", "second"),
    [(HOME, "192.0.2.7:999"), ("[2001:db8::1]:1", "[2001:db8::2]:1"), (HOME, "[2001:db8::1]:1")],
)
def test_one_address_one_network_and_two_kinds_of_address_are_no_two_places(first: str, second: str) -> None:
    yard = Yard()
    one, two = yard.comes(first), yard.comes(second)
    assert not [alarm for _ in range(5) for alarm in yard.look(one, two)]
    for peer in (first, second) * 3:
        one = yard.comes(peer, instead_of=one)
    assert not yard.look()


def test_two_that_take_over_from_each_other_are_told() -> None:
    yard = Yard()
    link = yard.comes(HOME)
    for peer in (AWAY, HOME):
        link = yard.comes(peer, instead_of=link)
        assert not yard.look(link), "there and back: so a device moves"
    link = yard.comes(AWAY, instead_of=link)
    assert yard.look(link) == [Alarm("0a", ("192.0.2.7", "198.51.100.9"), "in turns")]
    for peer in (HOME, AWAY) * 3:
        link = yard.comes(peer, instead_of=link)
    assert not yard.look(link), "once an hour"


def test_who_travels_from_place_to_place_or_seldom_is_not() -> None:
    yard = Yard()
    link = yard.comes(HOME)
    for peer in (AWAY, BEYOND, HOME, AWAY, BEYOND):
        link = yard.comes(peer, instead_of=link)
    assert not yard.look(link)
    for peer in (HOME, AWAY) * 4:
        yard.now += WINDOW
        assert not yard.look(link)
        link = yard.comes(peer, instead_of=link)
    assert not yard.look(link)


def test_what_is_remembered_is_bounded_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    yard = Yard()
    for number in range(10):
        yard.clones.met(f"{number}", Place(AWAY), [Place(HOME)], yard.now)
    for _ in range(10):
        yard.comes(AWAY if _ % 2 else HOME)
    assert len(yard.clones._suspicions) == 3
    assert all(len(each.pairs) <= 3 for each in yard.clones._suspicions.values())
    yard.now += WINDOW
    yard.look()
    assert not yard.clones._suspicions


# -- with whole stacks -------------------------------------------------------------------------------------------------


def from_(stage: Stage, peer: str, client_id: str, **how: object) -> Client:
    """sensor-1, from somewhere."""
    from stacks import Wire

    before, Wire.peer = Wire.peer, peer
    try:
        client = stage.client("sensor-1", **how)  # type: ignore[arg-type]
    finally:
        Wire.peer = before
    client.connect(client_id, keep_alive=60)
    return client


def test_two_devices_with_one_key_are_told_in_the_log_and_counted(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    told: list[tuple[str, Alarm]] = []
    stage.house.tell_clone = lambda name, alarm: told.append((name, alarm))
    one, two = from_(stage, HOME, "one"), from_(stage, AWAY, "two")
    for _ in range(4):
        one.publish("devices/sensor-1/a")
        two.publish("devices/sensor-1/a")
        stage.wait(INTERVAL + 1)
    assert [(name, alarm.how) for name, alarm in told] == [("sensor-1", "together")]
    assert "sensor-1 is in two places at once, 192.0.2.7 and 198.51.100.9" in caplog.text
    assert stage.counters.clones == 1
    assert not one.closed
    assert not two.closed


def test_the_same_client_identifier_in_two_places_is_told_when_it_goes_back_and_forth(stage: Stage) -> None:
    for peer in (HOME, AWAY, HOME, AWAY):
        from_(stage, peer, "same")
    stage.wait(1)
    assert stage.counters.clones == 1


def test_a_device_that_moves_and_a_claim_in_many_hands_are_not_told(stage: Stage) -> None:
    from_(stage, HOME, "same")
    moved = from_(stage, AWAY, "same")
    stage.registry.claims.add("sensor-1")
    hands = [from_(stage, peer, "") for peer in (HOME, AWAY, BEYOND, HOME, AWAY)]
    for _ in range(5):
        moved.publish("devices/sensor-1/a")
        for hand in hands:
            hand.publish("$enroll/csr/json")
        stage.wait(INTERVAL)
    assert stage.counters.clones == 0
