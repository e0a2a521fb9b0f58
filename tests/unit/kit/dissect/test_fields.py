"""Fields and the cursor: lengths that lie, values that are safe to print, lists that are long."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.fields import MOST_FIELDS, Cursor, in_hex, listed, printable
from tls_messages import check_every_byte

HOSTILE = "\x00\x1b[31m\n\r\x7f\x9b\u202e\u200b\ufeff\ud800\U000e0001"


@given(st.one_of(st.text(), st.binary()), st.integers(1, 300))
@example(HOSTILE, 256)
@example(HOSTILE.encode("utf-8", "surrogatepass"), 256)
def test_what_a_stranger_wrote_is_safe_to_print(text: str | bytes, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + len("...")
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in shown)
    shown.encode()


def test_ordinary_text_is_shown_as_it_is() -> None:
    assert printable("broker.example") == "broker.example"
    assert printable("gerät-1 [red]".encode()) == "gerät-1 [red]"
    assert printable("a" * 300) == "a" * 256 + "..."
    assert printable("abc", 3) == "abc"


def test_nothing_can_look_like_an_escape() -> None:
    assert printable(b"\xff\\xff") == "\\xff\\\\xff"
    assert printable("\u202e") == "\\u202e"


def test_a_cursor_keeps_what_it_read() -> None:
    data = bytes.fromhex("0303 02aabb 0004 13011302 00 0102")
    cursor = Cursor(data)
    assert cursor.number(2, "version") == 0x0303
    assert cursor.opaque(1, "id") == b"\xaa\xbb"
    assert cursor.numbers(2, 2, "suites", "suite", hex) == (0x1301, 0x1302)
    assert cursor.opaque(1, "nothing") == b""
    assert cursor.copy() == b"\x01\x02"
    assert cursor.rest("rest") == b"\x01\x02"
    cursor.expect_end("it")
    assert [(one.name, one.offset, one.length, one.value) for one in cursor.fields] == [
        ("version", 0, 2, "771"),
        ("id", 3, 2, "aabb"),
        ("suites", 7, 4, "0x1301, 0x1302"),
        ("nothing", 12, 0, "empty"),
        ("rest", 12, 2, "0102"),
    ]
    check_every_byte(data, cursor.fields)


def test_a_vector_begins_where_its_first_length_is() -> None:
    cursor = Cursor(bytes.fromhex("0003 02aabb"))
    inner = cursor.vector(2, "list")
    inner.opaque(1, "item")
    cursor.close(inner, "list")
    assert (cursor.fields[0].offset, cursor.fields[0].length) == (2, 3)


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ("", lambda cursor: cursor.number(1, "x")),
        ("01", lambda cursor: cursor.number(2, "x")),
        ("0201", lambda cursor: cursor.opaque(1, "x")),
        ("01", lambda cursor: cursor.vector(2, "x")),
        ("0003010203", lambda cursor: cursor.numbers(2, 2, "x", "y")),
        ("03e9" + "00" * 1001, lambda cursor: cursor.numbers(2, 2, "x", "y")),
        ("0101", lambda cursor: cursor.close(cursor.vector(1, "x"), "x")),
        ("01", lambda cursor: cursor.expect_end("x")),
    ],
)
def test_a_length_that_lies_is_a_decode_error(data: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(TLSError) as caught:
        read(Cursor(bytes.fromhex(data)))
    assert caught.value.alert == "decode_error"


def test_a_long_list_has_few_fields() -> None:
    data = (60000).to_bytes(2, "big") + bytes(60000)
    cursor = Cursor(data)
    assert len(cursor.numbers(2, 2, "suites", "suite")) == 30000
    assert len(cursor.fields[0].inside) == MOST_FIELDS + 1
    assert cursor.fields[0].inside[-1].name == f"{30000 - MOST_FIELDS} more"
    check_every_byte(data, cursor.fields)


def test_what_is_given_up_is_one_field_behind_those_that_were_read() -> None:
    cursor = Cursor(b"\x01\x09\x02")
    cursor.number(1, "good")
    with pytest.raises(TLSError):
        cursor.opaque(1, "bad")
    cursor.give_up("too short\n")
    last = cursor.fields[-1]
    assert (last.name, last.offset, last.length, last.value) == ("cannot be taken apart", 1, 2, "too short\\x0a")
    assert cursor.left == 0


def test_long_values_are_cut_off() -> None:
    assert in_hex(bytes(65)).endswith("... (65 bytes)")
    assert listed(range(30)).endswith("22, 23 and 6 more")
