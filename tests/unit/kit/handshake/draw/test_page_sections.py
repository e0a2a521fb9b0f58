"""The sections of the page: each says what the Report says, and is not there when that says nothing."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import reports
from sealmq.kit.handshake.draw import page_sections as sections
from sealmq.kit.handshake.report import Cost, Report, Share

ALL = (
    sections.agreed,
    sections.client,
    sections.mqtt,
    sections.steps,
    sections.extensions,
    sections.cost,
    sections.eavesdropper,
    sections.fingerprint,
)


@pytest.mark.parametrize("draw", ALL)
def test_nothing_to_say_is_no_section(draw: object) -> None:
    assert draw(reports.unreachable()) == ""  # type: ignore[operator]
    assert sections.chain(None, "x", "y") == ""


@pytest.mark.parametrize("draw", ALL)
def test_something_to_say_is_one_with_a_heading(draw: object) -> None:
    html = draw(reports.good())  # type: ignore[operator]
    assert html.startswith("<section id=")
    assert html.count("<h2>") == html.count("<section ")


def test_a_verdict_is_said_in_words_too() -> None:
    html = sections.chain(reports.refused().chain, "x", "y")
    for word in ("bad", "ok", "warning", "not tested"):
        assert re.search(f'<span class="verdict [a-z-]+">{word}</span>', html)
    assert "not trusted" in html
    assert "it ended 3 days ago" in html
    assert "(CN=localhost)" in html


def test_a_step_that_is_done_otherwise_says_how() -> None:
    html = sections.steps(reports.good())
    assert html.count("<tr>") == 11
    assert html.count("as it was") == sum(not step.otherwise for step in reports.good().steps)
    assert "no secret is sent at all" in html


def test_what_was_not_sent_is_not_empty() -> None:
    html = sections.extensions(reports.good())
    assert html.count("not answered") == 3
    changed = dataclasses.replace(reports.EXTENSIONS[0], client="", server=None)
    assert ">empty<" in sections.extensions(dataclasses.replace(reports.good(), extensions=(changed,)))


def test_the_bar_is_full_and_no_longer() -> None:
    html = sections.cost(reports.good())
    widths = [float(width) for width in re.findall(r'y="0" width="([\d.]+)%"', html)]
    assert sum(widths) == pytest.approx(100, abs=0.1)
    assert "2,160 B, 48 %" in html


def test_each_part_of_the_bar_has_a_colour() -> None:
    shares = tuple(Share(what=f"part {number}", bytes=number) for number in range(30))
    many = dataclasses.replace(reports.good(), cost=dataclasses.replace(reports.COST, shares=shares))
    style = Path(str(sections.__file__)).with_name("page.css").read_text(encoding="utf-8")
    kinds = set(re.findall(r'class="share (s\d+)"', sections.cost(many)))
    assert len(kinds) == 10
    assert all(f".{kind} {{ --share:" in style for kind in kinds)


def test_no_bytes_are_no_bar() -> None:
    none: Cost = dataclasses.replace(reports.COST, shares=(Share(what="certificates", bytes=0),))
    assert "<svg" not in sections.cost(dataclasses.replace(reports.good(), cost=none))


def test_who_sees_what_stands_in_two_columns() -> None:
    html = sections.eavesdropper(reports.good())
    seen, unseen = html.split('class="unseen"')
    assert "the name that was dialled" in seen
    assert "topics, payloads, passwords" in unseen


def test_rows_are_bounded() -> None:
    many: Report = dataclasses.replace(reports.good(), mqtt=reports.MQTT * 5_000, extensions=reports.EXTENSIONS * 5_000)
    assert sections.mqtt(many).count("<strong>") == sections.MOST_ROWS
    assert sections.extensions(many).count("<tr>") == sections.MOST_ROWS + 1


def test_what_is_no_certificate_says_so() -> None:
    chain = reports.good().chain
    assert chain is not None
    broken = dataclasses.replace(chain, certificates=(dataclasses.replace(reports.LEAF, readable=False),))
    html = sections.chain(broken, "x", "y")
    assert "this is no certificate" in html
    assert "issuer" not in html


def test_what_a_trial_said_is_said_once() -> None:
    report = reports.good()
    assert report.cost is not None
    trial = report.cost.trials[0].sentence
    cost = dataclasses.replace(report.cost, sentences=(trial,))
    assert sections.cost(dataclasses.replace(report, cost=cost)).count(trial) == 1
