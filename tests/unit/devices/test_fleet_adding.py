from __future__ import annotations

import shutil
import stat
import threading
from itertools import count

import pytest

from failing_disk import FailingDisk
from sealmq.devices import fleet_adding as module
from sealmq.devices import lock
from sealmq.devices.fleet import Row
from sealmq.devices.fleet_adding import STAGING, Added, FleetAdding, NotAdded, fleets_turn, staging_folder
from sealmq.devices.fleet_plan import Planner, Wanted
from sealmq.devices.issuing import Issuer, Order
from sealmq.devices.records import State
from sealmq.devices.trail import Trail, read_line
from sealmq.errors import EnrollmentError, Error, HomeError
from sealmq.pki import vault
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate

ROWS = [Row(2, "a"), Row(3, "b")]
WANTED = [Wanted(2, "a", "device", None), Wanted(3, "b", "operator", 30)]


def open_adding(fleet):
    registry, enrollment = fleet.open()
    trail = Trail(fleet.directory.parent / "audit.jsonl")
    root = fleet.root.certificate.pem
    adding = FleetAdding(registry, fleet.device_ca, enrollment, root=root, directory=fleet.directory, trail=trail)
    return registry, enrollment, adding


def add(fleet, wanted=WANTED):
    """What a whole command does."""
    registry, enrollment, adding = open_adding(fleet)
    planner = Planner(registry, enrollment, directory=fleet.directory, base=fleet.directory)
    with fleets_turn(fleet.directory):
        rows = [Row(each.line, each.name) for each in wanted]
        planner.clear_leftovers(rows)
        left = {each.name for each in planner.plan(rows).wanted}
        with staging_folder(fleet.directory, "1") as staging:
            return adding.add([each for each in wanted if each.name in left], staging, now=fleet.now)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def check_whole(fleet, registry, names=("a", "b")):
    """No valid certificate is without its folder, none is without its line. Returns the devices that are there."""
    there = []
    for name in names:
        device = registry.device(name)
        if device is None:
            continue
        folder = fleet.directory / name
        leaf = identify_certificate(certificates_of((folder / "device-chain.pem").read_bytes())[0])
        assert leaf.serial == device.serial
        assert registry.lookup(device.serial).state is State.VALID
        assert PrivateKey.from_pem((folder / "device.key").read_bytes()).public.spki_sha256 == leaf.spki_sha256
        there.append(name)
    trail = fleet.directory.parent / "audit.jsonl"
    lines = trail.read_bytes().splitlines() if trail.exists() else []
    told = {read_line(line).facts.get("serial") for line in lines}
    assert {row[0] for row in registry.query("SELECT serial FROM certificates WHERE state = 'valid'")} <= told
    return there


def pending(registry):
    return registry.query("SELECT serial FROM certificates WHERE state = 'pending'")


def test_a_batch_gets_its_files(fleet):
    first, second = add(fleet)
    assert (first.line, first.name, second.line, second.name) == (2, "a", 3, "b")
    assert check_whole(fleet, fleet.registry) == ["a", "b"]
    assert fleet.registry.device("b").role == "operator"
    assert second.not_after == fleet.now - 3600 + 30 * 86400 - 1
    assert names_in(fleet.directory) == [STAGING, "a", "b"]
    assert names_in(fleet.directory / STAGING) == []
    folder = fleet.directory / "a"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (folder, folder / "device.key")} == {
        "a": 0,
        "device.key": 0,
    }
    assert (folder / "root.pem").read_bytes() == fleet.root.certificate.pem


def test_the_files_are_those_of_a_device_that_is_added_alone(fleet):
    add(fleet)
    fleet.enrollment.add_device("c", now=fleet.now)
    assert names_in(fleet.directory / "a") == names_in(fleet.directory / "c")
    for file in ("root.pem", "device.pem", "device-chain.pem", "device.key"):
        one, other = (fleet.directory / name / file for name in "ac")
        assert one.stat().st_mode == other.stat().st_mode
        assert one.read_bytes().count(b"-----BEGIN") == other.read_bytes().count(b"-----BEGIN")


def test_with_a_request_no_key_is_made(fleet):
    key = PrivateKey.generate()
    add(fleet, [Wanted(2, "a", "device", None, key.public)])
    assert names_in(fleet.directory / "a") == ["device-chain.pem", "device.pem", "root.pem"]


def test_what_outlives_the_device_ca_says_so(fleet):
    fleet.now += 30 * 86400
    first, second = add(fleet, [Wanted(2, "a", "device", 3000), Wanted(3, "b", "device", 3650)])
    assert (first.shortened, second.shortened) == (False, True)


def test_on_the_disk_before_anything_says_that_it_is_there(fleet, monkeypatch):
    order = []
    syncfs, append, rename = vault._syncfs, Trail.append, module.Enrollment.put_in_place
    monkeypatch.setattr(vault, "_syncfs", lambda fd: order.append("sync") or (syncfs(fd) if syncfs else 0))
    monkeypatch.setattr(Trail, "append", lambda *a, **k: order.append("trail") or append(*a, **k))
    monkeypatch.setattr(module.Enrollment, "put_in_place", lambda *a: order.append("place") or rename(*a))
    add(fleet)
    assert order == ["sync", "place", "place", "trail"]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "killed"])
def test_a_batch_fails_at_every_step(fleet, monkeypatch, for_good):
    for n in count(1):
        wanted = [Wanted(2, f"a{n}", "device", None), Wanted(3, f"b{n}", "device", None)]
        names = [each.name for each in wanted]
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            syncfs = vault._syncfs
            patch.setattr(
                vault, "_syncfs", lambda fd, d=disk, s=syncfs: d.step(OSError(5, "no")) or (s(fd) if s else 0)
            )
            registry, _, adding = open_adding(fleet)
            (fleet.directory / STAGING).mkdir(exist_ok=True)
            staging = fleet.directory / STAGING / "1"
            staging.mkdir()
            with disk:
                try:
                    adding.add(wanted, staging, now=fleet.now)
                except (Error, OSError):
                    assert disk.struck
            registry.close()
        registry, _ = fleet.open()
        there = check_whole(fleet, registry, names)
        assert there in ([], names)  # all of the batch or none
        if not for_good and not there:
            assert not {each.name for each in fleet.directory.iterdir()} & set(names)
            assert pending(registry) == []
        add(fleet, wanted)  # the same command again heals
        assert check_whole(fleet, registry, names) == names
        assert pending(registry) == []
        assert names_in(fleet.directory / STAGING) == []
        assert not [name for name in names_in(fleet.directory) if name.startswith(".") and name != STAGING]
        registry.close()
        if not disk.struck:
            assert there == names
            break
    assert n > 30


def test_who_was_faster_has_the_name(fleet, monkeypatch):
    """While a batch is written, `device add` takes one of its names and a broker enrols another."""
    registry, enrollment = fleet.open()
    key = PrivateKey.generate()
    write = vault.write_folder

    def meanwhile(path, files):
        write(path, files)
        if path.name == "b" and registry.device("b") is None:
            enrollment.add_device("b", now=fleet.now)
            Issuer(registry, fleet.device_ca, Trail(fleet.directory.parent / "audit.jsonl")).issue(
                [Order("a", key.public)], now=fleet.now
            )

    monkeypatch.setattr(vault, "write_folder", meanwhile)
    first, second, third = add(fleet, [*WANTED, Wanted(4, "c", "device", None)])
    assert isinstance(first, NotAdded)
    assert isinstance(second, NotAdded)
    assert isinstance(third, Added)
    assert check_whole(fleet, fleet.registry, ["b", "c"]) == ["b", "c"]
    assert fleet.registry.recognize(fleet.registry.lookup(fleet.registry.device("a").serial).fingerprint)
    assert names_in(fleet.directory) == [STAGING, "b", "c"]
    assert pending(fleet.registry) == []


def test_who_is_faster_after_the_folders_are_in_place_has_the_name(fleet, monkeypatch):
    """A broker enrols without the lock of the folder: what was put into its place is taken back."""
    registry, _ = fleet.open()
    issuer = Issuer(registry, fleet.device_ca, Trail(fleet.directory.parent / "audit.jsonl"))
    sync = vault.sync_directory

    def meanwhile(path):
        sync(path)
        if registry.device("a") is None:
            issuer.issue([Order("a", PrivateKey.generate().public)], now=fleet.now)

    (fleet.directory / "a").mkdir()  # an empty folder of somebody: it is there again afterwards
    with monkeypatch.context() as patch:
        patch.setattr(vault, "sync_directory", meanwhile)
        first, second = add(fleet)
    assert (type(first), type(second)) == (NotAdded, Added)
    assert list((fleet.directory / "a").iterdir()) == []
    assert names_in(fleet.directory) == [STAGING, "a", "b"]


def test_device_add_hears_that_a_fleet_was_faster(fleet, monkeypatch):
    """The other way round: a fleet takes the name while `device add` waits for the lock."""
    registry, enrollment = fleet.open()
    with staging_folder_of(fleet) as staging:
        _, _, adding = open_adding(fleet)
        adding.add(WANTED, staging, now=fleet.now)
    with pytest.raises(EnrollmentError, match="'a' already"):
        enrollment.add_device("a", now=fleet.now)
    assert check_whole(fleet, registry) == ["a", "b"]


def staging_folder_of(fleet):
    (fleet.directory / STAGING).mkdir(exist_ok=True)
    return staging_folder(fleet.directory, "1")


def test_a_name_that_was_taken_meanwhile_keeps_its_folder(fleet, monkeypatch):
    precious = fleet.directory / "a" / "device.key"
    write = vault.write_folder

    def meanwhile(path, files):
        write(path, files)
        if path.name == "a":
            precious.parent.mkdir()
            precious.write_bytes(b"precious")

    monkeypatch.setattr(vault, "write_folder", meanwhile)
    first, second = add(fleet)
    assert (type(first), type(second)) == (NotAdded, Added)
    assert precious.read_bytes() == b"precious"


def test_a_key_that_was_taken_meanwhile_stays_with_its_device(fleet, monkeypatch):
    key = PrivateKey.generate()
    registry, _ = fleet.open()
    issuer = Issuer(registry, fleet.device_ca, Trail(fleet.directory.parent / "audit.jsonl"))
    write = vault.write_folder

    def meanwhile(path, files):
        write(path, files)
        issuer.issue([Order("other", key.public)], now=fleet.now)

    monkeypatch.setattr(vault, "write_folder", meanwhile)
    (answer,) = add(fleet, [Wanted(2, "a", "device", None, key.public)])
    assert isinstance(answer, NotAdded)
    assert registry.device("a") is None


def test_two_at_a_time_with_the_same_names_leave_each_name_to_one(fleet):
    names = [Wanted(n, f"d{n}", "device", None) for n in range(40)]
    answers = {}

    def work(number, order):
        registry, _, adding = open_adding_here(fleet)
        with staging_folder(fleet.directory, f"w{number}") as staging:
            for start in range(0, len(order), 8):
                for each in adding.add(order[start : start + 8], staging, now=fleet.now):
                    answers.setdefault(each.name, []).append(each)
        registry.close()

    (fleet.directory / STAGING).mkdir()
    threads = [threading.Thread(target=work, args=(0, names)), threading.Thread(target=work, args=(1, names[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    for found in answers.values():
        assert sum(isinstance(each, Added) for each in found) == 1
    assert len(check_whole(fleet, fleet.registry, [each.name for each in names])) == 40
    assert pending(fleet.registry) == []
    assert names_in(fleet.directory / STAGING) == []


def open_adding_here(fleet):
    """As `open_adding`, for a thread: what it opens it closes."""
    registry = type(fleet.registry).open(fleet.registry.path)
    trail = Trail(fleet.directory.parent / "audit.jsonl")
    root = fleet.root.certificate.pem
    enrollment = module.Enrollment(registry, fleet.device_ca, root=root, directory=fleet.directory, trail=trail)
    adding = FleetAdding(registry, fleet.device_ca, enrollment, root=root, directory=fleet.directory, trail=trail)
    return registry, enrollment, adding


def test_one_fleet_at_a_time(fleet, monkeypatch):
    monkeypatch.setattr(lock, "_SECONDS", 0.05)
    with fleets_turn(fleet.directory), pytest.raises(HomeError, match="in use"), fleets_turn(fleet.directory):
        pass


def test_what_a_killed_command_left_is_removed_once_nobody_works_at_it(fleet, monkeypatch):
    with fleets_turn(fleet.directory):
        pass
    left = fleet.directory / STAGING / "99" / "a"
    left.mkdir(parents=True)
    (left / "device.key").write_bytes(b"x")
    with monkeypatch.context() as patch, lock.locked_directory(left.parent):  # a process of it is still at work
        patch.setattr(lock, "_SECONDS", 0.05)
        with pytest.raises(HomeError, match="in use"), fleets_turn(fleet.directory):
            pass
        assert left.exists()
    with fleets_turn(fleet.directory):
        assert names_in(fleet.directory / STAGING) == []
    shutil.rmtree(fleet.directory / STAGING)
