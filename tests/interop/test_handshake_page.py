"""The page of `sealmq handshake` in a real browser: it loads without a complaint, and no stranger runs anything."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

import reports
from running import program
from sealmq.kit.handshake.draw.comparison import Column, Comparison
from sealmq.kit.handshake.draw.comparison_html import draw_comparison_html
from sealmq.kit.handshake.draw.page_html import draw_html

pytestmark = pytest.mark.interop


def dump(page: str, folder: Path) -> tuple[str, list[str]]:
    """The page as Chromium has it after running its script, and what its console said."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [
        program("chromium", "chromium"),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        "--disable-dev-shm-usage",  # which the files of other tests may fill
        *(
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            "--dump-dom",
        ),
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


def digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@pytest.mark.parametrize("name", ["good", "hostile"])
def test_it_loads_without_a_complaint_and_runs_nothing_of_a_stranger(name: str, tmp_path: Path) -> None:
    dom, console = dump(draw_html(reports.samples()[name]), tmp_path)
    assert console == []
    assert "<img" not in dom
    assert dom.count("<script") == 1
    assert dom.count("<section ") >= 9


def test_a_comparison_loads_without_a_complaint(tmp_path: Path) -> None:
    columns = tuple(Column(words, (reports.hostile(), reports.good())) for words in reports.HOSTILE)
    dom, console = dump(draw_comparison_html(Comparison(columns)), tmp_path)
    assert console == []
    assert "<img" not in dom
    assert dom.count("<script") == 1


def test_its_policy_stops_what_would_get_past_the_escaping(tmp_path: Path) -> None:
    page = draw_html(reports.good()).replace("<main>", "<main><script>document.title = 'taken'</script>")
    dom, console = dump(page, tmp_path)
    assert "<title>taken" not in dom
    assert any("Content Security Policy" in line for line in console)


def test_pointing_at_a_field_lights_its_bytes(tmp_path: Path) -> None:
    # the script of the page is the tested one; this one, with a hash of its own, does what a person would
    pointing = "document.querySelector('details').open = true; document.querySelectorAll('.field')[3].focus();"
    page = draw_html(reports.good()).replace("script-src ", "script-src 'sha256-" + digest(pointing) + "' ")
    dom, console = dump(page.replace("</body>", f"<script>{pointing}</script></body>"), tmp_path)
    assert console == []
    lit = re.findall(r'<b data-f="(\d+)" class="t\d lit">([^<]*)', dom)
    assert [number for number, _ in lit] == ["3"]
    assert re.sub(r"\s", "", lit[0][1]) == reports.good().messages[0].fields[3].value
    assert dom.count('class="field t3 lit"') == 1
