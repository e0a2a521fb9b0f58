"""Mbed TLS: what is known by number, and the two parts of one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.codes import mbedtls

NUMBERS = {code.name: code.number for code in mbedtls.ERRORS}


def test_vectors() -> None:
    assert NUMBERS["MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"] == -0x2700 == -9984
    assert NUMBERS["MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"] == -0x7780
    assert NUMBERS["MBEDTLS_ERR_SSL_CONN_EOF"] == -29312
    assert NUMBERS["MBEDTLS_ERR_SSL_CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME"] == -0x5D80


def test_two_generations_may_share_a_number() -> None:
    shared = [code for code in mbedtls.ERRORS if code.number == -0x7500]
    assert {code.version for code in shared} == {"Mbed TLS 2", "Mbed TLS 3 and 4"}


def test_a_name_has_one_number() -> None:
    assert len(NUMBERS) == len(mbedtls.ERRORS)
    assert {code.number for code in mbedtls.FLAGS} == {1 << bit for bit in range(20)}


def test_parts() -> None:
    assert mbedtls.parts(-0x262E) == (-0x2600, -0x002E)
    assert mbedtls.parts(-0x2700) == (-0x2700, 0)
    assert mbedtls.parts(-0x0050) == (0, -0x0050)


@given(st.integers(-0x7FFF, 0))
def test_the_parts_make_the_number(number: int) -> None:
    assert sum(mbedtls.parts(number)) == number


def test_each_number_is_a_high_or_a_low_one() -> None:
    for code in mbedtls.ERRORS:
        assert code.number is not None
        assert 0 in mbedtls.parts(code.number)
