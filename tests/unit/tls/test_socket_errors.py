"""TLSError as what programs around `ssl` catch."""

from __future__ import annotations

import ssl

import pytest

from sealmq.errors import TLSError
from sealmq.tls.alerts import ALERTS
from sealmq.tls.refusals import explain
from sealmq.tls.socket_errors import cut_off, openssl_name, refused, want_read, want_write


def test_a_certificate_that_we_refused() -> None:
    kept = refused(TLSError("it is another broker", "unknown_ca", why="nobody knows its root", remedy="take root.pem"))
    error = kept.exception(shaking=True)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.reason == "CERTIFICATE_VERIFY_FAILED"
    assert error.verify_message == "it is another broker (nobody knows its root); next: take root.pem"
    assert str(error) == f"[SSL: CERTIFICATE_VERIFY_FAILED] {error.verify_message}"
    assert kept.exception(shaking=True) is not error, "one that was raised holds frames"


def test_behind_the_handshake_nothing_is_a_value_error() -> None:
    for alert in ("unknown_ca", "bad_record_mac", ""):
        for sent in (True, False):
            error = refused(TLSError("it ended", alert, sent=sent)).exception(shaking=False)
            assert isinstance(error, ssl.SSLError)
            assert not isinstance(error, ValueError)


def test_openssl_s_own_number_is_kept() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.reason, cause.verify_code, cause.verify_message = "CERTIFICATE_VERIFY_FAILED", 62, "Hostname mismatch"
    raised = explain(cause, peer="broker")
    raised.__cause__ = cause
    error = refused(raised).exception(shaking=True)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.verify_code == 62


@pytest.mark.parametrize(
    ("alert", "name"),
    [
        ("certificate_required", "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        ("handshake_failure", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        ("unknown_ca", "TLSV1_ALERT_UNKNOWN_CA"),
    ],
)
def test_an_alert_that_came_has_openssl_s_name(alert: str, name: str) -> None:
    assert openssl_name(alert) == name
    error = refused(TLSError("the broker refused", alert, sent=False)).exception(shaking=True)
    assert not isinstance(error, ssl.SSLCertVerificationError)
    assert error.reason == name
    assert str(error) == f"[SSL: {name}] the broker refused"


@pytest.mark.parametrize("alert", [each for each in ALERTS.values() if each.number], ids=lambda each: each.name)
def test_every_alert_is_explained_as_openssl_s_own_would_be(alert: object) -> None:
    name = alert.name  # type: ignore[attr-defined]
    error = ssl.SSLError(1, "")
    error.reason = openssl_name(name)
    assert explain(error, peer="broker").alert == name


def test_what_is_neither_has_words_alone() -> None:
    error = refused(TLSError("the broker does not speak TLS", remedy="check the port")).exception(shaking=True)
    assert str(error) == "the broker does not speak TLS; next: check the port"
    assert error.reason == ""


def test_the_rest() -> None:
    assert want_read().errno == ssl.SSL_ERROR_WANT_READ
    assert want_write().errno == ssl.SSL_ERROR_WANT_WRITE
    assert "middle of the handshake" in str(cut_off(shaking=True))
    assert "without a goodbye" in str(cut_off(shaking=False))
