"""Lines on a terminal: never wider than it, and never a stranger's markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import reports
from consoles import console, widest, written
from sealmq.kit.handshake.draw.pen import LABEL, NARROWEST, WIDEST, Pen


@given(st.text(), st.text(), st.integers(NARROWEST, 120), st.sampled_from(["utf-8", "ascii"]))
def test_no_line_is_wider_than_the_terminal(label: str, words: str, width: int, encoding: str) -> None:
    on = console(width, encoding=encoding)
    pen = Pen(on)
    pen.labelled(label, words, (words, "bold"), deeper=3)
    pen.paragraph(words, indent=2, hanging=4)
    pen.print(pen.fit(pen.words(words), width))
    assert widest(written(on)) <= width


@given(st.text(), st.integers(0, 30))
def test_a_cell_is_as_wide_as_it_was_asked_for(words: str, room: int) -> None:
    pen = Pen(console(80))
    assert cell_len(pen.fit(pen.words(words), room).plain) == room


@pytest.mark.parametrize("words", reports.HOSTILE)
def test_markup_and_escapes_stay_text(words: str) -> None:
    on = console(80, colour=True)
    Pen(on).paragraph(words)
    assert "\x1b[" not in written(on).replace("\x1b[0m", "")
    assert ("[red]" in written(on)) == ("[red]" in words)


def test_where_there_is_only_ascii_signs_have_a_stand_in() -> None:
    on = console(60, encoding="ascii")
    Pen(on).paragraph("✓ 🔒 ⑩ 12 µs …", " ", "日本\u202e")
    assert written(on) == "+ [enc] (10) 12 us ... \\u65e5\\u672c\\u202e\n"


def test_a_paragraph_hangs_below_its_label() -> None:
    on = console(40)
    Pen(on).labelled("server", "word " * 12)
    lines = written(on).splitlines()
    assert lines[0].startswith("server    word")
    assert lines[1].startswith(" " * LABEL + "word")


def test_very_wide_terminals_are_not_filled() -> None:
    assert Pen(console(400)).width == WIDEST
    assert Pen(console(5)).width == NARROWEST
