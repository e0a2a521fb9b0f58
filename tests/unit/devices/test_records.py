from __future__ import annotations

from sealmq.devices.records import PSK, CertificateRecord, Change, DeviceRecord, State


def test_states_are_what_the_database_says():
    assert State("revoked") is State.REVOKED
    assert f"{State.PENDING}" == "pending"


def test_records_do_not_change():
    assert hash(Change(1, "added", "0a", "sensor-1")) == hash(Change(1, "added", "0a", "sensor-1"))


def test_whose_a_certificate_is_in_any_spelling():
    rest = ("aa", State.VALID, 0.0, 1.0, "bb", "cc", None, None)
    assert CertificateRecord("0a", "Sensor-1", "device", "device", *rest).is_of("sensor-1")
    assert not CertificateRecord("0a", "sensor-10", "device", "device", *rest).is_of("sensor-1")
    assert not CertificateRecord("0a", "sensor-1", "", "claim", *rest).is_of("sensor-1")


def test_a_device_has_a_certificate_unless_it_has_a_psk():
    rest = ("sensor-1", "device", "uuid", "active", "0a", 1.0, 0.0, False)
    assert not DeviceRecord(*rest).has_psk
    assert DeviceRecord(*rest, PSK).has_psk
