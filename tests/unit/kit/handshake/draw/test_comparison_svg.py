"""The picture of a comparison: bars as long as what they say, all inside, nothing fetched or run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

import reports
from colours import contrast
from sealmq.kit.handshake.draw.comparison import Column, Comparison
from sealmq.kit.handshake.draw.comparison_svg import COLOURS, draw_comparison_svg

SVG = "{http://www.w3.org/2000/svg}"
THREE = Comparison(
    (Column("TLS 1.2", (reports.classic(),)), Column("TLS 1.3", (reports.good(),)), Column("no", (reports.refused(),)))
)
CASES = {
    "three": THREE,
    "none": Comparison(()),
    "refused": Comparison((Column("x", (reports.unreachable(),)),)),
    "hostile": Comparison(tuple(Column(words, (reports.hostile(),)) for words in reports.HOSTILE)),
    "many": Comparison(tuple(Column("x", (reports.good(),)) for _ in range(40))),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_xml_and_nothing_is_outside(name: str) -> None:
    text = draw_comparison_svg(CASES[name], title="a & <b>")
    root = ET.fromstring(text)
    assert root.attrib["aria-label"] == "a & <b>"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in root.iter():
        assert each.tag.removeprefix(SVG) in {"svg", "style", "rect", "line", "text", "tspan", "title"}
        assert not {"href", "style", "onload"} & each.attrib.keys()
        for attribute, value in each.attrib.items():
            if attribute in ("x", "x1", "x2"):
                assert 0 <= float(value) <= width
            elif attribute in ("y", "y1", "y2"):
                assert 0 <= float(value) <= height
        if "x" in each.attrib and "width" in each.attrib:
            assert float(each.attrib["x"]) + float(each.attrib["width"]) <= width
    assert not re.search(r"url\(|@import|<img|<script", text)


def test_bars_are_as_long_as_what_they_say() -> None:
    root = ET.fromstring(draw_comparison_svg(THREE))
    bars = {}
    for rect in root.iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            bars.setdefault(str(title.text), float(rect.attrib["width"]))
    assert bars["TLS 1.3: 3.72 ms"] / bars["TLS 1.2: 86.20 ms"] == pytest.approx(3.72 / 86.2, rel=0.01)
    assert bars["TLS 1.3: 1"] / bars["TLS 1.2: 2"] == pytest.approx(0.5, rel=0.01)


def test_nothing_measured_says_so() -> None:
    assert "nothing could be measured" in draw_comparison_svg(CASES["refused"])


def test_colours_can_be_seen_on_light_and_dark() -> None:
    for light, dark in COLOURS:
        assert contrast(light, "#ffffff") >= 4.5
        assert contrast(dark, "#12161c") >= 4.5


def test_it_is_the_same_each_time() -> None:
    assert draw_comparison_svg(THREE) == draw_comparison_svg(THREE)
