from __future__ import annotations

import stat
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.bundle import read_psk
from sealmq.devices.accounting import verify
from sealmq.devices.psk_enrollment import DAYS, PSKEnrollment
from sealmq.devices.psks import PSKs
from sealmq.devices.records import PSK, State
from sealmq.devices.trail import Trail, read_line
from sealmq.errors import EnrollmentError, Error
from sealmq.pki.profiles import BACKDATE

DAY = 86_400


def enrollment_of(fleet, registry):
    return PSKEnrollment(registry, directory=fleet.directory, trail=Trail(fleet.directory.parent / "audit.jsonl"))


@pytest.fixture
def psks(fleet):
    return enrollment_of(fleet, fleet.registry)


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_device_gets_a_key_that_the_registry_has_too(fleet, psks):
    added = psks.add_device("sensor-1", now=fleet.now)
    assert added.file == fleet.directory / "sensor-1" / "psk.txt"
    assert names_in(added.file.parent) == ["psk.txt"]
    assert (mode(added.file), mode(added.file.parent)) == (0o600, 0o700)
    written = read_psk(added.file)
    assert written.identity == "sensor-1"
    assert len(set(written.key)) > 8
    assert PSKs(fleet.registry).key(added.serial) == written.key
    record, device = fleet.registry.lookup(added.serial), fleet.registry.device("sensor-1")
    assert (record.profile, record.state, record.authority_key_id) == (PSK, State.VALID, "")
    assert (record.not_before, record.not_after) == (fleet.now - BACKDATE, fleet.now + DAYS * DAY - 1)
    assert (device.serial, device.uuid, device.role, device.has_psk) == (added.serial, added.uuid, "device", True)
    assert added.not_after == record.not_after


def test_no_two_keys_are_the_same(fleet, psks):
    files = [psks.add_device(f"sensor-{n}", now=fleet.now).file for n in range(20)]
    assert len({read_psk(file).key for file in files}) == 20


def test_its_end_is_as_asked(fleet, psks):
    assert psks.add_device("sensor-1", now=fleet.now, days=7).not_after == fleet.now + 7 * DAY - 1
    with pytest.raises(EnrollmentError, match="cannot last 0 days"):
        psks.add_device("sensor-2", now=fleet.now, days=0)


def test_the_trail_has_its_line_and_not_the_key(fleet, psks, tmp_path):
    added = psks.add_device("sensor-1", now=fleet.now)
    data = (tmp_path / "audit.jsonl").read_bytes()
    line = read_line(data.splitlines()[-1])
    assert (line.action, line.facts["device"], line.facts["profile"]) == ("issue", "sensor-1", "psk")
    assert line.facts["serial"] == added.serial
    assert read_psk(added.file).key.hex().encode() not in data
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    verdict = verify(Trail(tmp_path / "audit.jsonl"), fleet.registry)
    assert (verdict.findings, verdict.issued) == ([], 1)


def test_a_key_without_its_line_is_found(fleet, psks, tmp_path):
    psks.add_device("sensor-1", now=fleet.now)
    added = psks.add_device("sensor-2", now=fleet.now)
    trail = tmp_path / "audit.jsonl"
    trail.write_bytes(trail.read_bytes().splitlines(keepends=True)[0])
    verdict = verify(Trail(trail), fleet.registry)
    assert [finding.what for finding in verdict.findings] == [
        f"the certificate of 'sensor-2' (serial {added.serial}) is valid, and no line says who made it"
    ]


@pytest.mark.parametrize("kind", ["PSK", "certificate"])
def test_a_device_has_one_of_the_two(fleet, psks, kind):
    if kind == "PSK":
        psks.add_device("sensor-1", now=fleet.now)
    else:
        fleet.enrollment.add_device("sensor-1", now=fleet.now)
    before = fleet.registry.device("sensor-1")
    with pytest.raises(EnrollmentError, match=f"'sensor-1' already, with a {kind}") as caught:
        psks.add_device("sensor-1", now=fleet.now)
    assert "sealmq device revoke sensor-1, then again sealmq device add sensor-1 --psk" in caught.value.remedy
    with pytest.raises(EnrollmentError, match="there is a device 'sensor-1' already"):
        fleet.enrollment.add_device("sensor-1", now=fleet.now)
    assert fleet.registry.device("sensor-1") == before


def test_revoked_it_may_come_back_with_either(fleet, psks):
    former = psks.add_device("sensor-1", now=fleet.now)
    key = read_psk(former.file).key
    psks_of = PSKs(fleet.registry)
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    assert psks_of.key(former.serial) is None
    again = psks.add_device("sensor-1", now=fleet.now)
    assert read_psk(again.file).key != key
    assert psks_of.key(again.serial) == read_psk(again.file).key
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    assert sorted(names_in(fleet.directory / "sensor-1")) == [
        "device-chain.pem",
        "device.key",
        "device.pem",
        "root.pem",
    ]
    assert not fleet.registry.device("sensor-1").has_psk
    fleet.revocations.revoke_device("sensor-1", now=fleet.now)
    psks.add_device("sensor-1", now=fleet.now)
    assert names_in(fleet.directory / "sensor-1") == ["psk.txt"]
    assert names_in(fleet.directory) == ["sensor-1"]


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [
        ("../x", "device", "cannot be a name"),
        ("sensor-1", "king", "not a role"),
        ("sensor-1", "operator", "an operator with a PSK"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(fleet, psks, name, role, words):
    with pytest.raises(EnrollmentError, match=words) as caught:
        psks.add_device(name, now=fleet.now, role=role)
    assert caught.value.remedy
    assert names_in(fleet.directory) == []
    assert fleet.registry._all("SELECT * FROM certificates") == []


def test_a_name_on_hold_is_not_free(fleet, psks):
    psks.add_device("sensor-1", now=fleet.now)
    fleet.revocations.hold_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="is on hold"):
        psks.add_device("sensor-1", now=fleet.now)


# --- the n-th step fails


def check_whole(fleet, registry):
    """What must hold whenever nobody is at work."""
    device = registry.device("sensor-1")
    if device is None or device.state != "active":
        return False
    assert PSKs(registry).key(device.serial) == read_psk(fleet.directory / "sensor-1" / "psk.txt").key
    assert registry.lookup(device.serial).state is State.VALID
    return True


@pytest.mark.parametrize("before", ["nothing", "a revoked device"])
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_adding_fails_at_every_step(fleet, monkeypatch, before, for_good):
    for n in count(1):
        if before != "nothing":
            if fleet.registry.device("sensor-1") is None:
                enrollment_of(fleet, fleet.registry).add_device("sensor-1", now=fleet.now)
            fleet.revocations.revoke_device("sensor-1", now=fleet.now)
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            registry, _ = fleet.open()
            with disk:
                try:
                    enrollment_of(fleet, registry).add_device("sensor-1", now=fleet.now)
                except Error:
                    assert disk.struck
            registry.close()
        registry, _ = fleet.open()
        added = check_whole(fleet, registry)
        if not for_good and not added:
            assert names_in(fleet.directory) == ([] if before == "nothing" else ["sensor-1"])
            assert registry._all("SELECT * FROM certificates WHERE state = 'pending'") == []
        if not added:
            enrollment_of(fleet, registry).add_device("sensor-1", now=fleet.now)  # the same command again heals
            assert check_whole(fleet, registry)
            assert names_in(fleet.directory) == ["sensor-1"]
            assert registry._all("SELECT * FROM certificates WHERE state = 'pending'") == []
        assert registry._all("SELECT count(*) FROM psks") == [(1,)]
        if before == "nothing":
            forget(fleet, registry)
        registry.close()
        if not disk.struck:
            break
    assert n > 15


def forget(fleet, registry):
    """Begin anew, with no device at all."""
    registry._all("UPDATE certificates SET device = NULL")
    for table in ("devices", "psks", "certificates", "changes"):
        registry._all(f"DELETE FROM {table}")
    (fleet.directory / "sensor-1" / "psk.txt").unlink()
    (fleet.directory / "sensor-1").rmdir()
