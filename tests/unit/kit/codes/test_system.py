"""errno: Linux as Python has it; newlib differs and says so."""

from __future__ import annotations

import errno
import sys

import pytest

from sealmq.kit.codes import system


@pytest.mark.skipif(sys.platform != "linux", reason="numbers of Linux")
def test_linux_numbers_are_those_of_this_system() -> None:
    assert {name: getattr(errno, name) for name in system.LINUX} == system.LINUX


def test_where_newlib_differs_there_are_two_codes() -> None:
    reset = [code for code in system.CODES if code.name == "ECONNRESET"]
    timed_out = [code for code in system.CODES if code.name == "ETIMEDOUT"]
    assert [code.number for code in reset] == [104]
    assert {code.number: code.version.partition(":")[0] for code in timed_out} == {110: "Linux", 116: "newlib"}
