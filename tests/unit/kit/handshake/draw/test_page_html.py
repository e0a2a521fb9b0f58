"""The page: well-formed, self-contained, and nothing that a stranger wrote becomes more than text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reports
from colours import contrast
from sealmq.kit.handshake.draw.page_html import draw_html

OPEN = {"meta", "br"}
ALLOWED = re.findall(
    r"\w+",
    "html head meta title style body header h1 h2 h3 p dl div dt dd main figure svg desc rect line path polygon g text "
    "tspan section details summary span strong pre b ul ol li code small table thead tbody tr th td em footer script",
)


class Page(HTMLParser):
    """Reads a page and holds it against what is allowed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.inline: dict[str, list[str]] = {"style": [], "script": []}
        self.policy = ""
        self.words = ""
        self.numbers: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("src", "href", "style", "action", "srcset", "xlink:href")
            assert name != "xmlns" or value == "http://www.w3.org/2000/svg"
        said = dict(attrs)
        if said.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(said["content"])
        if "id" in said:
            self.numbers.append(str(said["id"]))
        if tag in self.inline:
            self.inline[tag].append("")
        if tag not in OPEN:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in self.inline:
            self.inline[self.stack[-1]][-1] += data
        else:
            self.words += data


@pytest.mark.parametrize("name", reports.samples())
def test_it_is_well_formed_and_asks_for_nothing(name: str) -> None:
    html = draw_html(reports.samples()[name])
    page = Page(html)
    for content in (*page.inline["style"], *page.inline["script"]):
        assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|import\(", content)
    assert len(page.numbers) == len(set(page.numbers))
    assert html.startswith("<!DOCTYPE html>\n")


def hashed(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", reports.samples())
def test_the_policy_allows_its_own_style_and_script_and_nothing_else(name: str) -> None:
    page = Page(draw_html(reports.samples()[name]))
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["style-src"].split() == [hashed(content) for content in page.inline["style"]]
    assert rules["script-src"].split() == [hashed(content) for content in page.inline["script"]]
    assert len(page.inline["script"]) == 1
    assert "unsafe" not in page.policy


def test_all_that_the_report_has_is_there() -> None:
    words = Page(draw_html(reports.good())).words
    report = reports.good()
    for one in report.messages:
        assert one.paragraph in words
    assert report.chain is not None
    assert report.cost is not None
    assert report.fingerprint is not None
    told = [
        report.outcome.what,
        report.fingerprint.ja4,
        *report.cost.sentences,
        *(rule.reason for rule in report.chain.rules),
    ]
    told += [step.here for step in report.steps] + [each.meaning for each in report.extensions]
    told += [each.what for each in report.eavesdropper] + [packet.line for packet in report.mqtt]
    for each in told:
        assert each in words
    assert "Seen by the TLS library of this client · OpenSSL 3.5.4 30 Sep 2025 · SealMQ 0.1.0" in words


def test_what_was_refused_says_by_whom_why_and_what_to_do() -> None:
    words = Page(draw_html(reports.refused())).words
    assert "the server ended it, after Finished, alert unknown_ca" in words
    assert reports.refused().outcome.remedy in words


def test_hostile_text_is_there_as_text() -> None:
    html = draw_html(reports.hostile())
    assert "<img" not in html
    assert html.count("<script") == html.count("</script>") == 1
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\u2066\ufeff]", html)
    html.encode()


@settings(max_examples=30)
@given(st.text(max_size=80))
def test_any_text_stays_text(words: str) -> None:
    report = reports.refused()
    message = dataclasses.replace(report.messages[0], name=words, line=words, paragraph=words)
    outcome = dataclasses.replace(report.outcome, what=words, why=words, remedy=words)
    Page(draw_html(dataclasses.replace(report, messages=(message,), outcome=outcome)))


def test_very_many_messages_are_bounded() -> None:
    assert len(draw_html(reports.hostile(10_000))) < 5_000_000


def test_it_is_the_same_each_time() -> None:
    assert draw_html(reports.hostile()) == draw_html(reports.hostile())


def test_the_colours_of_the_page_can_be_read_on_light_and_dark() -> None:
    style = Page(draw_html(reports.good())).inline["style"][0]
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in style.split("@media screen", 1))
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        for ink in ("ink", "quiet", "ok", "bad", "warning", "hello", "certificate", "key-exchange", "ticket", "other"):
            assert contrast(colours[ink], colours["card"]) >= 4.5, ink
        for number in range(6):
            assert contrast(colours["ink"], colours[f"t{number}"]) >= 7
        assert contrast(colours["quiet"], colours["soft"]) >= 4.5
        assert contrast(colours["lit-ink"], colours["lit"]) >= 7
