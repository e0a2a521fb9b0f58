"""The file of the first start shows listeners that can be used."""

from __future__ import annotations

import re

from sealmq.config import ListenerSettings, default_text, parse
from sealmq.devices.labels import Label


def test_the_listener_that_the_first_file_shows_can_be_used() -> None:
    shown = re.search(r"^(#   \[\[listener\]\]\n(?:#.*\n)+)", default_text(), re.MULTILINE)
    assert shown
    lines = [
        match[1] for match in re.finditer(r"^#   (\[\[listener\]\]|\w+ = (?:\"[^\"]*\"|true))", shown[1], re.MULTILINE)
    ]
    assert parse("\n".join(lines)).listener == (ListenerSettings(":8885", "password", True, True),)


def test_the_label_that_the_first_file_shows_can_be_used() -> None:
    shown = re.search(r"^(#   \[\[enrollment\.label\]\]\n(?:#   .*\n)+)", default_text(), re.MULTILINE)
    assert shown
    lines = [
        match[1]
        for match in re.finditer(
            r"^#   (\[\[enrollment\.label\]\]|\w+ = (?:\"[^\"]*\"|true|\d+))", shown[1], re.MULTILINE
        )
    ]
    assert parse("\n".join(lines)).enrollment.label == (Label("line-1", "pump-", 90, True),)
