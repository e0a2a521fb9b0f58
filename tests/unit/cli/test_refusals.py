"""Failures in words."""

from __future__ import annotations

import socket
import ssl

import pytest

from sealmq.cli.refusals import explain_connect_error, explain_reason, explain_tls_text, maybe_alert, place_of
from sealmq.errors import Error, MiddlewareError, TLSError, TrustError
from sealmq.tls.socket_errors import refused


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


def caused(error: OSError, cause: Error) -> OSError:
    error.__cause__ = cause
    return error


def test_another_middleware_s_words_are_told_as_they_are() -> None:
    wrong = TLSError("it carries another name", "bad_certificate", why="it is another", remedy="dial its name")
    told = explain_connect_error(caused(refused(wrong).exception(shaking=True), wrong), "h", 1)
    assert isinstance(told, TrustError)
    assert (told.what, told.why, told.remedy) == ("h:1: it carries another name", "it is another", "dial its name")
    noise = TLSError("the broker does not speak TLS", remedy="check the port")
    told = explain_connect_error(caused(refused(noise).exception(shaking=True), noise), "h", 1)
    assert isinstance(told, TLSError)
    assert told.what == "h:1: the broker does not speak TLS"
    cannot = MiddlewareError("it compares names only", remedy="dial a name")
    assert explain_connect_error(caused(ssl.SSLError(1, "words"), cannot), "h", 1) is cannot


def test_an_alert_that_another_middleware_heard_means_the_same() -> None:
    heard = TLSError("the broker ended the connection, saying: no", "certificate_revoked", sent=False)
    told = explain_connect_error(caused(refused(heard).exception(shaking=True), heard), "h", 1)
    assert told.what == "the broker refused this certificate: it was revoked"


@pytest.mark.parametrize(
    ("error", "what", "next_step"),
    [
        (verification_error(19), "by a certificate, and not by the key", 'auth = "psk"'),
        (ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_PSK_IDENTITY] x"), "no key for this identity", "device show"),
        (ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_RECORD_MAC] x"), "another key for this identity", "--psk"),
        (ssl.SSLError(1, "[SSL: TLSV1_ALERT_DECRYPT_ERROR] x"), "another key for this identity", "--psk"),
        (ssl.SSLError(1, "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] x"), "nothing in common", 'auth = "psk"'),
    ],
)
def test_who_has_a_key_is_not_sent_for_a_certificate(error: ssl.SSLError, what: str, next_step: str) -> None:
    explained = explain_connect_error(error, "h", 1, psk=True)
    assert what in explained.what
    assert next_step in explained.remedy
    assert "certificate: sealmq device add" not in explained.remedy


def test_who_has_a_key_and_refuses_by_himself_hears_the_same() -> None:
    ours = TLSError("nothing that both allow", "handshake_failure", remedy="turn on ECDHE")
    error = caused(refused(ours).exception(shaking=True), ours)
    explained = explain_connect_error(error, "h", 1, psk=True)
    assert explained.remedy == 'dial one with auth = "psk": -p PORT'
    assert "turn on" in explain_connect_error(error, "h", 1).remedy


def test_the_rest_is_the_same_for_who_has_a_key() -> None:
    for error in (ConnectionRefusedError(111, "refused"), ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] x")):
        assert explain_connect_error(error, "h", 1, psk=True).what == explain_connect_error(error, "h", 1).what


def test_a_broker_for_others_is_named_with_the_options_that_help() -> None:
    explained = explain_connect_error(ssl.SSLError(1, "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] x"), "h", 1)
    assert "post-quantum" in explained.why
    assert "--middleware pyopenssl" in explained.remedy
