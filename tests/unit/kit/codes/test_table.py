"""Tables as text: lines, broken lines, and what is wrong with one."""

from __future__ import annotations

import pytest

from sealmq.kit.codes.table import FAULTS, make, read_table, rows


def test_a_line_becomes_a_code() -> None:
    (code,) = read_table("lwip", "ERR_", "-0x10 MEM memory there is none | no memory | out of it\n", version="2")
    assert (code.name, code.number, code.meaning) == ("ERR_MEM", -16, "there is none")
    assert code.texts == ("no memory", "out of it")
    assert code.fault is FAULTS["memory"]
    assert code.version == "2"
    assert code.line.startswith("#define MEM_SIZE")


def test_a_dash_is_no_number() -> None:
    (code,) = read_table("go", "", "- NAME dns it is not known")
    assert code.number is None


def test_a_broken_line_goes_on() -> None:
    assert rows("\n1 A ok one\n    two | three\n2 B ok four\n") == ["1 A ok one two | three", "2 B ok four"]


@pytest.mark.parametrize("line", ["1 A nosuchfault it is", "x A ok it is", "1 A ok"])
def test_a_line_that_is_no_row_is_refused(line: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_table("lwip", "", line)


def test_a_library_without_a_line_of_code_has_none() -> None:
    assert make("curl", "X", 1, "memory", "there is none").line == ""
