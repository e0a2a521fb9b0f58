from __future__ import annotations

from sealmq.devices.records import Change, State


def test_states_are_what_the_database_says():
    assert State("revoked") is State.REVOKED
    assert f"{State.PENDING}" == "pending"


def test_records_do_not_change():
    assert hash(Change(1, "added", "0a", "sensor-1")) == hash(Change(1, "added", "0a", "sensor-1"))
