"""Values as a table gives them out, and what the complaint looks like."""

from __future__ import annotations

import pytest

from sealmq.config.table import Table, either, shown
from sealmq.errors import ConfigError


def test_a_complaint_names_file_table_and_key() -> None:
    table = Table({"level": 3}, "sealmq.toml", "[log]")
    with pytest.raises(ConfigError) as caught:
        table.choice("level", "info", ("info", "error"))
    assert caught.value.what == 'sealmq.toml: [log] level is 3; it must be "info" or "error"'


def test_values_are_shown_short_and_on_one_line() -> None:
    assert shown({}) == "a table"
    assert shown([1]) == "a list"
    assert shown(True) == "true"
    assert shown(10**5000) == "a far too large number"
    assert len(shown("x" * 500)) == 60
    assert either(("a", "b")) == '"a" or "b"'


def test_what_is_absent_gets_the_default() -> None:
    table = Table({}, "sealmq.toml", "")
    assert table.number("a", 1.5, 1, 2, whole=False) == 1.5
    assert table.flag("a", True)
    assert table.text("a") is None
    assert table.texts("a", ("b",)) == ("b",)
    assert table.table("a").values == {}
