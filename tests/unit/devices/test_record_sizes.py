from __future__ import annotations

import pytest

from sealmq.devices.directory import Directory
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.record_sizes import LARGEST, RecordSizes
from sealmq.devices.trail import Trail
from sealmq.errors import EnrollmentError


@pytest.fixture
def sizes(fleet):
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    return RecordSizes(fleet.registry)


def certificate(fleet, name):
    from sealmq.pki.authority import certificates_of

    return certificates_of((fleet.directory / name / "device.pem").read_bytes())[0]


def test_a_device_gets_what_its_listener_has_until_somebody_says_otherwise(fleet, sizes):
    directory = Directory(fleet.registry)
    der = certificate(fleet, "sensor-1")
    assert sizes.of("sensor-1") is None
    assert directory.identify(der, fleet.now).max_record == LARGEST
    assert sizes.set("SENSOR-1", 1024) == "sensor-1"
    assert sizes.of("sensor-1") == 1024
    assert directory.identify(der, fleet.now).max_record == 1024
    sizes.set("sensor-1", LARGEST)
    assert sizes.of("sensor-1") is None
    assert directory.identify(der, fleet.now).max_record == LARGEST


def test_so_does_one_with_a_psk(fleet, sizes, tmp_path):
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    enrollment.add_device("small-1", now=fleet.now)
    sizes.set("small-1", 512)
    assert Directory(fleet.registry).identify_psk("small-1", fleet.now).max_record == 512


def test_who_comes_again_keeps_it(fleet, sizes):
    sizes.set("sensor-1", 1024)
    fleet.enrollment.revoke_device("sensor-1", "unspecified", now=fleet.now)
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    assert sizes.of("sensor-1") == 1024


@pytest.mark.parametrize("most", [0, 511, 16_385, -1])
def test_a_size_that_cannot_be_is_refused(sizes, most):
    with pytest.raises(EnrollmentError, match="cannot be sent"):
        sizes.set("sensor-1", most)


@pytest.mark.parametrize("name", ["sensor-2", "sensör", ""])
def test_a_device_that_there_is_not(sizes, name):
    with pytest.raises(EnrollmentError, match="there is no device") as caught:
        sizes.set(name, 1024)
    assert "sealmq device list" in caught.value.remedy
    assert sizes.of(name) is None
