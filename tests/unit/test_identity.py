"""Who somebody is does not change while it is believed."""

from __future__ import annotations

import dataclasses

import pytest

from sealmq.identity import BY_CERTIFICATE, FOR_ENROLLMENT, Identity, Terms


def test_an_identity_is_what_was_proved_and_nothing_else() -> None:
    one = Identity("sensor-1", "device", "0a", 100.0)
    assert one == Identity("sensor-1", "device", "0a", 100.0)
    assert one != Identity("sensor-1", "device", "0b", 100.0)
    assert len({one, Identity("sensor-1", "device", "0a", 100.0)}) == 1


def test_an_identity_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Identity("sensor-1", "device").role = "operator"  # type: ignore[misc]


def test_a_proof_without_a_certificate_has_no_serial_and_no_end() -> None:
    one = Identity("sensor-1", "device")
    assert (one.serial, one.not_after) == ("", float("inf"))


def test_a_listener_for_enrolment_asks_for_nothing_and_admits_no_client() -> None:
    assert not FOR_ENROLLMENT.asks_certificate
    assert not FOR_ENROLLMENT.asks_password
    for terms in (BY_CERTIFICATE, Terms("password"), Terms("certificate-and-password"), Terms("password", True)):
        assert not FOR_ENROLLMENT.admits(terms)
        assert not terms.admits(FOR_ENROLLMENT)


def test_a_listener_for_psks_asks_for_nothing_else_and_admits_nobody_else() -> None:
    terms = Terms("psk")
    assert (terms.asks_psk, terms.asks_in_handshake) == (True, True)
    assert not terms.asks_certificate
    assert not terms.asks_password
    assert terms.admits(Terms("psk"))
    for other in (BY_CERTIFICATE, Terms("password"), Terms("certificate-and-password")):
        assert not terms.admits(other)
        assert not other.admits(terms)
        assert not other.asks_psk
