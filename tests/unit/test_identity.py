"""An identity is a value: equal when it says the same, and never changed."""

import dataclasses

import pytest

from sealmq.identity import Identity


def test_two_proofs_of_the_same_are_equal() -> None:
    assert Identity("sensor-1", "device", "0a", 1.0) == Identity("sensor-1", "device", "0a", 1.0)
    assert len({Identity("sensor-1", "device"), Identity("sensor-1", "device"), Identity("sensor-2", "device")}) == 2


def test_the_role_and_the_certificate_are_part_of_it() -> None:
    one = Identity("sensor-1", "device", "0a")
    assert one != Identity("sensor-1", "operator", "0a")
    assert one != Identity("sensor-1", "device", "0b")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Identity("sensor-1", "device").role = "operator"  # type: ignore[misc]


def test_without_a_certificate_it_does_not_end() -> None:
    assert Identity("sensor-1", "device").serial == ""
    assert Identity("sensor-1", "device").not_after == float("inf")
