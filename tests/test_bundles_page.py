"""docs/bundles.py says what reads each bundle: by tests that there are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bundles
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.targets import TARGETS

INTEROP = Path(__file__).parent / "interop"


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_read_by_somebody_else_in_a_test(target: str) -> None:
    file, name = bundles.CHECKED[target].test.split("::")
    tree = ast.parse((INTEROP / file).read_text())
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert set(bundles.CHECKED) == set(TARGETS)


def test_the_listing_has_every_file_with_its_size() -> None:
    made = make_bundle(TARGETS["lwip"], bundles.example())
    shown = "\n".join(bundles.listing(made))
    for file in made.files:
        assert f"{len(file.content):,}  {file.name}{'  SECRET' if file.private else ''}" in shown
