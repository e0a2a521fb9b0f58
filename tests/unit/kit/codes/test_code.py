"""A code: its causes and remedy are those of its fault."""

from __future__ import annotations

import dataclasses

import pytest

from sealmq.kit.codes.code import Code, Fault, Side

FAULT = Fault(name="x", side=Side.HERE, causes=("one", "two"), device="do it")


def test_a_code_takes_causes_and_remedy_from_its_fault() -> None:
    code = Code(library="lwip", name="ERR_X", number=-99, meaning="something", fault=FAULT)
    assert code.causes == ("one", "two")
    assert code.remedy == "do it"


def test_a_code_does_not_change() -> None:
    code = Code(library="lwip", name="ERR_X", number=-99, meaning="something", fault=FAULT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        code.number = 1  # type: ignore[misc]
