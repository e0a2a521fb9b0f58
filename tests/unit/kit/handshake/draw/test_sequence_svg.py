"""The sequence diagram: XML that fetches nothing and runs nothing, everything inside, everything named."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports
from colours import contrast
from sealmq.kit.handshake.draw.sequence_svg import COLOURS, LEGEND, draw_svg, fit, width_of, wrap
from sealmq.kit.handshake.draw.words import Purpose
from sealmq.kit.handshake.report import Report

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "style", "desc", "title", "rect", "line", "path", "polygon", "g", "text", "tspan"}


def texts(report: Report) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(draw_svg(report)).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", reports.samples())
def test_it_is_xml_that_fetches_and_runs_nothing(name: str) -> None:
    text = draw_svg(reports.samples()[name])
    root = ET.fromstring(text)
    for each in root.iter():
        assert each.tag.removeprefix(SVG) in ALLOWED
        for attribute, value in each.attrib.items():
            assert not attribute.lower().startswith("on")
            assert attribute not in ("href", "style", "id", "src")
            assert "url(" not in value
    style = "".join(root.find(f"{SVG}style").itertext())  # type: ignore[union-attr]
    assert not re.search(r"url\(|@import|//|http", style)
    assert "<img" not in text
    assert "<script" not in text


@pytest.mark.parametrize("name", reports.samples())
def test_nothing_is_outside(name: str) -> None:
    root = ET.fromstring(draw_svg(reports.samples()[name]))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.attrib["viewBox"] == f"0 0 {width:.0f} {height:.0f}"
    for each in root.iter():
        for attribute, value in each.attrib.items():
            if attribute in ("x", "x1", "x2"):
                assert 0 <= float(value) <= width
            elif attribute in ("y", "y1", "y2"):
                assert 0 <= float(value) <= height
        for point in each.attrib.get("points", "").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_each_message_is_there_with_its_size_its_words_and_its_steps() -> None:
    said = texts(reports.good())
    for one in reports.good().messages:
        assert f"{one.name}{one.size:,} B" in said
        assert one.line in said
    assert {
        "steps 1, 6",
        "step 10",
        "flight 2",
        "1,612 B",
        "7 records",
        "round trip 2",
        "from here on encrypted",
    } <= set(said)
    assert said[0] == "TLS 1.3 handshake with localhost:8883 (127.0.0.1)"
    assert "✓  Connected: both ends proved who they are, and the broker said welcome" in said


def test_each_message_has_a_tooltip_with_its_paragraph() -> None:
    root = ET.fromstring(draw_svg(reports.good()))
    groups = [each for each in root.iter(f"{SVG}g") if "message" in each.attrib["class"]]
    assert len(groups) == len(reports.good().messages)
    for group, one in zip(groups, reports.good().messages, strict=True):
        tooltip = group.find(f"{SVG}title")
        assert tooltip is not None
        assert one.paragraph in str(tooltip.text)
        assert ("encrypted" if one.protected else "in clear") in str(tooltip.text)


def test_arrows_point_from_who_sent_it() -> None:
    root = ET.fromstring(draw_svg(reports.good()))
    lines = [each.find(f"{SVG}line") for each in root.iter(f"{SVG}g")]
    for line, one in zip(lines, reports.good().messages, strict=True):
        assert line is not None
        assert (float(line.attrib["x1"]) < float(line.attrib["x2"])) == (one.sender == "client")
        assert float(line.attrib["y1"]) < float(line.attrib["y2"])


def test_as_many_locks_as_encrypted_messages() -> None:
    report = reports.good()
    locks = draw_svg(report).count('class="lock"')
    assert locks == sum(one.protected for one in report.messages) + 2  # the sign, and the legend


def test_what_was_refused_says_why_and_what_to_do() -> None:
    said = texts(reports.refused())
    assert {"why", "to do", reports.refused().outcome.remedy} <= set(said)
    assert "✗  The broker refused the client's certificate" in said
    assert "no TLS message was seen" in texts(reports.unreachable())


def test_very_many_messages_are_bounded() -> None:
    text = draw_svg(reports.hostile(10_000))
    assert len(text) < 400_000
    assert "9,920 more messages not drawn" in text


def test_the_label_for_who_cannot_see_it_is_escaped() -> None:
    bad = dataclasses.replace(reports.good().outcome, what="\"'><script>")
    root = ET.fromstring(draw_svg(dataclasses.replace(reports.good(), outcome=bad)))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].endswith("\"'><script>")


@given(st.text(max_size=300))
def test_any_text_is_xml(text: str) -> None:
    report = reports.refused()
    message = dataclasses.replace(report.messages[0], name=text, line=text, paragraph=text)
    outcome = dataclasses.replace(report.outcome, what=text, why=text, remedy=text)
    ET.fromstring(draw_svg(dataclasses.replace(report, messages=(message,), outcome=outcome)))


def test_colours_can_be_read_on_light_and_dark() -> None:
    text = draw_svg(reports.good())
    light, dark = (dict(re.findall(r"--([\w-]+):(#\w{6})", part)) for part in text.split("@media screen", 1))
    assert light.keys() == dark.keys()
    for which in (light, dark):
        for ink in ("ink", "quiet", "ok", "bad", *(purpose.value.replace(" ", "-") for purpose in COLOURS)):
            for ground in ("ground", "sealed"):
                assert contrast(which[ink], which[ground]) >= 4.5, (ink, ground)
    assert COLOURS.keys() == LEGEND.keys() == set(Purpose)


def test_words_fit_their_room() -> None:
    assert fit("short", 100, 13) == "short"
    assert fit("W" * 50, 100, 13).endswith("…")
    assert width_of(fit("W" * 50, 100, 13), 13) <= 115
    assert wrap("one two three", 60, 13) == ["one two", "three"]
    assert wrap("", 60, 13) == []


def test_it_is_the_same_each_time() -> None:
    assert draw_svg(reports.hostile()) == draw_svg(reports.hostile())
