"""HTML put together: text stays text."""

from __future__ import annotations

import pytest

import reports
from sealmq.kit.handshake.draw.markup import Markup, element, text


@pytest.mark.parametrize("words", reports.HOSTILE)
def test_what_is_no_markup_becomes_text(words: str) -> None:
    for made in (element("p", words), element("p", [words]), element("p", title=words)):
        assert made.count("<") == (2)
        assert made.count(">") == (2)
        assert made.isprintable()


def test_elements_hold_elements() -> None:
    assert element("p", "a & b", element("b", "c"), class_="x") == '<p class="x">a &amp; b<b>c</b></p>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert element("meta", name="a", content="b") == '<meta name="a" content="b">'
    assert element("td", ["a", Markup("<br>")], data_head=None, hidden="") == "<td hidden>a<br></td>"


def test_a_quote_ends_no_attribute() -> None:
    assert element("p", title="\"'><script>") == '<p title="&quot;\'&gt;&lt;script&gt;"></p>'
    assert text("<") == "&lt;"
