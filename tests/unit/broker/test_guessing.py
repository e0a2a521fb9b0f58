"""Who guesses passwords waits, and does not make others wait for long."""

from __future__ import annotations

import pytest

from sealmq.broker import guessing
from sealmq.broker.guessing import (
    ACCOUNT,
    ADDRESS,
    FORGOTTEN_AFTER,
    LONGEST_DELAY,
    NETWORK_FREE,
    PROVEN_FOR,
    Guessing,
)

NOW = 1_800_000_000.0
HERE, THERE = "192.0.2.7:1000", "198.51.100.1:1000"


def fail(memory: Guessing, name: str, address: str, now: float) -> list[str]:
    memory.begin(name, address, now)
    return memory.end(name, address, now, failed=True)


def succeed(memory: Guessing, name: str, address: str, now: float) -> None:
    memory.begin(name, address, now)
    assert memory.end(name, address, now, failed=False) == []


def soil(memory: Guessing, *peers: str) -> None:
    """Let these addresses have failed with a name of no interest: they wait for what others do."""
    for peer in peers:
        fail(memory, f"nobody at {peer}", peer, NOW - 60)


def test_the_wait_doubles_from_one_second() -> None:
    memory, now, waits = Guessing(), NOW, []
    soil(memory, HERE, THERE)
    for _ in range(ACCOUNT.lock_after - 1):
        assert memory.wait("panel", HERE, now) == 0
        assert fail(memory, "panel", f"192.0.2.{len(waits)}:1", now) == []
        waits.append(memory.wait("panel", HERE, now))
        now += waits[-1]
    assert waits == [min(2.0**n, LONGEST_DELAY) for n in range(ACCOUNT.lock_after - 1)]
    assert fail(memory, "panel", HERE, now) == ["the account"]
    assert memory.wait("PANEL", THERE, now) == ACCOUNT.lock_for


def test_another_account_from_another_address_does_not_wait() -> None:
    memory = Guessing()
    for number in range(ACCOUNT.lock_after):
        fail(memory, "panel", HERE, NOW + number)
    assert memory.wait("other", THERE, NOW + 20) == 0


def test_an_address_that_tries_many_names_is_locked_out() -> None:
    memory, locked = Guessing(), []
    for number in range(ADDRESS.lock_after):
        locked += fail(memory, f"name-{number}", HERE, NOW)
    assert locked == ["the address"]
    assert memory.wait("any-other", HERE, NOW) == ADDRESS.lock_for
    assert memory.wait("any-other", THERE, NOW) == 0


def test_a_stranger_who_fails_on_purpose_does_not_lock_the_owner_out() -> None:
    memory = Guessing()
    soil(memory, HERE, "192.0.2.8:1")
    succeed(memory, "panel", HERE, NOW)
    for number in range(ACCOUNT.lock_after):
        fail(memory, "panel", THERE, NOW + number)
    assert memory.wait("panel", THERE, NOW + 20) > 0
    assert memory.wait("panel", "192.0.2.8:1", NOW + 20) > 0
    assert memory.wait("panel", HERE, NOW + 20) == 0
    fail(memory, "panel", HERE, NOW + 20)  # but when the owner's own address fails, it waits like the others
    assert memory.wait("panel", HERE, NOW + 20) > 0


def test_the_owner_gets_in_from_a_new_address_however_long_strangers_go_on() -> None:
    memory, now = Guessing(), NOW
    for number in range(5_000):  # months, from addresses without end
        for stranger in (THERE, f"10.{number >> 8}.{number & 255}.1:1"):
            if memory.wait("panel", stranger, now) == 0:
                fail(memory, "panel", stranger, now)
        now += 900
        assert memory.wait("panel", HERE, now) == 0
    succeed(memory, "panel", HERE, now)


def test_who_has_many_addresses_has_one_guess_from_each_and_a_few_from_each_network() -> None:
    memory, guesses = Guessing(), 0
    for number in range(256):
        for _ in range(3):
            if memory.wait("panel", f"198.51.100.{number}:1", NOW) == 0:
                guesses += 1
                fail(memory, "panel", f"198.51.100.{number}:1", NOW)
    assert guesses == NETWORK_FREE
    for number in range(1_000):  # in IPv6 an address is a /64, and a network a /48
        if memory.wait("panel", f"[2001:db8:1:{number:x}::1]:1", NOW) == 0:
            guesses += 1
            fail(memory, "panel", f"[2001:db8:1:{number:x}::1]:1", NOW)
    assert guesses == 2 * NETWORK_FREE


def test_a_device_with_an_old_password_does_not_lock_out_its_neighbours() -> None:
    memory, now, locked = Guessing(), NOW, []
    for _ in range(200):
        now += max(1.0, memory.wait("old", HERE, now))
        locked += fail(memory, "old", HERE, now)
    assert locked == ["the account"]
    assert memory.wait("neighbour", HERE, now + 10) == 0
    succeed(memory, "neighbour", HERE, now + 10)


def test_many_tries_at_once_are_no_more_than_may_fail() -> None:
    memory = Guessing()
    for _ in range(ACCOUNT.lock_after):
        assert not memory.is_crowded("panel", HERE, NOW)
        memory.begin("panel", HERE, NOW)
    assert memory.is_crowded("panel", HERE, NOW)
    assert memory.is_crowded("PANEL", THERE, NOW), "nor from many addresses"
    for number in range(ADDRESS.lock_after - ACCOUNT.lock_after):
        assert not memory.is_crowded("other", HERE, NOW)
        memory.begin(f"other-{number}", HERE, NOW)
    assert memory.is_crowded("other", HERE, NOW)
    succeed(memory, "proven", HERE, NOW)
    assert not memory.is_crowded("proven", HERE, NOW), "an address that is proven for this name is not held up"


def test_what_was_proved_ends_with_time_and_with_the_password() -> None:
    memory = Guessing()
    succeed(memory, "panel", HERE, NOW)
    later = NOW + PROVEN_FOR + 1
    fail(memory, "nobody", HERE, later)
    fail(memory, "panel", THERE, later)
    assert memory.wait("panel", HERE, later) > 0
    succeed(memory, "other", HERE, NOW)
    memory.forget("OTHER")
    fail(memory, "nobody", HERE, NOW)
    fail(memory, "other", THERE, NOW)
    assert memory.wait("other", HERE, NOW) > 0


def test_failures_are_forgotten() -> None:
    memory = Guessing()
    for number in range(ACCOUNT.lock_after):
        fail(memory, "panel", HERE, NOW + number)
    later = NOW + FORGOTTEN_AFTER + 20
    assert memory.wait("panel", HERE, later) == 0
    fail(memory, "panel", HERE, later)
    assert memory.wait("panel", HERE, later) == 1.0


def test_who_has_failed_tries_one_at_a_time() -> None:
    memory = Guessing()
    memory.begin("panel", HERE, NOW)
    assert memory.wait("panel", HERE, NOW) == 0, "several may log in at once"
    memory.end("panel", HERE, NOW, failed=True)
    memory.begin("panel", HERE, NOW + 5)
    assert memory.wait("panel", HERE, NOW + 5) > 0
    memory.give_up("panel", HERE, NOW + 5)
    assert memory.wait("panel", HERE, NOW + 5) == 0


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "REMEMBERED", 100)
    memory = Guessing()
    for number in range(1_000):
        fail(memory, f"name-{number}", f"10.0.{number >> 8}.{number & 255}:1", NOW)
        succeed(memory, f"good-{number}", f"10.1.{number >> 8}.{number & 255}:1", NOW)
        fail(memory, "x" * 100 + str(number), HERE, NOW)
    assert len(memory._accounts) <= 100
    assert len(memory._addresses) <= 100
    assert len(memory._networks) <= 100
    assert len(memory._pairs) <= 100
    assert len(memory._proven) <= 100


def test_success_leaves_nothing_behind_but_the_proof() -> None:
    memory = Guessing()
    succeed(memory, "panel", HERE, NOW)
    assert len(memory._accounts) == len(memory._addresses) == 0
