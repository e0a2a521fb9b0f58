"""The shapes of a Report: exit codes that tell apart, and nothing that can be changed behind a renderer's back."""

from __future__ import annotations

import dataclasses

import pytest

import reports
from sealmq.kit.handshake import report as shapes
from sealmq.kit.handshake.report import SCHEMA_VERSION, Kind

SHAPES = [each for each in vars(shapes).values() if isinstance(each, type) and dataclasses.is_dataclass(each)]


def test_each_way_to_end_has_its_exit_code() -> None:
    codes = {kind: kind.exit_code for kind in Kind}
    assert len(set(codes.values())) == len(Kind)
    assert codes[Kind.CONNECTED] == 0
    assert 2 not in codes.values()  # that is a wrong option


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_nothing_can_be_changed_afterwards(shape: type) -> None:
    assert shape.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(shape, "__dict__") or "__slots__" in vars(shape)


def test_reports_are_values() -> None:
    assert reports.good() == dataclasses.replace(reports.good())
    assert hash(reports.good()) != hash(reports.refused())
    assert reports.good().schema_version == SCHEMA_VERSION
