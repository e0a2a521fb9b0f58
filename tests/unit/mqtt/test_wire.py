"""The data types of MQTT on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packet_strategies import text
from sealmq.errors import LocalProtocolError, RemoteProtocolError
from sealmq.mqtt import wire
from sealmq.mqtt.codes import ReasonCode
from sealmq.mqtt.wire import (
    Cursor,
    pull_binary,
    pull_byte,
    pull_four_byte_integer,
    pull_string,
    pull_string_pair,
    pull_two_byte_integer,
    pull_variable_byte_integer,
    push_binary,
    push_byte,
    push_four_byte_integer,
    push_string,
    push_string_pair,
    push_two_byte_integer,
    push_variable_byte_integer,
    variable_byte_integer,
)

Pull = Callable[[Cursor], Any]
Push = Callable[[bytearray, Any], None]

TWINS: list[tuple[Pull, Push, st.SearchStrategy[Any]]] = [
    (pull_byte, push_byte, st.integers(0, 0xFF)),
    (pull_two_byte_integer, push_two_byte_integer, st.integers(0, 0xFFFF)),
    (pull_four_byte_integer, push_four_byte_integer, st.integers(0, 0xFFFFFFFF)),
    (pull_variable_byte_integer, push_variable_byte_integer, st.integers(0, 268_435_455)),
    (pull_string, push_string, text),
    (pull_binary, push_binary, st.binary(max_size=40)),
    (pull_string_pair, push_string_pair, st.tuples(text, text)),
]

EXAMPLES: list[tuple[Pull, Push, object, bytes]] = [
    # MQTT 5.0, figure 1-1: "A" and U+2A6D4
    (pull_string, push_string, "A\U0002a6d4", b"\x00\x05A\xf0\xaa\x9b\x94"),
    # MQTT 5.0, table 1-1: the ends of each number of bytes
    (pull_variable_byte_integer, push_variable_byte_integer, 0, b"\x00"),
    (pull_variable_byte_integer, push_variable_byte_integer, 127, b"\x7f"),
    (pull_variable_byte_integer, push_variable_byte_integer, 128, b"\x80\x01"),
    (pull_variable_byte_integer, push_variable_byte_integer, 16_383, b"\xff\x7f"),
    (pull_variable_byte_integer, push_variable_byte_integer, 16_384, b"\x80\x80\x01"),
    (pull_variable_byte_integer, push_variable_byte_integer, 2_097_151, b"\xff\xff\x7f"),
    (pull_variable_byte_integer, push_variable_byte_integer, 2_097_152, b"\x80\x80\x80\x01"),
    (pull_variable_byte_integer, push_variable_byte_integer, 268_435_455, b"\xff\xff\xff\x7f"),
    # MQTT 3.1.1, section 2.2.3: 321 = 65 + 2 * 128
    (pull_variable_byte_integer, push_variable_byte_integer, 321, b"\xc1\x02"),
    (pull_two_byte_integer, push_two_byte_integer, 0x0102, b"\x01\x02"),
    (pull_four_byte_integer, push_four_byte_integer, 0x01020304, b"\x01\x02\x03\x04"),
    # [MQTT-1.5.4-3]: U+FEFF is text like any other
    (pull_string, push_string, "\ufeffa", b"\x00\x04\xef\xbb\xbfa"),
    (pull_string_pair, push_string_pair, ("a", ""), b"\x00\x01a\x00\x00"),
]


@pytest.mark.parametrize(("pull", "push", "value", "encoded"), EXAMPLES)
def test_the_examples_of_the_standard_go_both_ways(pull: Pull, push: Push, value: object, encoded: bytes) -> None:
    cursor = Cursor(encoded + b"behind")
    assert pull(cursor) == value
    assert cursor.at == len(encoded)
    buffer = bytearray()
    push(buffer, value)
    assert buffer == encoded


@pytest.mark.parametrize(("pull", "push", "values"), TWINS)
@given(data=st.data())
def test_what_one_twin_pushed_the_other_pulls(
    pull: Pull, push: Push, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    buffer = bytearray(b"before")
    push(buffer, value)
    cursor = Cursor(bytes(buffer), 6)
    assert pull(cursor) == value
    assert cursor.at == cursor.end
    for end in range(6, len(buffer)):
        with pytest.raises(RemoteProtocolError) as caught:
            pull(Cursor(bytes(buffer), 6, end))
        assert caught.value.reason_code == ReasonCode.MALFORMED_PACKET


ILL_FORMED = [
    (pull_string, b"\x00\x01\x00"),  # [MQTT-1.5.4-2]
    (pull_string, b"\x00\x03\xed\xa0\x80"),  # U+D800 [MQTT-1.5.4-1]
    (pull_string, b"\x00\x02\xc0\x80"),  # an overlong null
    (pull_string, b"\x00\x01\xff"),
    (pull_string, b"\x00\x04\xf4\x90\x80\x80"),  # above U+10FFFF
    (pull_string_pair, b"\x00\x01a\x00\x01\xff"),  # [MQTT-1.5.7-1]
    (pull_variable_byte_integer, b"\x80\x00"),  # [MQTT-1.5.5-1]
    (pull_variable_byte_integer, b"\xff\xff\x80\x00"),
    (pull_variable_byte_integer, b"\x80\x80\x80\x80\x01"),
    (pull_variable_byte_integer, b"\xff\xff\xff\xff"),
]


@pytest.mark.parametrize(("pull", "encoded"), ILL_FORMED)
def test_ill_formed_bytes_are_malformed(pull: Pull, encoded: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        pull(Cursor(encoded))
    assert caught.value.reason_code == ReasonCode.MALFORMED_PACKET


IMPOSSIBLE: list[tuple[Push, object]] = [
    (push_byte, 256),
    (push_byte, -1),
    (push_two_byte_integer, 65_536),
    (push_two_byte_integer, -1),
    (push_four_byte_integer, 1 << 32),
    (push_four_byte_integer, -1),
    (push_variable_byte_integer, 268_435_456),
    (push_variable_byte_integer, -1),
    (push_string, "\0"),
    (push_string, "\ud800"),
    (push_string, "x" * 65_536),
    (push_binary, bytes(65_536)),
    (push_string_pair, ("fine", "\0")),
]


@pytest.mark.parametrize(("push", "value"), IMPOSSIBLE, ids=lambda value: repr(value)[:20])
def test_an_impossible_value_is_our_own_error_and_leaves_the_buffer_as_it_was(push: Push, value: object) -> None:
    buffer = bytearray(b"before")
    with pytest.raises(LocalProtocolError):
        push(buffer, value)
    assert buffer == b"before"


def test_a_variable_byte_integer_is_the_same_with_and_without_a_buffer() -> None:
    for value in (0, 1, 127, 128, 300, 16_383, 16_384, 5_000_000):
        buffer = bytearray()
        push_variable_byte_integer(buffer, value)
        assert variable_byte_integer(value) == buffer


def test_the_reason_code_of_this_file_is_the_one_of_the_table() -> None:
    assert wire.MALFORMED_PACKET == ReasonCode.MALFORMED_PACKET
