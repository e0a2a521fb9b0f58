"""The bytes of the page: each stands there once and in order, and each field around its own."""

from __future__ import annotations

import dataclasses
import re
import time
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

import reports
from sealmq.kit.dissect.fields import Field
from sealmq.kit.handshake.draw.page_bytes import MOST_BYTES, MOST_FIELDS, draw_bytes
from sealmq.kit.handshake.report import MessageRow


class Boxes(HTMLParser):
    """The bytes in the dump, those of each box, and the lines of the list."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.bytes, self.boxes, self.listed = "", dict[str, str](), list[str]()
        self._open: list[str] = []
        self._dump = False
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "pre":
            self._dump = said["class"] == "hex"
        elif tag == "b":
            self._open.append(str(said["data-f"]))
            assert said["data-f"] not in self.boxes
            self.boxes[self._open[-1]] = ""
        elif "data-f" in said:
            self.listed.append(str(said["data-f"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._dump = False
        elif tag == "b":
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._dump:
            digits = re.sub(r"\s", "", data)
            self.bytes += digits
            for each in self._open:
                self.boxes[each] += digits


def with_fields(raw: bytes, fields: tuple[Field, ...]) -> MessageRow:
    return dataclasses.replace(reports.good().messages[0], raw=raw.hex(), fields=fields)


def flat(fields: tuple[Field, ...]) -> list[Field]:
    return [each for field in fields for each in (field, *flat(field.inside))]


def test_each_field_is_around_its_own_bytes() -> None:
    hello = reports.good().messages[0]
    seen = Boxes(draw_bytes(hello))
    assert seen.bytes == hello.raw
    everything = flat(hello.fields)
    assert seen.listed == [str(number) for number in range(len(everything))]
    for number, field in enumerate(everything):
        assert seen.boxes[str(number)] == hello.raw[2 * field.offset : 2 * (field.offset + field.length)]


FIELDS = st.recursive(
    st.builds(Field, st.text(max_size=5), st.integers(-5, 60), st.integers(-5, 60), st.text(max_size=5)),
    lambda inner: st.builds(
        Field,
        st.just("f"),
        st.integers(-5, 60),
        st.integers(-5, 60),
        st.just("v"),
        st.lists(inner, max_size=4).map(tuple),
    ),
    max_leaves=20,
)


@given(st.binary(max_size=50), st.lists(FIELDS, max_size=6).map(tuple))
def test_whatever_the_fields_say_each_byte_stands_there_once(raw: bytes, fields: tuple[Field, ...]) -> None:
    seen = Boxes(draw_bytes(with_fields(raw, fields)))
    assert seen.bytes == raw.hex()
    if raw:
        everything = flat(fields)
        assert len(seen.listed) == len(everything)
        for number, boxed in seen.boxes.items():
            field = everything[int(number)]
            assert raw.hex()[2 * field.offset :].startswith(boxed)
            assert len(boxed) <= 2 * field.length


def test_much_is_bounded_and_counted() -> None:
    fields = tuple(Field("x", place, 1, "y") for place in range(5_000))
    html = draw_bytes(with_fields(bytes(250_000), fields))
    assert len(html) < 100_000
    assert f"{250_000 - MOST_BYTES:,} more bytes not shown" in html
    assert f"{5_000 - MOST_FIELDS:,} more fields not shown" in html


def test_depth_is_bounded() -> None:
    field = Field("x", 0, 4, "y")
    for _ in range(5_000):
        field = Field("x", 0, 4, "y", (field,))
    began = time.process_time()
    assert len(draw_bytes(with_fields(b"abcd", (field,)))) < 10_000
    assert time.process_time() - began < 1


def test_without_bytes_there_is_nothing() -> None:
    assert draw_bytes(dataclasses.replace(reports.good().messages[0], raw="")) == ""


def test_what_is_made_of_others_does_not_say_the_same_again() -> None:
    leaf = Field("versions", 0, 2, "TLS 1.3")
    field = Field("supported_versions", 0, 2, "TLS 1.3", (Field("extension_data", 0, 2, "TLS 1.3", (leaf,)),))
    assert draw_bytes(with_fields(b"\x03\x04", (field,))).count("TLS 1.3") == 2
