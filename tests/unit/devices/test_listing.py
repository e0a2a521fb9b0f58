from __future__ import annotations

import pytest

from sealmq.devices import listing
from sealmq.devices.listing import has_operator, listed, near, revoked_names, state_of
from sealmq.devices.records import Confirmation, Reservation
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError

NOW = 1_800_000_000.0


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "sealmq.db") as registry:
        yield registry


def add(registry, name, *, role="device", lasts=10.0):
    serial = f"{name:0<32}".encode().hex()
    registry.reserve(Reservation(serial, name, "device", "ca", NOW, NOW + lasts, "k" + name), now=NOW)
    assert registry.confirm_devices([Confirmation(serial, "f" + name, role, "uuid-" + name)], now=NOW) == [None]


@pytest.fixture
def fleet(registry, monkeypatch):
    """Eleven devices in pages of three: unit-01 to unit-10 and 'Odd_1'; 03 has expired, 04 and 05 are revoked."""
    monkeypatch.setattr(listing, "PAGE", 3)
    for number in range(1, 11):
        add(registry, f"unit-{number:02}", lasts=1 if number == 3 else 100)
    add(registry, "Odd_1", lasts=100)
    for name in ("unit-04", "unit-05"):
        registry.revoke(name, "unspecified", now=NOW)
    return registry


def names(registry, **chosen):
    return [device.name for device in listed(registry, now=NOW + 50, **chosen)]


def test_all_come_by_name_whatever_the_page(fleet):
    assert names(fleet) == ["Odd_1", *(f"unit-{number:02}" for number in range(1, 11))]


def test_a_page_is_read_when_it_is_wanted(fleet, monkeypatch):
    asked = []
    query = Registry.query
    monkeypatch.setattr(Registry, "query", lambda *args: (asked.append(args), query(*args))[1])
    found = listed(fleet, now=NOW)
    assert asked == []
    for _ in range(3):
        next(found)
    assert len(asked) == 1


def test_behind_a_name(fleet):
    assert names(fleet, after="UNIT-08") == ["unit-09", "unit-10"]
    assert names(fleet, after="unit-10") == []
    assert names(fleet, after="unit-085") == ["unit-09", "unit-10"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("active", ["Odd_1", "unit-01", "unit-02", "unit-06", "unit-07", "unit-08", "unit-09", "unit-10"]),
        ("expired", ["unit-03"]),
        ("revoked", ["unit-04", "unit-05"]),
    ],
)
def test_in_a_state(fleet, state, expected):
    assert names(fleet, state=state) == expected
    assert all(state_of(device, NOW + 50) == state for device in listed(fleet, now=NOW + 50, state=state))


def test_another_state_is_refused(fleet):
    with pytest.raises(EnrollmentError, match="lost") as raised:
        names(fleet, state="lost")
    assert "active, expired, held, revoked" in raised.value.remedy


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("unit-0[12]", ["unit-01", "unit-02"]),
        ("UNIT-1*", ["unit-10"]),
        ("*-09", ["unit-09"]),
        ("odd_?", ["Odd_1"]),
        ("odd", []),
        ("o*1", ["Odd_1"]),
        ("*", ["Odd_1", *(f"unit-{number:02}" for number in range(1, 11))]),
    ],
)
def test_by_a_pattern(fleet, pattern, expected):
    assert names(fleet, pattern=pattern) == expected


def plan(registry, statement, *values):
    return " ".join(str(row[3]) for row in registry.query("EXPLAIN QUERY PLAN " + statement, *values))


@pytest.mark.parametrize("state", ["", "active", "revoked"])
def test_a_page_is_found_by_an_index_and_not_sorted(fleet, state):
    statement = listing._DEVICE + listing._CHOSEN[state] + "ORDER BY d.name LIMIT ?"
    clock = (NOW,) if state == "active" else ()
    said = plan(fleet, statement, "a", "u", "v", *clock, 10)
    assert "SEARCH d USING INDEX" in said
    assert "TEMP B-TREE" not in said
    assert "SCAN" not in said


def test_who_was_meant(fleet):
    assert near(fleet, "unit-0l", 1) in (["unit-01"], ["unit-10"])
    assert near(fleet, "vnit-07", 1) == ["unit-07"]
    assert near(fleet, "ünit-07", 1) == ["unit-07"]
    assert near(fleet, "küche") == []


def test_whether_an_operator_is_left(registry):
    add(registry, "sensor-1")
    assert not has_operator(registry, now=NOW)
    add(registry, "operator", role="operator")
    assert has_operator(registry, now=NOW)
    assert not has_operator(registry, now=NOW + 11)
    registry.revoke("operator", "unspecified", now=NOW)
    assert not has_operator(registry, now=NOW)


def test_operators_are_found_by_an_index(registry, monkeypatch):
    asked = []
    monkeypatch.setattr(Registry, "query", lambda *args: asked.append(args[1:]) or [])
    has_operator(registry, now=NOW)
    monkeypatch.undo()
    assert "d USING INDEX devices_operators" in plan(registry, *asked[0])


def test_who_is_revoked(fleet):
    assert revoked_names(fleet) == {"unit-04", "unit-05"}
