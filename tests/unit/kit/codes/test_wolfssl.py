"""wolfSSL: numbers that people meet."""

from __future__ import annotations

import pytest

from sealmq.kit.codes import wolfssl

BY_NUMBER = {code.number: code for code in wolfssl.CODES}


@pytest.mark.parametrize(
    ("number", "name", "fault"),
    [
        (-188, "ASN_NO_SIGNER_E", "untrusted"),
        (-322, "DOMAIN_NAME_MISMATCH", "name"),
        (-313, "FATAL_ERROR", "alert_heard"),
        (-150, "ASN_BEFORE_DATE_E", "clock"),
        (-151, "ASN_AFTER_DATE_E", "expired"),
        (-308, "SOCKET_ERROR_E", "reset"),
        (-501, "MATCH_SUITE_ERROR", "suite"),
    ],
)
def test_vectors(number: int, name: str, fault: str) -> None:
    assert BY_NUMBER[number].name == name
    assert BY_NUMBER[number].fault.name == fault


def test_numbers_and_names_are_unique() -> None:
    assert len(BY_NUMBER) == len(wolfssl.CODES) == len({code.name for code in wolfssl.CODES})
