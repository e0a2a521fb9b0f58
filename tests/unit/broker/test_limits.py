"""Limits: bounds that can be kept."""

from __future__ import annotations

import dataclasses

import pytest

from sealmq.broker.limits import BROKEN_LIMITS, MET, Limits


def test_every_default_is_a_bound() -> None:
    for field in dataclasses.fields(Limits):
        assert 0 < getattr(Limits(), field.name) < float("inf"), field.name


def test_a_stranger_gets_less_than_a_client_and_nobody_more_than_the_standard_has() -> None:
    limits = Limits()
    assert limits.first_packet_size < limits.packet_size <= 268_435_460
    assert limits.receive_maximum <= 65_535
    assert limits.in_flight <= 65_535
    assert limits.keep_alive_maximum <= 65_535
    assert limits.topic_length <= 65_535


def test_limits_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().connections = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("topic", "met"),
    [
        ("a/b/c", ""),
        ("a/b/c/d", "topic_levels"),
        ("//", ""),
        ("///", "topic_levels"),
        ("x" * 10, ""),
        ("x" * 11, "topic_length"),
        ("ää" * 3, "topic_length"),
    ],
)
def test_topics_are_bounded_in_levels_and_in_bytes(topic: str, met: str) -> None:
    assert Limits(topic_levels=3, topic_length=10).met_by_topic(topic) == met


def test_what_is_for_one_leaves_something_for_the_others() -> None:
    limits = Limits()
    assert limits.connections_per_address < limits.connections
    assert limits.connections_per_identity < limits.connections
    assert limits.handshakes_per_address < limits.handshakes
    assert limits.connections_per_second_per_address < limits.connections_per_second
    assert limits.sessions_per_identity < limits.sessions
    assert limits.queued_bytes < limits.queued_bytes_per_identity < limits.queued_bytes_in_all
    assert limits.subscriptions_per_session < limits.subscriptions_per_identity


def test_a_broken_limit_is_one_that_there_is() -> None:
    assert set(BROKEN_LIMITS.values()) <= {field.name for field in dataclasses.fields(Limits)}


def test_of_each_limit_it_is_said_what_happens_when_it_is_met() -> None:
    assert MET.keys() == {field.name for field in dataclasses.fields(Limits)}
