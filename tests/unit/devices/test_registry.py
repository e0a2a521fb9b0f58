from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from sealmq.devices import registry as module
from sealmq.devices.records import Confirmation, Reservation, State
from sealmq.devices.registry import Registry
from sealmq.errors import HomeError

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sealmq.db"


@pytest.fixture
def registry(path):
    with Registry.open(path) as registry:
        yield registry


def reservation(serial="0a", subject="sensor-1", *, profile="device", not_after=NOW + 10, key="k"):
    return Reservation(serial, subject, profile, "ca", NOW, not_after, key)


def add(registry, serial, name, **options):
    registry.reserve(reservation(serial, name, **options), now=NOW)
    assert registry.confirm_devices([Confirmation(serial, "f" + serial, "device", f"uuid-{serial}")], now=NOW) == [None]


def test_the_file_is_its_owners_alone(registry, path):
    add(registry, "0a", "sensor-1")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_device_from_reservation_to_revocation(registry):
    assert registry.lookup("0a") is None
    registry.reserve(reservation(), now=NOW)
    record = registry.lookup("0a")
    assert (record.state, record.device, record.role, record.fingerprint) == (State.PENDING, "sensor-1", "", "")
    assert registry.device("sensor-1") is None
    assert registry.confirm_devices([Confirmation("0a", "ff", "device", "u")], now=NOW) == [None]
    record = registry.lookup("0a")
    assert (record.state, record.device, record.role, record.fingerprint) == (State.VALID, "sensor-1", "device", "ff")
    assert registry.revoke("sensor-1", "keyCompromise", now=NOW + 1) == ["0a"]
    record = registry.lookup("0a")
    assert (record.state, record.revoked_at, record.reason) == (State.REVOKED, NOW + 1, "keyCompromise")
    assert registry.device("Sensor-1").state == "revoked"
    assert registry.revoked("ca", not_after=0) == [record]
    assert registry.revoked("ca", not_after=NOW + 11) == []
    assert registry.revoke("sensor-1", "unspecified", now=NOW + 2) == []


def test_a_serial_is_used_once(registry):
    registry.reserve(reservation(), now=NOW)
    with pytest.raises(HomeError):
        registry.reserve(reservation(subject="other"), now=NOW)


def test_what_was_given_up_does_not_come_back(registry):
    registry.reserve(reservation(), now=NOW)
    registry.abandon("device", "SENSOR-1")
    assert registry.lookup("0a").state is State.ABANDONED
    (error,) = registry.confirm_devices([Confirmation("0a", "ff", "device", "u")], now=NOW)
    assert isinstance(error, HomeError)
    assert "waiting" in str(error)
    with pytest.raises(HomeError, match="waiting"):
        registry.confirm("0b", "ff")


def test_a_new_broker_certificate_supersedes_the_old(registry):
    for serial in ("0a", "0b"):
        registry.reserve(reservation(serial, "localhost", profile="server"), now=NOW)
        registry.confirm(serial, "ff")
    assert [registry.lookup(serial).state for serial in ("0a", "0b")] == [State.SUPERSEDED, State.VALID]
    assert [change.kind for change in registry.changes_since(0)] == ["server", "server"]


def test_the_list_comes_in_pages_and_by_prefix(registry):
    for number, name in enumerate(("b1", "a_2", "A1", "c", "a.3")):
        add(registry, f"{number:02x}", name)
    names = [device.name for device in registry.devices()]
    assert names == ["a.3", "A1", "a_2", "b1", "c"]
    assert [device.name for device in registry.devices(limit=2)] == names[:2]
    assert [device.name for device in registry.devices(after="A1", limit=2)] == names[2:4]
    assert [device.name for device in registry.devices(prefix="a_")] == ["a_2"]
    first = registry.devices(limit=1)[0]
    assert (first.role, first.state, first.serial, first.not_after, first.created) == (
        *("device", "active", "04"),
        *(NOW + 10, NOW),
    )


def test_keys_are_found(registry):
    add(registry, "0a", "sensor-1", key="one")
    assert [record.serial for record in registry.certificates_with_key("one")] == ["0a"]
    assert registry.certificates_with_key("two") == []


def test_crl_numbers_grow(registry):
    assert registry.crl("ca") is None
    assert registry.crl_number("ca") == 0
    registry.put_crl("ca", 1, b"first")
    registry.put_crl("ca", 2, b"second")
    assert registry.crl("ca") == b"second"
    with pytest.raises(HomeError, match="before"):
        registry.put_crl("ca", 2, b"third")


def test_a_transaction_is_all_or_nothing(registry):
    def twice():
        with registry.transaction():
            add(registry, "0a", "sensor-1")
            add(registry, "0a", "sensor-2")

    with pytest.raises(HomeError):
        twice()
    assert registry.lookup("0a") is None
    assert registry.last_change() == 0


def test_changes_are_numbered_and_revocations_stay(registry, monkeypatch):
    monkeypatch.setattr(module, "_CHANGES_AT_ONCE", 1)
    monkeypatch.setattr(module, "_CHANGES_KEPT", 3)
    add(registry, "00", "first")
    registry.revoke("first", "unspecified", now=NOW)
    for number in range(1, 9):
        add(registry, f"{number:02x}", f"d{number}")
    assert registry.last_change() == 10
    kept = registry.changes_since(0)
    assert [change.id for change in kept] == [2, 8, 9, 10]
    assert (kept[0].kind, kept[0].serial, kept[0].device) == ("revoked", "00", "first")
    assert registry.changes_since(9)[0].device == "d8"
    assert registry.changes_since(10) == []


WRITER = """
import sys
from pathlib import Path
from sealmq.devices.registry import Registry
with Registry.open(Path(sys.argv[1])) as registry:
    print(registry.revoke("sensor-1", "unspecified", now=1.0))
"""


def test_what_another_process_does_is_seen(registry, path):
    add(registry, "0a", "sensor-1")
    assert registry.changed()  # one's own writing counts as well
    assert not registry.changed()
    seen = registry.last_change()
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True)
    assert registry.changed()
    assert not registry.changed()
    (change,) = registry.changes_since(seen)
    assert (change.kind, change.serial, change.device) == ("revoked", "0a", "sensor-1")
    assert registry.lookup("0a").state is State.REVOKED


def test_a_lookup_is_one_indexed_query(registry):
    for look in (registry.lookup, registry.recognize):
        asked = []
        registry._connection.set_trace_callback(asked.append)
        assert look("0a") is None
        registry._connection.set_trace_callback(None)
        (statement,) = asked
        assert all("SCAN" not in row[3] for row in registry._all("EXPLAIN QUERY PLAN " + statement))


def test_a_certificate_is_recognized_once_it_is_finished(registry):
    registry.reserve(reservation(), now=NOW)
    assert registry.recognize("") is None
    assert registry.confirm_devices([Confirmation("0a", "ff", "device", "u")], now=NOW) == [None]
    assert registry.recognize("ff") == registry.lookup("0a")
    assert registry.recognize("fe") is None


def test_closing_twice_does_no_harm(registry):
    registry.close()
    registry.close()
    with pytest.raises(HomeError):
        registry.lookup("0a")


# --- databases that are not as they should be


def unopened(path, match):
    before = path.read_bytes()
    with pytest.raises(HomeError, match=match) as caught:
        Registry.open(path)
    assert path.read_bytes() == before
    return caught.value


@pytest.mark.parametrize("content", [b"", b"SQLite", b"garbage" * 1000])
def test_a_file_that_is_no_database_is_left_alone(path, content):
    path.write_bytes(content)
    assert "backup" in unopened(path, "damaged").remedy


def test_a_foreign_database_is_left_alone(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (x)")
    assert "--home" in unopened(path, "not SealMQ's").remedy


def test_a_newer_database_is_left_alone(path):
    Registry.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "update SealMQ" in unopened(path, "newer").remedy


def test_damage_anywhere_is_a_home_error_and_never_a_wrong_answer(path):
    with Registry.open(path) as registry:
        for number in range(40):
            add(registry, f"{number:02x}", f"device-{number}")
    whole = path.read_bytes()
    for place in range(0, len(whole), 997):
        path.write_bytes(whole[:place] + b"\xff" * 200 + whole[place + 200 :])
        try:
            with Registry.open(path) as registry:
                registry.devices()
                registry.lookup("01")
        except HomeError:
            pass
        for extra in ("-wal", "-shm"):
            (path.parent / (path.name + extra)).unlink(missing_ok=True)


def test_a_database_cut_short_is_damaged(path):
    with Registry.open(path) as registry:
        for number in range(40):
            add(registry, f"{number:02x}", f"device-{number}")
    path.write_bytes(path.read_bytes()[:-8192])
    unopened(path, "damaged")


def test_a_locked_database_is_said_to_be_in_use(path, monkeypatch):
    monkeypatch.setattr("sealmq.database._BUSY_SECONDS", 0.05)
    with Registry.open(path) as registry, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HomeError, match="in use"):
            add(registry, "0a", "sensor-1")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(HomeError, match="cannot be opened"):
        Registry.open(tmp_path / "none" / "sealmq.db")


def fill(registry):
    for number in range(100_000):
        add(registry, f"{number:08x}", f"device-{number}")


def test_a_full_disk_is_said(path):
    with Registry.open(path) as registry:
        pages = registry._all("PRAGMA page_count")[0][0]
        registry._all(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(HomeError, match="cannot be written") as caught:
            fill(registry)
        assert "full" in caught.value.why
        assert registry.lookup("00000000") is not None


def test_a_missing_database_is_made_and_not_more(path):
    os.umask(os.umask(0o022))
    Registry.open(path).close()
    assert [file.name for file in path.parent.iterdir()] == ["sealmq.db"]
