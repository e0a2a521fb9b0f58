"""BearSSL: numbers that the ESP8266 and Tasmota print."""

from __future__ import annotations

from sealmq.kit.codes import bearssl

BY_NUMBER = {code.number: code for code in bearssl.CODES}


def test_vectors() -> None:
    assert BY_NUMBER[62].name == "BR_ERR_X509_NOT_TRUSTED"
    assert BY_NUMBER[54].fault.name == "expired"
    assert BY_NUMBER[56].fault.name == "name"
    assert BY_NUMBER[6].fault.name == "large"


def test_numbers_are_unique_and_below_those_of_alerts() -> None:
    assert len(BY_NUMBER) == len(bearssl.CODES)
    assert max(code.number or 0 for code in bearssl.CODES) < bearssl.ALERT_HEARD < bearssl.ALERT_SENT
