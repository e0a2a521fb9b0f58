"""The record layer: whole records out of bytes in any sizes, and a word for what is none."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.dissect.records import (
    FIRST_BYTES,
    LONGEST_TLS12,
    LONGEST_TLS13,
    RawRecord,
    RecordReader,
)


def record(content_type: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return bytes([content_type]) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big") + fragment


def take(data: bytes, size: int = 0, sender: Sender = Sender.CLIENT) -> tuple[list[RawRecord], RecordReader]:
    reader = RecordReader(sender)
    found = []
    for start in range(0, len(data), size or len(data)):
        found += reader.receive_data(data[start : start + (size or len(data))], 1.5)
    return found, reader


HELLO = record(22, b"\x01\0\0\x01a", 0x0301)
STREAM = HELLO + record(20, b"\x01") + record(23, b"") + record(23, bytes(1000)) + record(21, b"\x01\0")


@pytest.mark.parametrize("size", [0, 1, 2, 4, 5, 6, 7, 1004])
def test_records_are_the_same_in_whatever_sizes_they_come(size: int) -> None:
    found, reader = take(STREAM, size)
    assert [(one.content_type, one.version, len(one.fragment), one.offset) for one in found] == [
        (22, 0x0301, 5, 0),
        (20, 0x0303, 1, 10),
        (23, 0x0303, 0, 16),
        (23, 0x0303, 1000, 21),
        (21, 0x0303, 2, 1026),
    ]
    assert b"".join(one.header + one.fragment for one in found) == STREAM
    reader.end(2.0)
    assert reader.trouble is None


def test_the_time_of_a_record_is_that_of_its_last_byte() -> None:
    reader = RecordReader(Sender.SERVER)
    assert list(reader.receive_data(HELLO[:-1], 1.0)) == []
    [found] = reader.receive_data(HELLO[-1:], 2.0)
    assert found.at == 2.0


@pytest.mark.parametrize(
    ("first", "looks_like"),
    [
        (b"\x10\x0e\x00\x04MQTT\x05", "MQTT without encryption"),
        (b"GET / HTTP/1.1\r\n", "HTTP without encryption"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP without encryption"),
        (b"SSH-2.0-x", "SSH"),
        (b"\x80\x2e\x01\x00\x02\x00\x15", r"SSL 2\.0"),
        (b"220 mail ESMTP\r\n", "nothing known"),
        (b"\x16\x02\x03\x01", "nothing known"),
    ],
)
@pytest.mark.parametrize("size", [0, 1, 3])
def test_what_is_no_tls_is_named_with_its_first_bytes(first: bytes, looks_like: str, size: int) -> None:
    found, reader = take(first + bytes(200), size)
    assert found == []
    assert reader.trouble is not None
    assert reader.trouble.kind == "not TLS"
    assert re.search(looks_like, reader.trouble.what)
    assert reader.trouble.first == (first + bytes(200))[:FIRST_BYTES]


def test_a_broker_that_answers_in_plain_mqtt_is_recognized() -> None:
    _, reader = take(b"\x20\x02\x00\x05", sender=Sender.SERVER)
    assert reader.trouble is not None
    assert "CONNACK" in reader.trouble.what


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (record(25, b"x"), "where a record's header should be"),
        (record(23, b"x", 0x0403), "where a record's header should be"),
        (record(22, b""), "is empty"),
        (record(21, b""), "is empty"),
        (b"\x17\x03\x03" + (LONGEST_TLS12 + 1).to_bytes(2, "big"), "18433 bytes"),
    ],
)
@pytest.mark.parametrize("size", [0, 1])
def test_what_breaks_the_rules_ends_the_reading(bad: bytes, what: str, size: int) -> None:
    found, reader = take(HELLO + bad + HELLO * 30, size)
    assert len(found) == 1
    assert reader.trouble is not None
    assert (reader.trouble.kind, reader.trouble.first) == ("broken", (bad + HELLO * 30)[:FIRST_BYTES])
    assert what in reader.trouble.what
    assert list(reader.receive_data(HELLO, 3.0)) == []


def test_the_longest_records_are_allowed_and_not_one_byte_more() -> (
    None
):  # RFC 5246 section 6.2.3, RFC 8446 section 5.2
    for longest in (LONGEST_TLS12, LONGEST_TLS13):
        reader = RecordReader(Sender.CLIENT)
        reader.longest = longest
        assert len(list(reader.receive_data(record(23, bytes(longest)), 0.0))) == 1
        assert list(reader.receive_data(record(23, bytes(longest + 1)), 0.0)) == []
        assert reader.has_stopped()


def test_a_limit_that_falls_between_two_records_holds_for_the_second() -> None:
    reader = RecordReader(Sender.CLIENT)
    records = reader.receive_data(HELLO + record(23, bytes(LONGEST_TLS13 + 1)), 0.0)
    next(records)
    reader.longest = LONGEST_TLS13
    assert list(records) == []
    assert reader.has_stopped()


@pytest.mark.parametrize(
    ("there", "what"), [(1, "record's header"), (4, "record's header"), (5, "has 5"), (9, "4 bytes")]
)
def test_an_end_in_the_middle_of_a_record_is_trouble(there: int, what: str) -> None:
    _, reader = take(HELLO + HELLO[:there])
    reader.end(9.0)
    assert reader.trouble is not None
    assert (reader.trouble.kind, reader.trouble.at) == ("cut", 9.0)
    assert what in reader.trouble.what


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_give_the_same_wherever_they_are_cut(junk: bytes, cuts: list[int]) -> None:
    data = HELLO + junk
    whole, one = take(data)
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader = RecordReader(Sender.CLIENT)
    parts = []
    for start, end in itertools.pairwise(places):
        parts += reader.receive_data(data[start:end], 1.5)
    assert parts == whole
    assert reader.trouble == one.trouble
