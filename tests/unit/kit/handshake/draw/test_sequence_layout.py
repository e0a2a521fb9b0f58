"""Where things stand in the diagram: nothing overlaps, and sizes and times can be seen."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from sealmq.kit.handshake.draw.sequence_layout import (
    LONGEST_GAP,
    MOST_MESSAGES,
    THICKEST,
    distance,
    lay_out,
    thickness,
)


@pytest.mark.parametrize("name", reports.samples())
def test_rows_follow_each_other_and_do_not_overlap(name: str) -> None:
    layout = lay_out(reports.samples()[name])
    for row in layout.rows:
        assert row.above < row.label < row.top < row.bottom < row.words < row.below
    for first, second in itertools.pairwise(layout.rows):
        assert first.below <= second.above - 10


@given(st.integers(0, 2**24), st.integers(0, 2**24))
def test_more_bytes_are_never_thinner(one: int, other: int) -> None:
    assert thickness(min(one, other)) <= thickness(max(one, other)) <= THICKEST
    assert thickness(52) < thickness(569) < thickness(1_102)


@given(st.floats(-1, 1e6), st.floats(-1, 1e6))
def test_more_time_is_never_shorter(one: float, other: float) -> None:
    assert 0 < distance(min(one, other)) <= distance(max(one, other)) <= LONGEST_GAP
    assert distance(0.0001) < distance(0.001) < distance(0.01)


def test_flights_and_round_trips_are_those_of_the_report() -> None:
    layout = lay_out(reports.good())
    assert [span.lines[:2] for span in layout.flights][1] == ("flight 2", "1,612 B")
    assert len(layout.flights) == 4
    assert [span.lines for span in layout.round_trips] == [("round trip 1",), ("round trip 2",)]
    assert len(lay_out(reports.classic()).round_trips) == 3
    for trip, (ask, answer) in zip(
        layout.round_trips, zip(layout.flights[::2], layout.flights[1::2], strict=True), strict=True
    ):
        assert (trip.above, trip.below) == (ask.above, answer.below)


def test_a_long_wait_is_told_in_digits() -> None:
    told = [row.gap for row in lay_out(reports.classic()).rows]
    assert told[0] == ""
    assert told[1] == "40.60 ms later"
    assert told[2] == ""


def test_of_very_many_messages_the_first_are_drawn_and_the_rest_is_counted() -> None:
    layout = lay_out(reports.hostile(10_000))
    assert len(layout.rows) == MOST_MESSAGES
    assert layout.left_out == 10_000 - MOST_MESSAGES


def test_a_report_without_flights_has_no_figures() -> None:
    layout = lay_out(dataclasses.replace(reports.good(), flights=()))
    assert layout.flights[0].lines == ("flight 1",)


def test_nothing_has_a_place_too() -> None:
    layout = lay_out(reports.unreachable())
    assert (layout.rows, layout.flights, layout.sealed_from, layout.left_out) == ((), (), None, 0)
