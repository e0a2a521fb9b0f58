"""Every alert, from either end, in every phase: a cause that fits."""

from __future__ import annotations

import itertools

import pytest

from sealmq.kit.handshake.alert_causes import CLIENT, SERVER, Phase, cause_of
from sealmq.kit.handshake.remedies import ALL
from sealmq.tls.alerts import BY_NAME


@pytest.mark.parametrize("alert", BY_NAME)
def test_each_alert_has_a_cause_for_both_ends_in_each_phase(alert: str) -> None:
    for sender, phase, missing in itertools.product((CLIENT, SERVER), Phase, (False, True)):
        cause = cause_of(alert, sender, phase, certificate_missing=missing)
        assert cause.fault in ALL
        assert len(cause.why) > 10
        assert not cause.why.endswith(".")


@pytest.mark.parametrize(
    ("alert", "sender", "phase", "fault"),
    [
        ("handshake_failure", SERVER, Phase.HELLO, "suite"),
        ("handshake_failure", SERVER, Phase.CLIENT_FLIGHT, "device_untrusted"),
        ("handshake_failure", CLIENT, Phase.SERVER_FLIGHT, "suite"),
        ("unknown_ca", SERVER, Phase.CLIENT_FLIGHT, "device_untrusted"),
        ("unknown_ca", SERVER, Phase.DONE, "device_untrusted"),
        ("unknown_ca", SERVER, Phase.HELLO, "broker_setup"),
        ("unknown_ca", CLIENT, Phase.SERVER_FLIGHT, "untrusted"),
        ("bad_certificate", CLIENT, Phase.SERVER_FLIGHT, "name"),
        ("bad_certificate", SERVER, Phase.CLIENT_FLIGHT, "device_untrusted"),
        ("certificate_expired", SERVER, Phase.DONE, "device_expired"),
        ("certificate_expired", CLIENT, Phase.SERVER_FLIGHT, "broker_certificate"),
        ("certificate_required", SERVER, Phase.DONE, "no_certificate"),
        ("decrypt_error", SERVER, Phase.CLIENT_FLIGHT, "key_mismatch"),
        ("decrypt_error", SERVER, Phase.HELLO, "psk"),
        ("decrypt_error", CLIENT, Phase.SERVER_FLIGHT, "broker_key"),
        ("internal_error", CLIENT, Phase.SERVER_FLIGHT, "name"),
        ("internal_error", SERVER, Phase.HELLO, "broker_setup"),
        ("protocol_version", SERVER, Phase.HELLO, "version"),
        ("unsupported_extension", CLIENT, Phase.SERVER_FLIGHT, "large"),
        ("no_application_protocol", SERVER, Phase.HELLO, "alpn"),
        ("none_of_these", SERVER, Phase.HELLO, "broken"),
    ],
)
def test_the_phase_decides(alert: str, sender: str, phase: Phase, fault: str) -> None:
    assert cause_of(alert, sender, phase).fault == fault


@pytest.mark.parametrize("alert", ["handshake_failure", "bad_certificate", "certificate_required", "unknown_ca"])
def test_a_certificate_that_was_not_shown_explains_it(alert: str) -> None:
    assert cause_of(alert, SERVER, Phase.CLIENT_FLIGHT, certificate_missing=True).fault == "no_certificate"
    assert cause_of(alert, CLIENT, Phase.SERVER_FLIGHT, certificate_missing=True).fault != "no_certificate"
