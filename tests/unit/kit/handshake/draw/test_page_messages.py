"""The messages of the page."""

from __future__ import annotations

import reports
from sealmq.kit.handshake.draw.page_messages import MOST_MESSAGES, draw_messages


def test_each_message_is_a_line_that_opens() -> None:
    html = draw_messages(reports.good())
    assert html.count("<details") == html.count("</details>") == len(reports.good().messages)
    assert html.count('class="padlock"') == sum(one.protected for one in reports.good().messages)
    assert "client to server · in clear" in html
    assert "1 record: #0 · classic step 1, 6" in html
    assert 'class="message key-exchange"' in draw_messages(reports.classic())


def test_very_many_are_bounded_and_counted() -> None:
    html = draw_messages(reports.hostile(10_000))
    assert html.count("<details") == MOST_MESSAGES
    assert "9,800 more messages not shown" in html
    assert len(html) < 4_000_000


def test_none_are_nothing() -> None:
    assert draw_messages(reports.unreachable()) == ""
