"""The list of extensions: one that lies keeps its trouble to itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.errors import TLSError
from sealmq.kit.dissect.extension_bodies import READERS, Place
from sealmq.kit.dissect.extensions import (
    LONGEST_WORDS,
    MEANINGS,
    MOST_EXTENSIONS,
    find,
    meaning_of,
    take_extensions,
)
from sealmq.kit.dissect.fields import Cursor
from sealmq.kit.dissect.registry import EXTENSIONS
from tls_messages import all_fields, check_every_byte, extension, vector


def test_one_that_lies_does_not_hide_the_others() -> None:
    good = extension(10, vector(2, b"\x00\x17"))
    cursor = Cursor(vector(2, extension(16, vector(2, b"\x09mqtt")), good, extension(43, b"\x00\x00")))
    alpn, groups, versions = take_extensions(cursor, Place.CLIENT_HELLO)
    assert alpn.value == "cannot be taken apart: ProtocolName says 9 bytes, and 4 are there"
    assert alpn.numbers(2, 2) == ()
    assert groups.numbers(2, 2) == (0x17,)
    assert versions.trouble == "supported_versions has 1 bytes too many"
    assert [one.name for one in versions.fields] == ["versions", "cannot be taken apart"]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x05\x00", vector(2, b"\x00"), vector(2, b"\x00\x00\x00\x01")])
def test_the_list_itself_must_hold(data: bytes) -> None:
    with pytest.raises(TLSError) as caught:
        take_extensions(Cursor(data), Place.CLIENT_HELLO)
    assert caught.value.alert == "decode_error"


def test_there_are_not_too_many() -> None:
    one = extension(0x1234, b"")
    assert len(take_extensions(Cursor(vector(2, one * MOST_EXTENSIONS)), Place.CLIENT_HELLO)) == MOST_EXTENSIONS
    with pytest.raises(TLSError, match="more than 256 extensions"):
        take_extensions(Cursor(vector(2, one * (MOST_EXTENSIONS + 1))), Place.CLIENT_HELLO)


@given(
    st.lists(st.tuples(st.sampled_from([*READERS, 0x1234]), st.binary(max_size=40)), max_size=6), st.sampled_from(Place)
)
def test_any_bytes_in_an_extension_give_an_extension(parts: list[tuple[int, bytes]], place: Place) -> None:
    data = vector(2, *(extension(code, body) for code, body in parts))
    cursor = Cursor(data)
    found = take_extensions(cursor, place)
    assert [(one.code, one.body) for one in found] == parts
    assert all(one.value.isprintable() for one in all_fields(cursor.fields))
    if not any(one.trouble for one in found):
        check_every_byte(data, cursor.fields)


def test_words_are_bounded() -> None:
    long = extension(16, vector(2, *(vector(1, b"p" * 255) for _ in range(40))))
    (found,) = take_extensions(Cursor(vector(2, long)), Place.CLIENT_HELLO)
    assert not found.trouble
    assert len(found.value) <= LONGEST_WORDS + 3


def test_the_first_of_its_number_is_found() -> None:
    found = take_extensions(
        Cursor(vector(2, extension(28, b"\x02\x00"), extension(28, b"\x04\x00"))), Place.CLIENT_HELLO
    )
    first = find(found, 28)
    assert first is not None
    assert first.value == "512 bytes"
    assert find(found, 0) is None


def test_each_meaning_is_one_plain_line() -> None:
    assert MEANINGS.keys() <= EXTENSIONS.keys()
    assert READERS.keys() <= MEANINGS.keys()
    for code, line in MEANINGS.items():
        assert 20 < len(line) <= 120, code
        assert not line.endswith(".")
    assert meaning_of(0) == MEANINGS[0]
    assert meaning_of(0x3A3A).startswith("means nothing")
    assert meaning_of(0x1234) == "not one of those that are explained here"
