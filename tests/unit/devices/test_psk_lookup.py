from __future__ import annotations

import logging

import pytest

from sealmq.bundle import read_psk
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.psk_lookup import TOLD, PSKLookup
from sealmq.devices.trail import Trail


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(fleet):
    return Clock(fleet.now)


@pytest.fixture
def lookup(fleet, clock):
    return PSKLookup(fleet.registry, clock)


@pytest.fixture
def sensor(fleet, tmp_path):
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    return enrollment.add_device("sensor-1", now=fleet.now)


def test_the_key_of_a_device_until_it_ends(lookup, clock, sensor):
    assert lookup("sensor-1") == read_psk(sensor.file).key
    clock.now = sensor.not_after + 1
    assert lookup("sensor-1") is None


def test_another_process_revokes_and_it_is_known_at_once(fleet, lookup, sensor):
    assert lookup("sensor-1") is not None
    registry, _ = fleet.open()
    registry.revoke("sensor-1", "unspecified", now=fleet.now)
    registry.close()
    assert lookup("sensor-1") is None


def test_a_refusal_has_a_line_that_says_what_to_do(lookup, sensor, caplog):
    assert lookup("sensor-9") is None
    assert [record.getMessage() for record in caplog.records] == [
        "no key for the PSK identity 'sensor-9': there is no device 'sensor-9'; next: sealmq device add sensor-9 --psk,"
        " if the device is yours"
    ]


def test_a_library_that_asks_for_each_cipher_suite_makes_one_line(lookup, clock, sensor, caplog):
    for _ in range(12):
        lookup("sensor-9")
    lookup("sensor-8")
    clock.now += 1
    lookup("sensor-8")
    assert [line.partition(":")[0][-9:-1] for line in caplog.messages] == ["sensor-9", "sensor-8", "sensor-8"]


@pytest.mark.parametrize("identity", ["", "\x83\x00", "a" * 65, "näme", "\ud800", "sensor-1\n", "x" * 100_000])
def test_what_can_be_no_name_is_no_identity_and_not_worth_a_line(lookup, sensor, caplog, identity):
    assert lookup(identity) is None
    assert caplog.text == ""


def test_strangers_cannot_fill_the_log(lookup, clock, caplog):
    with caplog.at_level(logging.INFO):
        for n in range(1_000):
            assert lookup(f"stranger-{n}") is None
        assert len(caplog.records) == TOLD
        clock.now += 61
        lookup("stranger")
    assert caplog.records[TOLD].getMessage() == "... and 980 more PSK identities were refused"
    assert len(caplog.records) == TOLD + 2


def test_a_registry_that_cannot_be_read_is_no(fleet, lookup, sensor, caplog):
    fleet.registry.close()
    assert lookup("sensor-1") is None
    assert caplog.records[0].levelname == "ERROR"
