from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealmq.devices.accounts import Accounts
from sealmq.devices.fleet import Row
from sealmq.devices.fleet_plan import Planner, Wanted
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.records import Reservation
from sealmq.devices.trail import Trail
from sealmq.pki.authority import new_serial


def write_csr(path, key, name=None):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    path.write_bytes(csr.public_bytes(Encoding.PEM))


@pytest.fixture
def planner(fleet, tmp_path):
    return Planner(fleet.registry, fleet.enrollment, directory=fleet.directory, base=tmp_path, role="operator", days=30)


def test_what_is_not_there_is_wanted(planner):
    plan = planner.plan([Row(2, "a"), Row(3, "b", "device", 7)])
    assert plan.wanted == [Wanted(2, "a", "operator", 30), Wanted(3, "b", "device", 7)]
    assert plan.mistakes == plan.present == plan.revoked == []


def test_what_is_there_needs_nothing_and_what_was_revoked_stays_so(fleet, planner):
    for name in ("a", "b"):
        fleet.enrollment.add_device(name, now=fleet.now)
    fleet.enrollment.revoke_device("b", now=fleet.now)
    rows = [Row(2, "a"), Row(3, "b"), Row(4, "c")]
    plan = planner.plan(rows)
    assert (plan.present, plan.revoked) == (rows[:1], rows[1:2])
    assert [wanted.name for wanted in plan.wanted] == ["c"]


def test_a_request_brings_its_key(fleet, planner, tmp_path):
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    write_csr(tmp_path / "a.csr", keys[0], "a")
    write_csr(tmp_path / "b.csr", keys[1])
    plan = planner.plan([Row(2, "a", csr="a.csr"), Row(3, "b", csr=str(tmp_path / "b.csr"))])
    assert plan.mistakes == []
    assert len({wanted.public_key for wanted in plan.wanted}) == 2
    # A device that is there with this key is the one that is meant.
    fleet.enrollment.add_device("a", csr=(tmp_path / "a.csr").read_bytes(), now=fleet.now)
    assert planner.plan([Row(2, "a", csr="a.csr")]).present


def test_each_mistake_has_its_line_and_its_words(fleet, planner, tmp_path):
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    write_csr(tmp_path / "key.csr", key)
    write_csr(tmp_path / "named.csr", other, "somebody")
    write_csr(tmp_path / "taken.csr", other)
    (tmp_path / "bad.csr").write_bytes(b"nonsense")
    (tmp_path / "long.csr").write_bytes(b"x" * 10_000)
    fleet.enrollment.add_device("there", now=fleet.now)
    fleet.enrollment.add_device("taken", csr=(tmp_path / "taken.csr").read_bytes(), now=fleet.now)
    Accounts(fleet.registry).add("panel", b"password-of-panel", role="account", now=fleet.now)
    (fleet.directory / "precious").mkdir()
    (fleet.directory / "precious" / "device.key").write_bytes(b"precious")
    wrong = {
        Row(1, "There"): "upper and lower case",
        Row(2, "there", "operator"): "with the role device",
        Row(3, "there", csr="key.csr"): "with another key",
        Row(4, "panel"): "there is an account 'panel'",
        Row(5, "precious"): "registry knows no device 'precious'",
        Row(6, "a", csr="no\n.csr"): "cannot be read: No such file",
        Row(7, "b", csr="bad.csr"): "cannot be read",
        Row(8, "c", csr="long.csr"): "more than 8192",
        Row(9, "d", csr="named.csr"): "for 'somebody', not for 'd'",
        Row(10, "e", csr="taken.csr"): "belongs to 'taken'",
        Row(11, "f", csr="key.csr"): "has the key of line 3",
    }
    plan = planner.plan(list(wrong))
    assert plan.wanted == []
    assert [mistake.line for mistake in plan.mistakes] == [row.line for row in wrong]
    for mistake, words in zip(plan.mistakes, wrong.values(), strict=True):
        assert words in mistake.what
        assert mistake.what.isprintable()


def test_leftovers_of_a_kill_are_put_away(fleet, planner):
    fleet.enrollment.add_device("there", now=fleet.now)
    for name in ("there", "a"):
        (fleet.directory / f".{name}.new").mkdir()
        (fleet.directory / f".{name}.old").mkdir()
    serial = new_serial()
    reservation = Reservation(serial, "a", "device", fleet.device_ca.key_id, fleet.now, fleet.now + 1, "00")
    fleet.registry.reserve(reservation, now=fleet.now)
    planner.clear_leftovers([Row(2, "there"), Row(3, "a")])
    assert sorted(path.name for path in fleet.directory.iterdir()) == ["a", "there"]  # "a": what had been put aside
    assert (fleet.directory / "there" / "device.key").exists()
    assert fleet.registry.lookup(serial).state == "abandoned"


def test_a_device_with_a_psk_is_not_what_a_table_means(fleet, planner, tmp_path):
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    enrollment.add_device("sensor-1", now=fleet.now)
    plan = planner.plan([Row(2, "sensor-1")])
    assert [mistake.what for mistake in plan.mistakes] == ["'sensor-1' has a PSK: a table is about certificates"]
