"""A stranger gets a few lines of our log, and then a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.broker.quiet import REMEMBERED, SPAN, SUMMED_UP, TIMES_IN_ALL, TOLD, Quiet

NOW = 1_800_000_000.0
KIND = "refused handshakes"


def test_the_first_few_are_told_and_the_rest_is_counted() -> None:
    quiet = Quiet()
    told = [quiet.lets(KIND, f"192.0.2.7:{port}", NOW) for port in range(1_000)]
    assert told == [True] * TOLD + [False] * (1_000 - TOLD)
    assert quiet.lets(KIND, "192.0.2.8:1", NOW), "another address is told"
    assert quiet.lets("refused passwords", "192.0.2.7:1", NOW), "and another kind"
    assert quiet.rest(NOW + SPAN - 1) == []
    assert quiet.rest(NOW + SPAN) == [
        (f"... and {1_000 - TOLD} more refused handshakes from 192.0.2.7 in the last minute", "192.0.2.7")
    ]
    assert quiet.rest(NOW + 10 * SPAN) == []
    assert quiet.lets(KIND, "192.0.2.7:1", NOW + SPAN), "a minute later it is told anew"


def test_who_has_many_addresses_does_not_get_many_lines() -> None:
    quiet = Quiet()
    told = sum(quiet.lets(KIND, f"10.{n >> 8}.{n & 255}.1:1", NOW) for n in range(50_000))
    assert told == TIMES_IN_ALL * TOLD
    assert len(quiet._kinds[KIND].told) <= REMEMBERED + 1
    lines = quiet.rest(NOW + SPAN)
    assert len(lines) <= SUMMED_UP + 1
    assert lines[-1].words.endswith("from many other addresses in the last minute")


def test_a_host_of_ipv6_is_one_address() -> None:
    quiet = Quiet()
    assert sum(quiet.lets(KIND, f"[2001:db8::{n:x}]:1", NOW) for n in range(1_000)) == TOLD


def test_the_quiet_ones_are_counted_together() -> None:
    quiet = Quiet(told=1)
    for number in range(SUMMED_UP + 2):
        for _ in range(2 if number > 1 else 3):
            quiet.lets(KIND, f"192.0.2.{number}:1", NOW)
    lines = quiet.rest(NOW + SPAN)
    assert len(lines) == SUMMED_UP + 1
    assert lines[0].words.startswith("... and 2 more") or lines[0].words.startswith("... and 3 more")
    assert lines[-1].words.endswith(f"more {KIND} from 2 other addresses in the last minute")


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 300), st.integers(1, 30)), max_size=200))
def test_nothing_is_lost(events: list[tuple[str, int, int]]) -> None:
    quiet, told, came = Quiet(), 0, 0
    for kind, number, count in events:
        for _ in range(count):
            came += 1
            told += quiet.lets(kind, f"10.0.{number >> 8}.{number & 255}:1", NOW)
    counted = sum(int(line.words.split()[2].replace(",", "")) for line in quiet.rest(NOW + SPAN))
    assert told + counted == came
