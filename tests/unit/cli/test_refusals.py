"""Failures in words."""

from __future__ import annotations

import socket
import ssl

import pytest

from sealmq.cli.refusals import explain_connect_error, explain_reason, explain_tls_text, maybe_alert, place_of
from sealmq.errors import TLSError, TrustError


def verification_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] ...")
    error.verify_code, error.verify_message = code, "words of OpenSSL"
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(111, "refused"), "nobody listens on h:1"),
        (TimeoutError(), "no answer from h:1"),
        (socket.gaierror(-2, "unknown"), "no address is known for the host 'h'"),
        (ConnectionResetError(104, "reset"), "h:1 closed the connection"),
        (OSError(113, "No route to host"), "h:1 cannot be reached"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong (_ssl.c:1)"), "h:1 does not speak TLS"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "h:1 closed the connection"),
        (ssl.SSLError(1, "[SSL: UNSUPPORTED_PROTOCOL] old"), "no TLS version that is safe"),
        (ssl.SSLError(1, "[SSL: SOMETHING_ELSE] odd"), "TLS with h:1 failed"),
    ],
)
def test_connecting(error: OSError, expected: str) -> None:
    assert expected in explain_connect_error(error, "h", 1).what


@pytest.mark.parametrize(
    ("code", "expected"),
    [(62, "not for the name 'h'"), (64, "not for the name 'h'"), (19, "this bundle's authority"), (10, "has expired"),
     (9, "not valid yet"), (26, "not a broker's"), (99, "is not good")],
)  # fmt: skip
def test_a_broker_that_is_not_trusted(code: int, expected: str) -> None:
    explained = explain_connect_error(verification_error(code), "h", 1)
    assert isinstance(explained, TrustError)
    assert expected in explained.what


@pytest.mark.parametrize(
    ("reason", "alert", "expected"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate_required", "wants a certificate"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate_revoked", "was revoked"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate_expired", "has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "unknown_ca", "does not know the authority"),
        ("SSLV3_ALERT_BAD_RECORD_MAC", "bad_record_mac", "is not what was sent"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "internal_error", "alert internal_error"),
    ],
)
def test_alerts_say_what_they_mean(reason: str, alert: str, expected: str) -> None:
    explained = explain_tls_text(f"[SSL: {reason}] words (_ssl.c:2580)", "h:1")
    assert isinstance(explained, TLSError)
    assert (explained.alert, explained.sent) == (alert, False)
    assert expected in explained.what
    assert maybe_alert("WRONG_VERSION_NUMBER") is None


def test_reason_codes_become_words() -> None:
    explained = explain_reason("the broker refused the connection", 0x87)
    assert explained.what == "the broker refused the connection: not authorized (0x87)"
    assert "[[access]]" in explained.remedy
    assert explain_reason("x", 0x87, "the broker's own words").why == "the broker's own words"
    assert "unknown reason (0xff)" in explain_reason("x", 0xFF).what


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert place_of("::1", 8883) == "[::1]:8883"
    assert place_of("localhost", 8883) == "localhost:8883"
