"""Accounts in the registry: one name space with the devices, and what the broker learns of a change."""

from __future__ import annotations

import pytest

from sealmq.devices.accounts import Accounts
from sealmq.errors import EnrollmentError
from sealmq.pki import passwords
from sealmq.pki.passwords import verify_password

PASSWORD = b"long enough"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(passwords, "COST_LOG2", 4)


@pytest.fixture
def accounts(fleet):
    return Accounts(fleet.registry)


def test_an_account_is_added_and_found_in_any_case(accounts, fleet):
    account = accounts.add("Panel-1", PASSWORD, now=fleet.now)
    assert (account.name, account.role, account.created, account.changed) == (
        "Panel-1",
        "account",
        fleet.now,
        fleet.now,
    )
    assert verify_password(account.stored, PASSWORD)
    assert accounts.find("pANEL-1") == account
    assert accounts.all() == [account]
    assert (account.identity.name, account.identity.role, account.identity.serial) == ("Panel-1", "account", "")
    assert account.identity.kind == "account"


def test_an_account_of_a_name_that_was_given_up_has_another_bearer(accounts, fleet):
    first = accounts.add("Panel-1", PASSWORD, now=fleet.now).identity
    accounts.set_password("panel-1", b"another password", now=fleet.now + 1)
    assert accounts.find("panel-1").identity == first
    accounts.remove("panel-1")
    assert accounts.add("Panel-1", PASSWORD, now=fleet.now + 2).identity.bearer != first.bearer


def test_what_is_kept_of_the_password_is_in_no_repr(accounts, fleet):
    account = accounts.add("panel", PASSWORD, now=fleet.now)
    assert account.stored not in repr(account)


def test_a_name_belongs_to_one_thing(accounts, fleet):
    accounts.add("panel", PASSWORD, now=fleet.now)
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="there is an account 'panel' already") as caught:
        accounts.add("Panel", PASSWORD, now=fleet.now)
    assert "upper and lower case" in caught.value.why
    with pytest.raises(EnrollmentError, match="there is a device 'sensor-1'"):
        accounts.add("SENSOR-1", PASSWORD, now=fleet.now)
    with pytest.raises(EnrollmentError, match="there is an account 'panel'") as caught:
        fleet.enrollment.add_device("PANEL", now=fleet.now)
    assert caught.value.remedy.endswith("sealmq account remove panel")
    accounts.remove("panel")
    fleet.enrollment.add_device("PANEL", now=fleet.now)


def test_a_revoked_device_keeps_its_name(accounts, fleet):
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    fleet.enrollment.revoke_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match=r"there is a device 'sensor-1' \(revoked\)"):
        accounts.add("sensor-1", PASSWORD, now=fleet.now)


def test_the_registry_itself_refuses_a_device_with_an_accounts_name(accounts, fleet, monkeypatch):
    monkeypatch.setattr(fleet.enrollment, "check_free", lambda name: None)  # as if another process had been faster
    accounts.add("panel", PASSWORD, now=fleet.now)
    with pytest.raises(EnrollmentError, match="there is an account 'panel'"):
        fleet.enrollment.add_device("panel", now=fleet.now)
    assert fleet.registry.device("panel") is None
    assert not (fleet.directory / "panel").exists()


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "x" * 65, "a b", "+", "ключ"])
def test_names_follow_the_devices_rule(accounts, fleet, name):
    with pytest.raises(EnrollmentError, match="cannot be a name"):
        accounts.add(name, PASSWORD, now=fleet.now)


def test_roles_and_passwords_are_checked(accounts, fleet):
    with pytest.raises(EnrollmentError, match="no account's role"):
        accounts.add("panel", PASSWORD, role="device", now=fleet.now)
    with pytest.raises(EnrollmentError, match="fewer than 8"):
        accounts.add("panel", b"short", now=fleet.now)
    assert accounts.all() == []
    assert accounts.add("panel", PASSWORD, role="operator", now=fleet.now).identity.role == "operator"


def test_a_new_password_and_a_removal_are_told_to_the_broker(accounts, fleet):
    accounts.add("panel", PASSWORD, now=fleet.now)
    before = fleet.registry.last_change()
    other, _ = fleet.open()
    changed = Accounts(other).set_password("PANEL", b"another long one", now=fleet.now + 1)
    assert (changed.name, changed.created, changed.changed) == ("panel", fleet.now, fleet.now + 1)
    assert verify_password(changed.stored, b"another long one")
    assert not verify_password(changed.stored, PASSWORD)
    assert Accounts(other).bind("PANEL", "sensor-?").identity.devices == "sensor-?"
    Accounts(other).remove("panel")
    assert fleet.registry.changed()
    told = [(change.kind, change.device) for change in fleet.registry.changes_since(before)]
    assert told == [("password", "panel"), ("bound", "panel"), ("removed", "panel")]
    assert accounts.maybe_find("panel") is None


def test_who_is_not_there_is_said_with_near_names(accounts, fleet):
    accounts.add("panel", PASSWORD, now=fleet.now)
    for call in (accounts.find, accounts.remove):
        with pytest.raises(EnrollmentError, match="there is no account 'panle'") as caught:
            call("panle")
        assert "panel" in caught.value.why
    with pytest.raises(EnrollmentError):
        accounts.set_password("panle", PASSWORD, now=fleet.now)
    assert accounts.maybe_find("x" * 100_000) is None
    assert accounts.maybe_find("\udcff") is None
