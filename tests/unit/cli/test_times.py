from __future__ import annotations

import pytest

from sealmq.cli.times import day, moment, seconds, words
from sealmq.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("90s", 90, "90 seconds"),
        ("5m", 300, "5 minutes"),
        ("1h", 3_600, "1 hour"),
        ("2d", 172_800, "2 days"),
        ("1w", 604_800, "1 week"),
        (" 7d ", 604_800, "1 week"),
    ],
)
def test_as_people_type_them(text, value, said):
    assert seconds("--ttl", text, most=604_800) == value
    assert words(value) == said


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "5 m", "2w", "9999999999s", "5M", "\u0665m"])
def test_what_is_none(text):
    with pytest.raises(ConfigError, match="--ttl"):
        seconds("--ttl", text, most=604_800)


def test_nothing():
    assert words(0.2) == "0 seconds"


def test_as_we_print_them():
    assert moment(1_800_000_000.7) == "2027-01-15T08:00:00Z"
    assert day(1_800_000_000) == "2027-01-15"
