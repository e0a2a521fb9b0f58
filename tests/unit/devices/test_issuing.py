from __future__ import annotations

import pytest

from failing_disk import FailingDisk
from sealmq.devices.issuing import Issued, Issuer, Order
from sealmq.devices.records import State
from sealmq.devices.trail import Trail, read_line
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.pki.keys import PrivateKey

KEYS = [PrivateKey.generate().public for _ in range(3)]


@pytest.fixture
def issuer(fleet, tmp_path):
    return Issuer(fleet.registry, fleet.device_ca, Trail(tmp_path / "audit.jsonl"))


def read_lines(path):
    return [read_line(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def states(fleet):
    return [state for (state,) in fleet.registry.query("SELECT state FROM certificates ORDER BY subject, state DESC")]


def test_a_batch_is_issued_and_recorded(fleet, issuer, tmp_path):
    orders = [Order(f"d{n}", key, actor="me") for n, key in enumerate(KEYS)]
    handed = []
    issued = issuer.issue(orders, now=fleet.now, hand_over=handed.extend)
    assert handed == issued
    for n, each in enumerate(issued):
        record = fleet.registry.recognize(each.certificate.fingerprint)
        assert (record.device, record.state, record.seen, record.serial) == (
            *(f"d{n}", State.VALID, None, each.certificate.serial),
        )
        assert fleet.registry.body(record.serial) == each.certificate.der
    lines = read_lines(tmp_path / "audit.jsonl")
    assert [(line.action, line.actor, line.facts["serial"]) for line in lines] == [
        ("issue", "me", each.certificate.serial) for each in issued
    ]


def test_one_that_cannot_be_harms_no_other(fleet, issuer):
    issuer.issue([Order("a", KEYS[0])], now=fleet.now)
    first, second = issuer.issue([Order("a", KEYS[1]), Order("b", KEYS[2])], now=fleet.now)
    assert isinstance(first, EnrollmentError)
    assert isinstance(second, Issued)
    assert states(fleet) == ["valid", "abandoned", "valid"]


def test_another_one_for_a_device_stands_beside_the_first_until_it_is_seen(fleet, issuer):
    (first,) = issuer.issue([Order("a", KEYS[0])], now=fleet.now)
    assert fleet.registry.mark_seen(first.certificate.serial, now=fleet.now) == []
    (second,) = issuer.issue([Order("a", KEYS[1], uuid=first.order.uuid, renews=True)], now=fleet.now + 1)
    assert states(fleet) == ["valid", "valid"]
    assert fleet.registry.device("a").serial == first.certificate.serial
    (third,) = issuer.issue([Order("a", KEYS[2], uuid=first.order.uuid, renews=True)], now=fleet.now + 2)
    assert fleet.registry.mark_seen(second.certificate.serial, now=fleet.now + 3) == [first.certificate.serial]
    assert fleet.registry.device("a").serial == second.certificate.serial
    assert fleet.registry.mark_seen(second.certificate.serial, now=fleet.now + 4) == []
    assert fleet.registry.lookup(third.certificate.serial).state is State.VALID  # its answer may be on its way
    assert [each.serial for each in fleet.registry.certificates_of("A")] == [
        each.certificate.serial for each in (third, second, first)
    ]


def test_a_device_that_was_revoked_meanwhile_gets_nothing(fleet, issuer):
    (first,) = issuer.issue([Order("a", KEYS[0])], now=fleet.now)
    fleet.enrollment.revoke_device("a", now=fleet.now)
    (second,) = issuer.issue([Order("a", KEYS[1], uuid=first.order.uuid, renews=True)], now=fleet.now)
    assert isinstance(second, EnrollmentError)


def test_nothing_is_issued_by_an_authority_that_ended(fleet, issuer):
    with pytest.raises(TrustError):
        issuer.issue([Order("a", KEYS[0])], now=fleet.now + 86400 * 366 * 20)
    assert states(fleet) == []


def test_who_cannot_hand_over_gives_all_of_it_up(fleet, issuer):
    def fail(made):
        raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        issuer.issue([Order("a", KEYS[0]), Order("b", KEYS[1])], now=fleet.now, hand_over=fail)
    assert states(fleet) == ["abandoned", "abandoned"]
    assert fleet.registry.device("a") is None


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
def test_every_step_may_fail_and_no_certificate_is_without_its_line(fleet, tmp_path, monkeypatch, for_good):
    n = 0
    while True:
        n += 1
        registry, _ = fleet.open()
        issuer = Issuer(registry, fleet.device_ca, Trail(tmp_path / "audit.jsonl"))
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            registry, _ = fleet.open()
            issuer = Issuer(registry, fleet.device_ca, Trail(tmp_path / "audit.jsonl"))
            with disk:
                try:
                    issuer.issue([Order(f"d{n}", KEYS[0])], now=fleet.now)
                except (Error, OSError):
                    assert disk.struck
            registry.close()
        registry, _ = fleet.open()
        told = {line.facts.get("serial") for line in read_lines(tmp_path / "audit.jsonl")}
        valid = {row[0] for row in registry.query("SELECT serial FROM certificates WHERE state = 'valid'")}
        assert valid <= told
        registry.close()
        if not disk.struck:
            break
    assert n > 8


def test_the_trail_that_is_damaged_stops_issuing(fleet, issuer, tmp_path):
    (tmp_path / "audit.jsonl").write_text("not a line of ours\n")
    with pytest.raises(HomeError):
        issuer.issue([Order("a", KEYS[0])], now=fleet.now)
    assert states(fleet) == ["abandoned"]
