"""A comparison as a page: the bars, and below them every figure; under the same rules as the page of one connection."""

from __future__ import annotations

from sealmq.kit.handshake.draw.comparison import Comparison, rows
from sealmq.kit.handshake.draw.comparison_svg import MOST_COLUMNS, STYLE, TITLE, draw_comparison_svg
from sealmq.kit.handshake.draw.markup import Markup, element
from sealmq.kit.handshake.draw.page_html import document
from sealmq.kit.handshake.draw.page_sections import facts, section, table
from sealmq.kit.handshake.draw.words import many


def draw_comparison_html(comparison: Comparison, *, title: str = TITLE) -> str:
    """The page, as the text of an HTML file."""
    comparison = Comparison(comparison.columns[:MOST_COLUMNS])
    picture = element(
        "figure", Markup(draw_comparison_svg(comparison, title=title, titled=False)), class_="diagram", tabindex="0"
    )
    head = ["", *(f"{column.name}, {many(len(column.reports), 'run')}" for column in comparison.columns)]
    cells = [(element("strong", row.title), *(cell.text for cell in row.cells)) for row in rows(comparison)]
    figures = table(head, cells) if comparison.columns else Markup("")
    notes = facts([(column.name, column.note) for column in comparison.columns if column.note])
    main = element("main", picture, section("Figures", "figures", figures), section("Notes", "notes", notes))
    return document(title, (element("header", element("h1", title)), main), STYLE)
