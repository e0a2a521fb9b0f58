from __future__ import annotations

import re
from xml.etree import ElementTree

from middleware_comparisons import comparison, full, measured
from sealmq.kit.middleware.draw.chart_svg import draw_chart, panels

SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_a_picture_that_loads_nothing() -> None:
    text = draw_chart(full())
    ElementTree.fromstring(text)
    assert not re.search(r"href|url\(|@import|<script", text)
    assert "prefers-color-scheme:dark" in text


def test_a_bar_is_as_long_as_what_it_says() -> None:
    root = ElementTree.fromstring(draw_chart(full()))
    bars = {}
    for rect in root.iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None and title.text:
            bars.setdefault(title.text, []).append(float(rect.get("width", "0")))
    openssl, wolfssl = bars["openssl: 0.90 + 1.20 ms"], bars["wolfssl: 0.50 + 0.45 ms"]
    assert openssl[1] / openssl[0] == 1.2 / 0.9 or abs(openssl[1] / openssl[0] - 1.2 / 0.9) < 0.02
    assert abs(openssl[0] / wolfssl[0] - 0.9 / 0.5) < 0.02


def test_everything_is_within_the_picture() -> None:
    root = ElementTree.fromstring(draw_chart(full()))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x", "0")) + float(rect.get("width", "0")) <= width
        assert float(rect.get("y", "0")) + float(rect.get("height", "0")) <= height


def test_what_is_not_possible_has_words_and_no_bar() -> None:
    found = {panel.title: panel for panel in panels(full())}
    old = next(bar for bar in found["Full handshake, TLS 1.3"].bars if bar.name == "mbedtls-2.28")
    assert (old.parts, old.text) == ((), "not possible")


def test_a_panel_with_nothing_is_left_out() -> None:
    assert "Cortex" not in draw_chart(comparison(measured("openssl")))
