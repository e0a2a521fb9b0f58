"""Faults of MQTT: none has the name of one of TLS."""

from __future__ import annotations

from sealmq.kit.codes.faults import TLS_FAULTS
from sealmq.kit.codes.mqtt_faults import MQTT_FAULTS


def test_names_are_unique() -> None:
    assert not set(MQTT_FAULTS) & set(TLS_FAULTS)
    assert all(name == fault.name for name, fault in MQTT_FAULTS.items())


def test_access_is_mended_at_the_broker() -> None:
    assert "acl_file" in MQTT_FAULTS["not_authorized"].mosquitto
    assert "sealmq access check" in MQTT_FAULTS["not_authorized"].sealmq
