"""How likely a bare number is whose."""

from __future__ import annotations

from sealmq.kit.codes.catalog import catalog
from sealmq.kit.codes.code import Code
from sealmq.kit.codes.numbers import WEIGHTS, hints_in, weight


def code(library: str, number: int) -> Code:
    return next(one for one in catalog().numbers[number] if one.library == library)


def test_a_large_number_of_mbed_tls_is_sure() -> None:
    assert weight(code("mbedtls", -0x2700), -0x2700, is_hex=True) > 90
    assert weight(code("mbedtls", -0x0001), -1, is_hex=False) < weight(code("lwip", -1), -1, is_hex=False)


def test_flags_are_written_in_hexadecimal() -> None:
    flag = code("mbedtls-flags", 8)
    assert weight(flag, 8, is_hex=True) > weight(flag, 8, is_hex=False)
    assert weight(code("paho", 8), 8, is_hex=True) < weight(code("paho", 8), 8, is_hex=False)


def test_words_beside_a_number_say_whose_it_is() -> None:
    assert hints_in("mqtt rc=-2")["pubsubclient"] > 0
    assert hints_in("mbedtls_ssl_handshake returned")["mbedtls"] > 0
    assert hints_in("verify flags")["mbedtls-flags"] > 0
    assert hints_in("nothing at all") == {}
    assert set(hints_in("errno openssl lwip paho mosquitto alert")) <= set(WEIGHTS)
