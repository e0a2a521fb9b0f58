"""Entropy and strings, against known values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.eavesdrop.entropy import Meter


def meter(*pieces: bytes) -> Meter:
    made = Meter()
    for piece in pieces:
        made.add(piece)
    return made


@pytest.mark.parametrize(
    ("data", "bits"),
    [(b"", 0.0), (b"aaaa", 0.0), (b"abab", 1.0), (bytes(range(256)) * 4, 8.0), (b"aaab", 0.8112781244591328)],
)
def test_the_entropy_is_shannons(data: bytes, bits: float) -> None:
    assert meter(data).bits == pytest.approx(bits)


def test_few_bytes_cannot_show_more_than_their_logarithm() -> None:
    assert meter(bytes(range(64))).most == 6.0
    assert meter(bytes(1000)).most == 8.0
    assert str(meter()) == "nothing"
    assert str(meter(b"abcd")) == "2.0 bits per byte (of at most 2.0 for so few bytes), 1 string"


@given(st.binary(max_size=400), st.integers(1, 30))
def test_strings_are_those_that_a_search_of_the_whole_finds(data: bytes, size: int) -> None:
    found = meter(*(data[at : at + size] for at in range(0, len(data), size)))
    assert found.strings == len(re.findall(rb"[\x20-\x7e]{4,}", data))
    assert found.total == len(data)


def test_a_string_that_is_cut_is_one() -> None:
    assert meter(b"\0ab", b"", b"cd\0").strings == 1
    assert meter(b"abcd", b"efgh").strings == 1


def test_two_meters_become_one() -> None:
    both = meter(b"ab")
    both.merge(meter(b"cd\0wxyz"))
    assert (both.total, both.strings) == (9, 1)
