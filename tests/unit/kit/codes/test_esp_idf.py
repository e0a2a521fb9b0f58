"""ESP-IDF: esp-tls in both spellings of a number."""

from __future__ import annotations

from sealmq.kit.codes import esp_idf

BY_NAME = {code.name: code for code in esp_idf.CODES}


def test_vectors() -> None:
    assert BY_NAME["ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED"].number == 0x801A == 32794
    assert BY_NAME["ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME"].number == 0x8001
    assert BY_NAME["ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT"].number == 32774
    assert BY_NAME["ESP_ERR_MBEDTLS_SSL_READ_FAILED"].number == 0x801D
    assert BY_NAME["ESP_ERR_NO_MEM"].number == 0x101


def test_numbers_are_unique() -> None:
    numbers = [code.number for code in esp_idf.CODES if code.number is not None]
    assert len(numbers) == len(set(numbers))
