"""The bytes on a terminal: each once, in order, beside its field."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from consoles import console, widest, written
from sealmq.kit.dissect.fields import Field
from sealmq.kit.handshake.draw.byte_lines import MOST_LINES, Segment, segments, show_bytes
from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.handshake.report import MessageRow

FIELDS = st.recursive(
    st.builds(Field, st.text(max_size=5), st.integers(-5, 60), st.integers(-5, 60), st.text(max_size=5)),
    lambda inner: st.builds(
        Field,
        st.just("f"),
        st.integers(-5, 60),
        st.integers(-5, 60),
        st.just(""),
        st.lists(inner, max_size=4).map(tuple),
    ),
    max_leaves=20,
)


def shown(message: MessageRow, width: int = 80) -> str:
    on = console(width)
    show_bytes(message, Pen(on))
    return written(on)


@given(st.binary(max_size=50), st.lists(FIELDS, max_size=6).map(tuple))
def test_whatever_the_fields_say_each_byte_comes_once_and_in_order(raw: bytes, fields: tuple[Field, ...]) -> None:
    found = list(segments(raw.hex(), fields))
    assert "".join(each.data for each in found) == raw.hex()
    for each in found:
        assert raw.hex()[2 * each.offset :].startswith(each.data) or not each.data


def test_fields_stand_beside_their_bytes_and_lengths_are_called_so() -> None:
    raw, fields = reports.HELLO
    found = list(segments(raw, fields))
    assert Segment(4, "0303", 0, "legacy_version", "TLS 1.2") in found
    assert Segment(73, "1302", 1, "cipher_suite", "TLS_AES_256_GCM_SHA384") in found
    assert Segment(71, "0006", 0, "", "") in found
    lines = shown(reports.good().messages[0]).splitlines()
    assert "0004  03 03                    legacy_version TLS 1.2" in lines
    assert "0049  13 02                      cipher_suite TLS_AES_256_GCM_SHA384" in lines
    assert "0047  00 06                    length" in lines


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for report in reports.samples().values():
        for message in report.messages[:12]:
            assert widest(shown(message, width)) <= width


def test_much_is_bounded() -> None:
    fields = tuple(Field("x", place, 1, "y") for place in range(5_000))
    message = dataclasses.replace(reports.good().messages[0], raw=bytes(250_000).hex(), fields=fields)
    assert len(shown(message).splitlines()) <= MOST_LINES + 4
    assert "the rest is not shown" in shown(message)
    one = dataclasses.replace(message, fields=(Field("x", 0, 250_000, "y"),))
    assert "249,968 more bytes" in shown(one)
    assert shown(dataclasses.replace(message, raw="")) == ""


def test_depth_is_bounded() -> None:
    field = Field("x", 0, 4, "y")
    for _ in range(5_000):
        field = Field("x", 0, 4, "y", (field,))
    assert len(list(segments("00010203", (field,)))) < 20


def test_an_empty_field_stands_behind_its_length() -> None:
    outer = Field("extension_data", 0, 1, "none", (Field("renegotiated_connection", 1, 0, "empty"),))
    assert list(segments("00", (outer,))) == [
        Segment(0, "", 0, "extension_data", "none"),
        Segment(0, "00", 1, "", ""),
        Segment(1, "", 1, "renegotiated_connection", "empty"),
    ]


def test_what_is_made_of_others_does_not_say_the_same_again() -> None:
    leaf = Field("versions", 0, 2, "TLS 1.3")
    field = Field("supported_versions", 0, 2, "TLS 1.3", (Field("extension_data", 0, 2, "TLS 1.3", (leaf,)),))
    assert [each.value for each in segments("0304", (field,))] == ["TLS 1.3", "", "TLS 1.3"]
