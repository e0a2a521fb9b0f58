"""Limits: bounds that can be kept."""

from __future__ import annotations

import dataclasses

import pytest

from sealmq.broker.limits import Limits


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
    ("topic", "forbidden"),
    [
        ("a/b/c", False),
        ("a/b/c/d", True),
        ("//", False),
        ("///", True),
        ("x" * 10, False),
        ("x" * 11, True),
        ("ää" * 3, True),
    ],
)
def test_topics_are_bounded_in_levels_and_in_bytes(topic: str, forbidden: bool) -> None:
    assert Limits(topic_levels=3, topic_length=10).forbids_topic(topic) is forbidden
