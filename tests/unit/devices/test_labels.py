"""A label narrows, and widens nothing."""

from __future__ import annotations

from sealmq.devices.labels import NO_LABEL, Label


def test_a_label_admits_the_names_that_begin_with_its_prefix() -> None:
    assert Label("line-1", "pump-").admits("pump-7")
    assert not Label("line-1", "pump-").admits("Pump-7")
    assert NO_LABEL.admits("pump-7")


def test_a_label_shortens_a_life_and_never_lengthens_it() -> None:
    assert Label("short", days=30).shorten(365) == 30
    assert Label("long", days=365).shorten(30) == 30
    assert NO_LABEL.shorten(365) == 365
