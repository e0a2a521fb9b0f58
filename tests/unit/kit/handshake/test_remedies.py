"""Remedies: at each place where something is to be done."""

from __future__ import annotations

import pytest

from sealmq.kit.handshake.remedies import ALL, remedy_of


@pytest.mark.parametrize("fault", ALL)
def test_each_fault_can_be_mended(fault: str) -> None:
    words = remedy_of(fault)
    assert words.startswith("on the device: ")
    assert not words.endswith((".", "; "))


def test_all_three_places() -> None:
    words = remedy_of("untrusted")
    assert "\nSealMQ: sealmq device add NAME" in words
    assert "\nmosquitto: put the intermediate" in words


def test_a_place_where_nothing_is_to_be_done_is_left_out() -> None:
    assert "SealMQ" not in remedy_of("no_keys")
