from __future__ import annotations

import pytest

from sealmq.tls.alerts import BY_NAME
from sealmq.tls.wolfssl.refusals import (
    ALERT_RECEIVED,
    BLAMES_CERTIFICATE,
    CLOSED,
    CODES,
    COMPLAINTS,
    NO_PSK,
    UNKNOWN_PSK,
    WITHOUT_PSK,
    explain,
)
from wolfssl_here import library


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_has_words_an_alert_and_a_remedy(code: int) -> None:
    error = explain(code, "its {own} words", peer="device", sent=None, received=None)
    assert "{" not in error.what + error.remedy
    assert error.alert == ""
    assert CODES[code].alert in BY_NAME
    assert error.remedy
    assert error.why == f"wolfSSL {code}: its {{own}} words"


def test_the_alert_is_the_one_that_went_out() -> None:
    error = explain(-188, "no signer", peer="broker", sent=48, received=None)
    assert (error.alert, error.sent) == ("unknown_ca", True)
    assert error.what == "the broker's certificate was not issued by the authority that is trusted here"


def test_an_alert_that_came_is_told_as_openssl_tells_it() -> None:
    error = explain(ALERT_RECEIVED, "", peer="broker", sent=None, received=44)
    assert error.what == "the broker ended the connection, saying: the certificate was revoked by its authority"
    assert (error.alert, error.sent) == ("certificate_revoked", False)


def test_a_goodbye_in_the_middle() -> None:
    error = explain(CLOSED, "", peer="device", sent=None, received=0)
    assert error.what == "the device gave up in the middle of the handshake"
    assert (error.alert, error.sent) == ("close_notify", False)


def test_a_code_of_tomorrow_has_the_library_s_words_or_the_alert_s() -> None:
    assert (
        explain(-999, "odd {x}", peer="device", sent=None, received=None).what == "TLS with the device failed: odd (x)"
    )
    error = explain(5, "I/O", peer="device", sent=40, received=None)
    assert error.what == "TLS with the device failed: the two sides found nothing that both allow"
    assert error.alert == "handshake_failure"


def test_who_is_blamed() -> None:
    assert {-188, -151, -361, *COMPLAINTS.values()} <= BLAMES_CERTIFICATE
    assert not BLAMES_CERTIFICATE & {-345, -501, -326, NO_PSK}
    assert {UNKNOWN_PSK, NO_PSK} <= WITHOUT_PSK


def test_the_library_knows_these_codes() -> None:
    ffi, lib = library().ffi, library().lib
    text = ffi.new("char[]", 128)
    for code in CODES:
        said = ffi.string(lib.wolfSSL_ERR_error_string(code & 0xFFFFFFFFFFFFFFFF, text))
        assert b"unknown error number" not in said, code
