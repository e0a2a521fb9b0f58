"""Handshake messages out of records: several in one, one over several, none too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.handshake_messages import LONGEST_MESSAGE, Reassembly
from sealmq.kit.dissect.records import UnreadableError


def message(type_: int, body: bytes) -> bytes:
    return bytes([type_]) + len(body).to_bytes(3, "big") + body


def test_several_messages_may_stand_in_one_record() -> None:
    joined = Reassembly()
    both = [message(1, b"abc"), message(14, b"")]
    assert joined.receive(b"".join(both), 7) == [(both[0], (7,)), (both[1], (7,))]
    assert not joined.in_the_middle


def test_one_message_may_go_over_several_records() -> None:
    joined = Reassembly()
    first, second = message(11, bytes(10)), message(15, b"x")
    assert joined.receive(first[:3], 0) == []
    assert joined.in_the_middle
    assert joined.begun == first[:3]
    assert joined.receive(first[3:9], 2) == []
    assert joined.receive(first[9:] + second[:2], 3) == [(first, (0, 2, 3))]
    assert joined.receive(second[2:], 5) == [(second, (3, 5))]
    assert joined.receive(first, 6) == [(first, (6,))]


def test_a_message_that_would_be_endless_is_refused_before_it_is_kept() -> None:
    joined = Reassembly()
    with pytest.raises(UnreadableError, match="262,145 bytes") as refused:
        joined.receive(b"\x0b" + (LONGEST_MESSAGE + 1).to_bytes(3, "big"), 0)
    assert refused.value.kind == "too much"
    longest = message(11, bytes(LONGEST_MESSAGE))
    assert Reassembly().receive(longest, 0) == [(longest, (0,))]


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1))
def test_messages_are_the_same_however_the_records_are_cut(bodies: list[bytes], sizes: list[int]) -> None:
    sent = [message(number, body) for number, body in enumerate(bodies)]
    data = b"".join(sent)
    joined = Reassembly()
    got: list[bytes] = []
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        got += [body for body, _ in joined.receive(data[at : at + size], number)]
        at += size
        number += 1
    assert got == sent
    assert not joined.in_the_middle
