"""The picture: whatever the figures, it is XML, and everything in it lies inside it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from sealmq.kit.bench.chart import draw, in_short
from sealmq.kit.bench.result import Result

SVG = "{http://www.w3.org/2000/svg}"
MARKS = {"p50": 1.0, "p99": 20.0, "p99.9": 300.0, "worst": 400.0}
FLOW = Result("pairs", "", count=900_000, seconds=3.0, cpu=2.0, latency=MARKS)
CALLS = Result("handshakes <1.3> & more", "", unit="connections", count=900, seconds=3.0, cpu=2.0, latency=MARKS)


@pytest.mark.parametrize(
    "results",
    [
        [],
        [FLOW],
        [FLOW, CALLS],
        [Result("pairs", "", failure="no")],
        [Result("pairs", "", count=10, seconds=1.0)],
        [Result("idle", "", seconds=1.0, is_paced=True)],
        [
            Result(
                "pairs", "", count=10, seconds=10.0, cpu=1e-5, latency=dict.fromkeys(MARKS, 0.0), lost=3, duplicated=1
            )
        ],
    ],
)
def test_it_is_xml_and_nothing_is_outside(results: list[Result]) -> None:
    root = ET.fromstring(draw(results))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for each in root.iter():
        for name, value in each.attrib.items():
            if name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(value) <= width
            elif name in ("y", "y1", "y2", "cy"):
                assert 0 <= float(value) <= height
    assert "prefers-color-scheme: dark" in "".join(root.itertext())


def test_each_workload_is_named_and_told_in_digits() -> None:
    texts = ["".join(each.itertext()) for each in ET.fromstring(draw([FLOW, CALLS], title="a & b")).iter(f"{SVG}text")]
    assert {"a & b", "pairs", "handshakes <1.3> & more", "300k", "300", "2.22", "2.22k", "20"} <= set(texts)


def test_the_further_right_the_more() -> None:
    text = draw([FLOW, CALLS])
    dots = [float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', text)]
    assert len(dots) == 6
    assert dots[0] > dots[1]  # messages a second, connections a second
    assert dots[2] < dots[3]  # what they cost
    assert dots[4] == dots[5]  # how long they took


def test_what_was_lost_stands_there() -> None:
    assert "3 lost, 1 twice" in draw([Result("pairs", "", count=1, seconds=1.0, lost=3, duplicated=1)])


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.0123"), (1.0, "1"), (999.0, "999"), (1_234.0, "1.23k"), (6_049_759.0, "6.05M")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert in_short(value) == text
