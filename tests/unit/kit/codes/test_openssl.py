"""OpenSSL: numbers of the error queue, and the check of a certificate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.codes import openssl
from sealmq.kit.codes.openssl_reasons import LIBRARIES
from sealmq.tls.refusals import VERIFY_CODES


@pytest.mark.parametrize(
    ("packed", "part", "reason"),
    [
        (0x0A000418, "SSL", 1048),  # OpenSSL 3
        (0x14094418, "SSL", 1048),  # 1.1
        (0x0A000086, "SSL", 134),
        (0x1416F086, "SSL", 134),
        (0x0480006C, "PEM", 108),
        (0x0909006C, "PEM", 108),
        (0x05800074, "X509", 116),
        (0x0B080074, "X509", 116),
        (0x80000002, "SYS", 2),
        (0x00000001, "", 1),
    ],
)
def test_unpacking(packed: int, part: str, reason: int) -> None:
    assert openssl.unpack(packed) == (part, reason)


@given(st.integers(0, 0xFFFFFFFF))
def test_any_number_can_be_unpacked(packed: int) -> None:
    part, reason = openssl.unpack(packed)
    assert part in {"", *LIBRARIES.values()}
    assert reason >= 0


def test_alerts_are_reasons_from_1000_on() -> None:
    assert openssl.heard_alert("SSL", 1048) == 48
    assert openssl.heard_alert("SSL", 134) is None
    assert openssl.heard_alert("PEM", 1048) is None


def test_the_check_of_a_certificate_is_complete_and_agrees_with_the_broker() -> None:
    by_number = {code.number: code for code in openssl.VERIFY}
    assert set(by_number) == set(range(95))
    assert set(VERIFY_CODES) <= set(by_number)
    for number, refusal in VERIFY_CODES.items():
        if refusal.alert == "certificate_expired" and number == 10:
            assert by_number[number].fault.name == "expired"
    assert by_number[62].fault.name == by_number[64].fault.name == "name"
