from __future__ import annotations

import pytest

from sealmq.tls.alerts import BY_NAME
from sealmq.tls.mbedtls3.refusals import CODES, FLAGS, Failure, alert_for, blames_certificate, explain


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_words_and_an_alert_that_exists(code: int) -> None:
    for version in ("TLSv1.2", "TLSv1.3"):
        error = explain(Failure(-code, "its words", version=version), peer="device")
        assert error.what
        assert "{" not in error.what + error.remedy
        assert error.remedy
        assert error.why == f"Mbed TLS: its words (-0x{code:04X})"
        assert error.alert == alert_for(Failure(-code, "", version=version))
        assert error.alert in BY_NAME or error.alert == ""


@pytest.mark.parametrize(("flag", "row"), FLAGS)
def test_each_flaw_of_a_certificate_has_words(flag: int, row: int) -> None:
    error = explain(Failure(-0x2700, "its words", flags=flag), peer="broker")
    assert "broker" in error.what or "revocation list" in error.what
    assert error.alert in BY_NAME
    assert error.remedy


def test_the_weightiest_flaw_is_told() -> None:
    both = Failure(-0x2700, "", flags=0x08 | 0x04)
    assert "not issued by the authority" in explain(both, peer="broker").what
    assert explain(both, peer="broker").alert == "bad_certificate"  # as Mbed TLS chooses


def test_a_lower_part_of_the_library_adds_to_a_code() -> None:
    assert explain(Failure(-0x7306, ""), peer="device").what == explain(Failure(-0x7300, ""), peer="device").what
    assert "cannot be taken apart" in explain(Failure(-0x21E2, ""), peer="device").what


def test_what_is_in_no_table_still_gets_a_sentence() -> None:
    error = explain(Failure(-0x5D80, "no name"), peer="broker")
    assert error.what == "TLS with the broker failed"
    assert "no name" in error.why


def test_an_alert_of_the_peer_is_told_as_such() -> None:
    error = explain(Failure(-0x7780, "", received=44), peer="broker")
    assert (error.alert, error.sent) == ("certificate_revoked", False)
    assert explain(Failure(-0x7780, "", received=199), peer="broker").what
    gone = explain(Failure(-0x7880, ""), peer="broker")
    assert (gone.alert, gone.sent) == ("close_notify", False)


def test_with_a_key_the_words_are_of_keys() -> None:
    assert "different keys" in explain(Failure(-0x7180, "", psk=True), peer="device").what
    assert "altered" in explain(Failure(-0x7180, ""), peer="device").what
    assert "offers no key" in explain(Failure(-0x6600, "", psk=True, sent=109), peer="device").what
    assert "lacks what TLS 1.3" in explain(Failure(-0x6600, "", sent=109), peer="device").what
    assert "nobody here knows" in explain(Failure(-0x6600, "", psk=True, sent=115), peer="device").what
    assert "could not prove" in explain(Failure(-0x6E00, "", psk=True, sent=51), peer="device").what


def test_whose_fault_a_certificate_is() -> None:
    assert blames_certificate(-0x2700)
    assert blames_certificate(-0x4E00)
    assert blames_certificate(-0x21E2)
    assert not blames_certificate(-0x7480)
    assert not blames_certificate(-0x6E00)
