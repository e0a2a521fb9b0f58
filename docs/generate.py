"""Write the pages of docs/ that are made from the source: `python docs/generate.py`.

A test compares each page with what this script would write, so none of them grows old.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sealmq.mqtt.state import tables_as_markdown

DOCS = Path(__file__).parent

PAGES: dict[str, Callable[[], str]] = {
    "reference/state-machine.md": tables_as_markdown,
}
"""The page -> what makes its text."""


def main() -> None:
    """Write every page."""
    for page, text in PAGES.items():
        (DOCS / page).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / page).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
