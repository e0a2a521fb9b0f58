from __future__ import annotations

import pytest

from sealmq.bundle import read_psk
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.psks import PSKs
from sealmq.devices.trail import Trail
from sealmq.errors import HomeError, TrustError

DAY = 86_400


@pytest.fixture
def psks(fleet):
    return PSKs(fleet.registry)


@pytest.fixture
def sensor(fleet, tmp_path):
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    return enrollment.add_device("sensor-1", now=fleet.now, days=10)


def refused(psks, identity, now, words):
    with pytest.raises(TrustError, match=words) as caught:
        psks.proved(identity, now)
    assert caught.value.remedy
    return caught.value


def test_a_key_that_counts(fleet, psks, sensor):
    assert psks.proved("sensor-1", fleet.now).serial == sensor.serial
    assert psks.key(sensor.serial) == read_psk(sensor.file).key
    assert psks.key("00") is None


@pytest.mark.parametrize("identity", ["", "sensor-2", "Sensor-1", "sensor-1 ", "sensor-1\0"])
def test_an_identity_is_the_name_letter_for_letter(fleet, psks, sensor, identity):
    refused(psks, identity, fleet.now, "there is no device")


def test_who_has_a_certificate_has_no_psk(fleet, psks):
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    error = refused(psks, "sensor-1", fleet.now, "has a certificate, and no PSK")
    assert "listener for certificates" in error.remedy


def test_its_dates_count(fleet, psks, sensor):
    assert psks.proved("sensor-1", sensor.not_after)
    refused(psks, "sensor-1", sensor.not_after + 1, "expired on ")
    refused(psks, "sensor-1", fleet.now - DAY, "does not hold before")


def test_revoked_the_key_is_gone(fleet, psks, sensor):
    fleet.revocations.revoke_device("sensor-1", "keyCompromise", now=fleet.now)
    error = refused(psks, "sensor-1", fleet.now, "was revoked on .*, reason keyCompromise")
    assert "sealmq device add sensor-1 --psk" in error.remedy
    assert psks.key(sensor.serial) is None


def test_one_serial_can_be_revoked(fleet, psks, sensor):
    taken = fleet.revocations.revoke_serial(sensor.serial, now=fleet.now)
    assert (taken.serials, taken.devices) == ([sensor.serial], ["sensor-1"])
    assert fleet.registry.device("sensor-1").state == "revoked"
    assert fleet.registry._all("SELECT * FROM psks") == []


def test_on_hold_the_key_stays(fleet, psks, sensor):
    fleet.revocations.hold_device("sensor-1", now=fleet.now)
    error = refused(psks, "sensor-1", fleet.now, "was put on hold")
    assert error.remedy == "sealmq device release sensor-1"
    fleet.revocations.release_device("sensor-1", now=fleet.now)
    assert psks.proved("sensor-1", fleet.now).serial == sensor.serial
    assert psks.key(sensor.serial) == read_psk(sensor.file).key
    fleet.revocations.hold_device("sensor-1", now=fleet.now)
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    assert fleet.registry._all("SELECT * FROM psks") == []


def test_no_list_is_signed_for_a_psk(fleet, psks, sensor, caplog):
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    assert fleet.registry._all("SELECT * FROM crls") == []
    assert caplog.text == ""


def test_the_keys_of_others_stay(fleet, psks, sensor, tmp_path):
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    other = enrollment.add_device("sensor-2", now=fleet.now)
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    assert psks.key(other.serial) == read_psk(other.file).key


def test_a_registry_that_cannot_be_read_says_so(fleet, psks, sensor):
    fleet.registry._all("DROP TABLE psks")
    with pytest.raises(HomeError):
        psks.key(sensor.serial)
