"""The page: nothing of a stranger's runs in it, and it loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from sealmq.kit.eavesdrop.exposures import exposures_of_plaintext
from sealmq.kit.eavesdrop.framing import Kind
from sealmq.kit.eavesdrop.page import draw
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.eavesdrop.summary import Summary
from sealmq.kit.handshake.exposures import TITLES

HOSTILE = "</span><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Page(HTMLParser):
    """Its elements and its text; a start tag has to have its end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def summary(name: str = "'plug'") -> Summary:
    made = Summary()
    sight = Sight(1, Kind.PLAINTEXT, client_id=name, over=1.0)
    sight.exposures = exposures_of_plaintext(sight)
    made.add(sight)
    made.add(Sight(2, Kind.TLS, over=1.0))
    return made


def test_it_has_a_row_for_each_thing_and_a_column_for_each_side() -> None:
    page = Page(draw(summary()))
    assert page.elements.count("tr") == 1 + len(TITLES)
    assert page.elements.count("td") == 2 * len(TITLES)
    assert all(title in page.text for title in TITLES.values())
    assert draw(summary()) == draw(summary())


def test_what_strangers_wrote_stays_text() -> None:
    page = Page(draw(summary(HOSTILE)))
    assert HOSTILE in page.text
    assert not {"script", "img"} & set(page.elements)


def test_it_loads_nothing_and_its_policy_forbids_it() -> None:
    text = draw(summary())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    policy = re.search(r'content="(default-src[^"]*)"', text)
    assert style is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1] == f"default-src 'none'; style-src 'sha256-{digest}'"
    assert not re.search(r"https?:|url\(|@import|src=|href=", text)


def test_a_sum_of_nobody_is_a_page() -> None:
    assert "nobody came" in Page(draw(Summary())).text
