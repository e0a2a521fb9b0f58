"""The page of a comparison: every figure is there, and a stranger's text stays text."""

from __future__ import annotations

import re

import pytest

import reports
from sealmq.kit.handshake.draw.comparison import Column, Comparison, rows
from sealmq.kit.handshake.draw.comparison_html import draw_comparison_html

TWO = Comparison((Column("TLS 1.2", (reports.classic(),)), Column("TLS 1.3", (reports.good(),), "with mTLS")))
HOSTILE = Comparison(tuple(Column(words, (reports.hostile(),), words) for words in reports.HOSTILE))


def test_every_figure_is_there() -> None:
    html = draw_comparison_html(TWO)
    for row in rows(TWO):
        assert f"<strong>{row.title}</strong>" in html
        for cell in row.cells:
            assert f">{cell.text}</td>" in html
    assert "with mTLS" in html


@pytest.mark.parametrize("comparison", [TWO, HOSTILE, Comparison(())], ids=["two", "hostile", "none"])
def test_a_stranger_adds_no_element(comparison: Comparison) -> None:
    html = draw_comparison_html(comparison, title="</title><img src=x>")
    assert "<img" not in html
    assert html.count("<script") == html.count("</script>") == 1
    assert html.count("<title>") >= 1
    assert not re.search(r' (href|src|style|on\w+)="', html)
    assert html.count("'sha256-") == 3
    assert "default-src 'none'" in html
