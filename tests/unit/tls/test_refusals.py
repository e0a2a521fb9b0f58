from __future__ import annotations

import ssl

import pytest

from sealmq.tls.alerts import ALERTS, BY_NAME
from sealmq.tls.refusals import REASONS, VERIFY_CODES, Refusal, blames_certificate, explain


def failure(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] (_ssl.c:992)")
    error.reason = reason  # type: ignore[assignment]
    return error


def verification(code: int, message: str = "words of OpenSSL") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.reason, error.verify_code, error.verify_message = "CERTIFICATE_VERIFY_FAILED", code, message
    return error


ROWS = [*((f"verify {code}", row) for code, row in VERIFY_CODES.items()), *REASONS.items()]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_each_row_is_complete(name: str, row: Refusal) -> None:
    sentence = row.what.format(peer="device")
    assert len(sentence) > 15
    assert not sentence.endswith(".")
    assert row.alert == "" or row.alert in BY_NAME
    assert row.alert or row.remedy, "without an alert there is no other advice"


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_becomes_a_sentence_with_a_remedy(reason: str) -> None:
    error = explain(failure(reason))
    assert error.what == REASONS[reason].what.format(peer="device")
    assert (error.alert, error.sent) == (REASONS[reason].alert, True)
    assert error.remedy
    assert "{" not in error.what + error.why + error.remedy


@pytest.mark.parametrize("code", VERIFY_CODES)
def test_each_verification_code_becomes_a_sentence_with_a_remedy(code: int) -> None:
    error = explain(verification(code), peer="broker")
    assert error.what == VERIFY_CODES[code].what.format(peer="broker")
    assert error.why == "OpenSSL: words of OpenSSL"
    assert error.remedy


def test_revoked_unknown_and_expired_read_differently() -> None:
    errors = [explain(verification(code)) for code in (23, 20, 10, 9)]
    assert len({error.what for error in errors}) == 4
    assert [error.alert for error in errors] == [
        "certificate_revoked", "unknown_ca", "certificate_expired", "bad_certificate",
    ]  # fmt: skip


def test_an_unknown_code_still_gets_openssls_words() -> None:
    error = explain(verification(99, "Missing Authority Key Identifier"))
    assert error.what == "the device's certificate cannot be accepted"
    assert "Missing Authority Key Identifier" in error.why


@pytest.mark.parametrize("reason", ["SOMETHING_NEW_FROM_OPENSSL_5", "", None])
def test_every_other_reason_still_gets_a_sentence(reason: str | None) -> None:
    error = explain(failure(reason))
    assert error.what.startswith("TLS with the device failed: ")
    assert error.alert == ""


def test_an_error_that_python_made_itself_has_no_reason() -> None:
    assert explain(ssl.SSLError("No cipher can be selected.")).what.startswith("TLS with the device failed")


OPENSSL_SPELLING = {
    "close_notify": "SSLV3_ALERT_CLOSE_NOTIFY",
    "bad_certificate": "SSLV3_ALERT_BAD_CERTIFICATE",
    "unknown_ca": "TLSV1_ALERT_UNKNOWN_CA",
    "certificate_required": "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "unrecognized_name": "TLSV1_UNRECOGNIZED_NAME",
    "user_canceled": "TLSV1_ALERT_USER_CANCELLED",
    "unsupported_extension": "TLSV1_UNSUPPORTED_EXTENSION",
}


@pytest.mark.parametrize(("name", "reason"), OPENSSL_SPELLING.items())
def test_a_received_alert_is_read_from_openssls_reason(name: str, reason: str) -> None:
    error = explain(failure(reason), peer="broker")
    assert (error.alert, error.sent) == (name, False)
    assert BY_NAME[name].meaning in error.what
    assert error.remedy == BY_NAME[name].received.remedy


def test_the_alert_that_was_heard_wins() -> None:
    assert explain(failure("PEER_DID_NOT_RETURN_A_CERTIFICATE"), alert=40).alert == "handshake_failure"
    heard = explain(failure("SOMETHING_NEW"), alert=48, sent=False)
    assert (heard.alert, heard.sent) == ("unknown_ca", False)
    assert explain(failure("NO_SHARED_CIPHER"), alert=250).alert == "handshake_failure"


@pytest.mark.parametrize("number", ALERTS)
def test_every_alert_can_be_heard_in_both_directions(number: int) -> None:
    for sent in (True, False):
        error = explain(failure("SOMETHING_NEW"), alert=number, sent=sent)
        assert (error.alert, error.sent) == (ALERTS[number].name, sent)
        assert error.remedy


def test_only_the_certificate_and_its_key_blame_the_certificate() -> None:
    assert blames_certificate(verification(23))
    assert blames_certificate(failure("BAD_SIGNATURE"))
    assert not blames_certificate(failure("NO_SHARED_CIPHER"))
    assert not blames_certificate(failure("SSLV3_ALERT_BAD_CERTIFICATE"))
