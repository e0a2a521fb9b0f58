"""The pages that show what programs print: each command is run, and must print what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

import tutorial
from libraries import middleware
from ports import free_port
from running import program
from sealmq.kit.middleware.comparing import ALL

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]  # a page is many programs, one after the other


def tour(page: Path, folder: Path) -> tutorial.Tour:
    """A run of a page with ports of this test process."""
    for name, package in tutorial.PROGRAMS:
        program(name, package)
    _, taken = tutorial.take_tour(page, folder, {port: free_port() for port in tutorial.PORTS})
    return taken


@pytest.mark.parametrize("page", tutorial.PAGES, ids=lambda page: page.stem)
def test_the_programs_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    if page.stem == "choose-a-middleware":
        for name in ALL:
            middleware(name)
    assert "\n".join(map(str, tour(page, tmp_path).mistakes)) == ""


def test_one_false_word_is_enough(tmp_path: Path) -> None:
    text = tutorial.PAGES[0].read_text(encoding="utf-8")
    part = text[text.index("## Part two") : text.index("## Part three")].split("### 9")[0]
    true, false = "Signature Verification Failure", "Signature Verification Success"
    assert true in part
    page = tmp_path / "page.md"
    page.write_text(part.replace(true, false), encoding="utf-8")
    (tmp_path / "home").mkdir()
    (mistake,) = tour(page, tmp_path / "home").mistakes
    assert mistake.step.output == [false]
    assert mistake.printed == (true,)
