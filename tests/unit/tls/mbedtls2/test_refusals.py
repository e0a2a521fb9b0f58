from __future__ import annotations

import pytest

from sealmq.tls.mbedtls2.refusals import TO_NEW, as_new
from sealmq.tls.mbedtls3.refusals import CODES, Failure, explain


@pytest.mark.parametrize("code", TO_NEW)
def test_each_becomes_one_that_has_words(code: int) -> None:
    assert as_new(code) in CODES
    assert as_new(code | 0x26) == as_new(code)
    error = explain(Failure(-as_new(code), "its words", own=code), peer="device")
    assert error.why == f"Mbed TLS: its words (-0x{code:04X})"
    assert error.alert


def test_the_rest_is_the_same_in_both() -> None:
    for code in (0x2700, 0x7180, 0x7480, 0x7780, 0x7880):
        assert as_new(code) == code
