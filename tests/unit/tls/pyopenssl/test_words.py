from __future__ import annotations

from pathlib import Path

import pytest
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from sealmq.tls.alerts import ALERTS
from sealmq.tls.pyopenssl.words import Report, explain_report, in_words
from sealmq.tls.refusals import REASONS, VERIFY_CODES

SSL_LIBRARY = 20 << 23
GROUPS = "X25519MLKEM768, SecP256r1MLKEM768"


def codes() -> dict[str, int]:
    """The number of each reason that this OpenSSL knows."""
    found = {}
    for number in range(100, 1000):
        words = lib.ERR_reason_error_string(SSL_LIBRARY | number)
        if words != ffi.NULL:
            found[Report.of([SSL_LIBRARY | number], 0).reason] = SSL_LIBRARY | number
    return found


def test_its_sentences_are_the_names_that_the_table_has() -> None:
    assert set(REASONS) <= set(codes())


@pytest.mark.parametrize("number", sorted(set(ALERTS) - {0}))
def test_a_received_alert_is_known_by_its_number(number: int) -> None:
    error = explain_report(Report.of([SSL_LIBRARY | 1000 + number], 0), peer="broker", groups=GROUPS)
    assert (error.alert, error.sent) == (ALERTS[number].name, False)
    assert ALERTS[number].meaning in error.what


def test_a_refused_certificate_is_told_by_its_code() -> None:
    report = Report.of([SSL_LIBRARY | 134], 62)
    error = explain_report(report, peer="broker", groups=GROUPS)
    assert error.what == VERIFY_CODES[62].what.format(peer="broker")
    assert error.why.lower() == "openssl: hostname mismatch"


def test_the_last_word_of_libssl_counts() -> None:
    of_crypto = 6 << 23 | 100
    report = Report.of([codes()["NO_SHARED_CIPHER"], codes()["BAD_SIGNATURE"], of_crypto], 0)
    assert report.reason == "BAD_SIGNATURE"
    assert Report.of([codes()["BAD_RECORD_TYPE"], codes()["RECORD_LAYER_FAILURE"]], 0).reason == "BAD_RECORD_TYPE"
    assert Report.of([codes()["RECORD_LAYER_FAILURE"]], 0).reason == "RECORD_LAYER_FAILURE"
    assert Report.of([], 0).reason == ""
    assert Report.of([of_crypto], 0).reason != "NO_SHARED_CIPHER"


def test_who_has_no_group_in_common_hears_which_are_allowed() -> None:
    error = explain_report(Report("NO_SUITABLE_KEY_SHARE", alert=40), peer="device", groups=GROUPS)
    assert (error.alert, error.sent) == ("handshake_failure", True)
    assert GROUPS in error.why
    assert GROUPS in error.remedy
    received = explain_report(Report("", alert=40, sent=False), peer="broker", groups=GROUPS)
    assert (received.alert, received.sent) == ("handshake_failure", False)
    assert GROUPS in received.remedy


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no PEM")
    with pytest.raises(SSL.Error) as raised:
        SSL.Context(SSL.TLS_METHOD).use_certificate_chain_file(str(junk))
    assert in_words(raised.value) == "a certificate or key is no PEM, or it is damaged"
    assert in_words(SSL.Error([("x", "", "key values mismatch")])) == "key values mismatch"
    assert in_words(SSL.Error([])) == "OpenSSL does not say why"
    assert in_words(ValueError("no file")) == "no file"
