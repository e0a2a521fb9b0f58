"""Who may begin a handshake: places, rates, turns, and that nothing is remembered for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sealmq.broker.limits import Limits
from sealmq.tcp.admission import LONGEST_WAIT, Admission, Place

NOW = 1_000.0
HERE, THERE = "192.0.2.1", "[2001:db8::1]"


class Hall:
    """An Admission, and what it was told to do."""

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.freed = 0
        self.met: list[str] = []
        self.admission: Admission[str] = Admission(lambda: self.limits, self._free, self.met.append)
        self._ports = iter(range(1, 1_000_000))

    def _free(self) -> None:
        self.freed += 1

    def arrive(self, guest: str = "", host: str = HERE, now: float = NOW) -> str:
        return self.admission.arrive(guest or host, f"{host}:{next(self._ports)}", now)

    def started(self, now: float = NOW) -> list[tuple[str, Place]]:
        """Everybody who may begin now."""
        found = []
        while (one := self.admission.start(now)) is not None:
            found.append(one)
        return found


def test_who_comes_begins_at_once_in_the_order_of_coming() -> None:
    hall = Hall()
    assert [hall.arrive(name) for name in "abc"] == ["", "", ""]
    assert [guest for guest, _ in hall.started()] == ["a", "b", "c"]
    assert (hall.admission.standing, hall.admission.handshakes, hall.admission.waiting) == (3, 3, 0)


def test_a_place_among_the_handshakes_is_free_at_connack_or_at_the_end() -> None:
    hall = Hall(handshakes=2)
    for name in "abcd":
        hall.arrive(name)
    (_, first), (_, second) = hall.started()
    first.accepted()
    assert hall.freed == 1
    assert [guest for guest, _ in hall.started()] == ["c"]
    second.left()
    assert (hall.admission.standing, hall.freed) == (2, 2)
    assert [guest for guest, _ in hall.started()] == ["d"]
    first.accepted()
    first.left()
    first.left()
    second.accepted()
    assert (hall.admission.standing, hall.admission.handshakes) == (2, 2)


def test_an_address_that_begins_handshakes_and_ends_none_holds_up_itself_alone() -> None:
    hall = Hall(handshakes=10, handshakes_per_address=3)
    for _ in range(8):
        hall.arrive("bad")
    hall.arrive("good", THERE)
    assert [guest for guest, _ in hall.started()] == ["bad", "good", "bad", "bad"]
    assert hall.admission.waiting == 5
    hall.arrive("good", THERE)
    assert [guest for guest, _ in hall.started()] == ["good"]


def test_addresses_take_turns() -> None:
    hall = Hall(handshakes=100)
    for _ in range(4):
        hall.arrive("many")
    for _ in range(2):
        hall.arrive("few", THERE)
    assert [guest for guest, _ in hall.started()] == ["many", "few", "many", "few", "many", "many"]


def test_a_network_of_ipv6_is_one_address() -> None:
    hall = Hall(connections_per_address=2)
    assert [hall.arrive(host=f"[2001:db8:0:1::{number}]") for number in range(3)] == ["", "", "connections_per_address"]
    assert hall.arrive(host="[2001:db8:0:2::1]") == ""


def test_each_limit_says_its_name() -> None:
    assert [Hall(connections=0).arrive()] == ["connections"]
    hall = Hall(connections=2)
    assert [hall.arrive() for _ in range(2)] == ["", ""]
    hall.started()
    assert hall.arrive() == "connections"
    hall = Hall(connections_waiting=4)
    assert [hall.arrive() for _ in range(3)] == ["", "", "connections_waiting"], "half is for others"
    assert [hall.arrive(host=THERE) for _ in range(2)] == ["", "connections_waiting"], "half of what is left"


def test_some_addresses_that_fill_their_queues_leave_room_for_the_next() -> None:
    hall = Hall(connections_waiting=100, handshakes=20, handshakes_per_address=10)
    bad = [f"192.0.2.{number}" for number in range(5)]
    stalled: list[tuple[int, Place]] = []
    came, let_in = 0, 0
    for now in range(100):
        list(hall.admission.give_up(NOW + now))
        while stalled and stalled[0][0] <= now - 10:  # the deadline of a handshake that nobody goes on with
            stalled.pop(0)[1].left()
        for host in bad * 100:
            hall.arrive("bad", host, NOW + now)
        if came == let_in:  # a client that is patient, and comes again when it was served
            assert hall.arrive("good", THERE, NOW + now) == ""
            came += 1
        for guest, place in hall.started(NOW + now):
            if guest == "good":
                let_in += 1
                place.left()
            else:
                stalled.append((now, place))
    assert let_in >= 10, "at every time that handshakes end, it has its turn"


def test_those_who_wait_take_no_connection_from_others() -> None:
    hall = Hall(connections=10, handshakes_per_address=2)
    for _ in range(50):
        hall.arrive("bad")
    hall.arrive("good", THERE)
    assert [guest for guest, _ in hall.started()] == ["bad", "good", "bad"]


def test_who_waits_when_all_places_are_taken_begins_when_one_is_free() -> None:
    hall = Hall(connections=1)
    hall.arrive("a")
    hall.arrive("b")
    ((_, place),) = hall.started()
    assert hall.started() == []
    assert hall.met == ["connections"]
    place.left()
    assert [guest for guest, _ in hall.started()] == ["b"]


def test_whoever_waits_is_counted_once_for_the_limit_that_lets_it_wait() -> None:
    for limit in (
        "handshakes",
        "handshakes_per_address",
        "connections_per_second_per_address",
        "connections_per_second",
    ):
        hall = Hall(**{limit: 2})
        for _ in range(4):
            hall.arrive()
        (_, first), _ = hall.started()
        for _ in range(5):
            assert hall.started() == []
        assert hall.met == [limit]
        first.left()
        hall.started(NOW + 0.5)
        assert hall.met == [limit, limit]


def test_who_is_turned_away_is_counted() -> None:
    hall = Hall(connections=1)
    hall.arrive()
    hall.started()
    for _ in range(2):
        hall.arrive()
    assert hall.met == ["connections"] * 2


def test_a_rate_gives_a_seconds_worth_at_once_and_then_its_share() -> None:
    hall = Hall(connections_per_second_per_address=10)
    for _ in range(30):
        hall.arrive()
    assert len(hall.started()) == 10
    assert len(hall.started(NOW + 0.05)) == 0
    assert len(hall.started(NOW + 0.25)) == 2
    hall.arrive("good", THERE, NOW + 0.25)
    assert [guest for guest, _ in hall.started(NOW + 0.25)] == ["good"]
    assert len(hall.started(NOW + 100)) == 10


def test_the_rate_of_all_counts_too() -> None:
    hall = Hall(connections_per_second=10)
    for number in range(30):
        hall.arrive(host=f"192.0.2.{number}")
    assert len(hall.started()) == 10
    assert len(hall.started(NOW + 1)) == 10


def test_who_waits_too_long_is_given_up() -> None:
    hall = Hall(handshakes=1)
    hall.arrive("a")
    hall.arrive("b")
    hall.arrive("c", now=NOW + 5)
    hall.started()
    assert list(hall.admission.give_up(NOW + LONGEST_WAIT)) == []
    assert list(hall.admission.give_up(NOW + LONGEST_WAIT + 0.1)) == [("b", "handshakes")]
    assert hall.admission.waiting == 1
    assert list(hall.admission.give_up(float("inf"))) == [("c", "connections_waiting")], "nobody looked at it"


def test_an_address_of_which_nothing_is_left_is_forgotten_when_its_rate_does_not_matter_any_more() -> None:
    hall = Hall()
    for number in range(100):
        hall.arrive(host=f"192.0.2.{number}")
    places = [place for _, place in hall.started()]
    for place in places[1:]:
        place.left()
    hall.admission.tidy(NOW + 0.5)
    assert len(hall.admission) == 100
    hall.admission.tidy(NOW + 1.5)
    assert len(hall.admission) == 1


@given(st.lists(st.tuples(st.sampled_from("absle"), st.integers(0, 3), st.floats(0, 2)), max_size=200))
def test_whatever_happens_the_counts_are_those_of_what_is_there(steps: list[tuple[str, int, float]]) -> None:
    hall = Hall(
        connections=12,
        connections_per_address=6,
        connections_waiting=8,
        handshakes=5,
        handshakes_per_address=3,
        connections_per_second=6,
        connections_per_second_per_address=4,
    )
    now, waiting, places, shaking = NOW, 0, [], []  # type: ignore[var-annotated]
    for step, number, passed in steps:
        now += passed
        if step == "a":
            waiting += hall.arrive(host=f"192.0.2.{number}", now=now) == ""
        elif step == "s":
            for _, place in hall.started(now):
                waiting -= 1
                places.append(place)
                shaking.append(place)
        elif step == "b" and shaking:
            shaking.pop(number % len(shaking)).accepted()
        elif step == "l" and places:
            place = places.pop(number % len(places))
            place.left()
            shaking = [each for each in shaking if each is not place]
        elif step == "e":
            waiting -= len(list(hall.admission.give_up(now)))
            hall.admission.tidy(now)
        admission = hall.admission
        assert (admission.waiting, admission.standing, admission.handshakes) == (waiting, len(places), len(shaking))
        assert admission.standing <= 12
        assert admission.waiting <= 8
        assert admission.handshakes <= 5
    for place in places:
        place.left()
    list(hall.admission.give_up(float("inf")))
    hall.admission.tidy(now + 10)
    assert len(hall.admission) == 0
