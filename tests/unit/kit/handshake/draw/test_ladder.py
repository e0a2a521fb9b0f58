"""The timeline: lifelines stay in their columns, arrows point the right way, what is encrypted says so."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

import reports
from consoles import console, widest, written
from sealmq.kit.handshake.draw.ladder import MOST_MESSAGES, Ladder
from sealmq.kit.handshake.draw.pen import Pen
from sealmq.kit.handshake.report import Report


def drawn(report: Report, width: int, verbosity: int = 0, encoding: str = "utf-8") -> str:
    on = console(width, encoding=encoding)
    Ladder(Pen(on), verbosity=verbosity).draw(report)
    return written(on)


@pytest.mark.parametrize("width", [40, 60, 72, 80, 111, 112, 120, 200])
@pytest.mark.parametrize("name", reports.samples())
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_lifelines_stay_in_their_columns(name: str, width: int, encoding: str) -> None:
    text = drawn(reports.samples()[name], width, 1, encoding)
    assert widest(text) <= width
    lines = text.splitlines()[1:]
    marks = "│├┤" if encoding == "utf-8" else "|"
    left = {cell_len(line[: min(line.find(mark) for mark in marks if mark in line)]) for line in lines if line}
    assert len(left) == (1 if lines else 0)


def test_arrows_point_from_who_sent_it_and_are_double_where_encrypted() -> None:
    lines = [line for line in drawn(reports.good(), 120).splitlines() if " B" in line]
    for line, one in zip(lines, reports.good().messages, strict=True):
        assert one.name in line
        assert f"{one.size:,} B #{one.number}" in line
        assert ("▶│" in line) == (one.sender == "client")
        assert ("│◀" in line) == (one.sender == "server")
        assert ("═" in line) == ("🔒" in line) == one.protected
        assert ("─" in line) == (not one.protected)


def test_steps_times_and_words_stand_beside_it() -> None:
    text = drawn(reports.good(), 120)
    assert "①⑥" in text
    assert "+1.33 ms" in text
    assert " chooses TLS 1.3" in text
    assert "(1)(6)" in drawn(reports.good(), 120, encoding="ascii")
    assert text.count("from here on encrypted") == 1


def test_paragraphs_come_when_asked_for() -> None:
    first = reports.good().messages[0].paragraph.split()[:6]
    assert " ".join(first) not in drawn(reports.good(), 120)
    assert all(word in drawn(reports.good(), 80, 1) for word in first)


def test_very_many_messages_are_bounded_and_counted() -> None:
    for verbosity in (0, 1):
        text = drawn(reports.hostile(10_000), 80, verbosity)
        assert f"{10_000 - MOST_MESSAGES[verbosity]:,} more messages" in text
    assert drawn(reports.unreachable(), 80) == ""
