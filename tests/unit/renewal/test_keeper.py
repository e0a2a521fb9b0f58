"""One bundle is kept fresh: against a real registry, with every step failing once, and with a kill after each."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from failing_disk import FailingDisk
from sealmq.bundle import CHAIN_FILE, KEY_FILE, LEAF_FILE, certificate_file, files_of
from sealmq.devices.records import State
from sealmq.errors import EnrollmentError, Error, HomeError, TrustError
from sealmq.pki.authority import certificates_of, create_issuing, create_root, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate
from sealmq.renewal.keeper import TRIES_OF_A_SLOT, Keeper
from sealmq.renewal.slots import Slots

DAY = 86_400.0
Office = Any


def keeper(office: Office) -> Keeper:
    return Keeper(office.bundle, office)


def expect_whole(bundle: Path) -> None:
    """The files belong together, for a TLS library too."""
    root, certificate, key = files_of(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(root)
    context.load_cert_chain(certificate, key)
    context.load_cert_chain(bundle / CHAIN_FILE, key)


def test_nothing_is_asked_before_it_is_time(office: Office) -> None:
    kept = keeper(office).look(office.now + 200 * DAY)
    assert (kept.renewed, kept.serial) == (False, office.serial)
    assert office.now + 219 * DAY <= kept.due_at <= office.now + 268 * DAY
    assert office.log == []
    assert not office.bundle.joinpath("device.key").is_symlink()


def test_when_it_is_time_the_new_certificate_is_tried_and_takes_the_old_ones_place(office: Office) -> None:
    before, one = office.serial, keeper(office)
    office.now = one.look(office.now).due_at
    kept = one.look(office.now)
    assert kept.renewed
    assert kept.serial == office.serial != before
    assert kept.not_after > office.now + 364 * DAY
    assert office.log == ["ask", "prove"]
    assert office.registry.lookup(before).state is State.SUPERSEDED
    assert office.is_let_in()
    expect_whole(office.bundle)
    assert not Slots(office.bundle).waiting()
    assert one.look(office.now).renewed is False
    assert one.look(office.now, at_once=True).serial != kept.serial


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_request(office: Office) -> None:
    one = keeper(office)
    office.loses = 2
    for _ in range(2):
        with pytest.raises(Error, match="was lost"):
            one.look(office.now, at_once=True)
    assert one.look(office.now, at_once=True).renewed
    assert len(set(office.requests)) == 1
    assert len(office.registry.certificates_of("sensor-1")) == 2, "no third certificate"
    one.look(office.now, at_once=True)
    assert len(set(office.requests)) == 2, "a key serves one certificate"


def test_when_the_broker_says_no_the_old_one_stays_and_another_key_is_made(office: Office) -> None:
    before, one = office.serial, keeper(office)
    office.registry.revoke("sensor-1", "unspecified", now=office.now)
    for _ in range(2):
        with pytest.raises(EnrollmentError, match="was not renewed: not authorized"):
            one.look(office.now, at_once=True)
    assert office.serial == before
    assert len(set(office.requests)) == 2
    assert not Slots(office.bundle).waiting()


def test_a_certificate_that_is_refused_is_not_used(office: Office) -> None:
    before = office.serial
    office.fails["prove"] = [TrustError("refused")]
    with pytest.raises(TrustError, match="refused"):
        keeper(office).look(office.now, at_once=True)
    assert office.serial == before
    assert office.is_let_in()
    assert not Slots(office.bundle).waiting()


def test_one_that_could_not_be_tried_is_tried_first_the_next_time(office: Office) -> None:
    before = office.serial
    office.fails["prove"] = [Error("no network")]
    with pytest.raises(Error, match="no network"):
        keeper(office).look(office.now, at_once=True)
    assert office.serial == before
    kept = keeper(office).look(office.now)  # another process, and nothing is due any more for what it has
    assert (kept.renewed, office.serial) == (True, kept.serial)
    assert office.log == ["ask", "prove", "prove"]


def test_one_that_cannot_be_tried_for_long_is_given_up(office: Office) -> None:
    one = keeper(office)
    office.fails["prove"] = [Error("closed")] * (TRIES_OF_A_SLOT + 1)
    for _ in range(TRIES_OF_A_SLOT):
        with pytest.raises(Error, match="closed"):
            one.look(office.now, at_once=True)
    assert one.look(office.now, at_once=True).renewed
    assert office.log.count("ask") == 2


def test_a_slot_that_the_broker_refuses_by_now_is_forgotten(office: Office) -> None:
    office.fails["prove"] = [Error("no network")]
    with pytest.raises(Error, match="no network"):
        keeper(office).look(office.now, at_once=True)
    office.fails["prove"] = [TrustError("revoked")]
    assert keeper(office).look(office.now).renewed is False
    assert not Slots(office.bundle).waiting()


def test_what_has_expired_asks_by_the_late_way(office: Office) -> None:
    office.now += 370 * DAY
    assert keeper(office).look(office.now).renewed
    assert office.log == ["ask late", "prove"]


def test_a_new_root_comes_with_the_new_certificate(office: Office) -> None:
    new_root = create_root("Example", "NL", serial=new_serial(), now=office.now)
    office.issue_with(new_root, create_issuing(new_root, "Device", serial=new_serial(), now=office.now, number=2))
    keeper(office).look(office.now, at_once=True)
    roots = certificates_of((office.bundle / "root.pem").read_bytes())
    assert roots == [new_root.certificate.der, office.root.certificate.der]
    expect_whole(office.bundle)


@pytest.mark.parametrize("what", ["another key", "another device", "no root"])
def test_what_may_not_be_used_is_not_even_tried(office: Office, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    before = office.serial
    honest = office.ask

    def ask(credentials: Path, csr: bytes, *, late: bool) -> Any:
        if what == "another key":
            csr = other_request()
        answer = honest(credentials, csr, late=late)
        if what == "another device":
            other = office.enrollment.add_device("sensor-2", now=office.now)
            leaf = certificates_of((other.directory / CHAIN_FILE).read_bytes())[0]
            return type(answer)(**fields(answer) | {"certificate": leaf})
        return answer if what == "another key" else type(answer)(**fields(answer) | {"roots": ()})

    monkeypatch.setattr(office, "ask", ask)
    with pytest.raises(TrustError, match="the new certificate is not used"):
        keeper(office).look(office.now, at_once=True)
    assert office.serial == before
    assert "prove" not in office.log
    assert not Slots(office.bundle).waiting()


def other_request() -> bytes:
    from sealmq.pki.credentials import create_request

    return create_request(PrivateKey.generate())


def fields(answer: Any) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in type(answer).__slots__}


@pytest.mark.parametrize("for_good", [False, True], ids=["one step fails", "killed"])
def test_at_whatever_step_it_is_stopped_the_bundle_works_and_the_next_look_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    """Only the bundle's disk fails: the broker's is another machine's."""
    n, only_between = 0, 0
    while True:
        n += 1
        before = office.serial
        one = keeper(office)
        disk = FailingDisk(n, for_good=for_good)
        monkeypatch.setattr(one, "_courier", Unharmed(office, disk))
        office.log.clear()
        with monkeypatch.context() as patch:
            disk.install(patch)
            try:
                with disk:
                    one.look(office.now, at_once=True)
            except (HomeError, TrustError):  # TrustError: vault cannot read
                assert disk.struck
        expect_whole(office.bundle)
        if not office.is_let_in():
            # Rule 1: the broker has seen the new one, and the switch did not follow. It waits, whole.
            assert "prove" in office.log
            assert Slots(office.bundle).waiting()
            only_between += 1
        seen = "prove" in office.log
        asked = office.log.count("ask")
        kept = keeper(office).look(office.now, at_once=office.serial == before and not seen)
        assert office.is_let_in()
        assert kept.serial == office.serial != before
        assert office.log.count("ask") <= asked + 1
        expect_whole(office.bundle)
        make_room(office)
        if not disk.struck:
            break
    assert n > 20
    assert only_between > 0


class Unharmed:
    """The courier, whose own disk does not fail."""

    def __init__(self, office: Office, disk: FailingDisk) -> None:
        self._office, self._disk = office, disk

    def ask(self, credentials: Path, csr: bytes, *, late: bool) -> Any:
        self._disk.armed = False
        try:
            return self._office.ask(credentials, csr, late=late)
        finally:
            self._disk.armed = True

    def prove(self, credentials: Path) -> None:
        self._disk.armed = False
        try:
            self._office.prove(credentials)
        finally:
            self._disk.armed = True


def make_room(office: Office) -> None:
    """A day later: only so many renewals are given in one."""
    office.now += DAY / 4


def test_a_bundle_of_somebody_else_is_told_in_words(office: Office, tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="cannot be renewed") as caught:
        Keeper(tmp_path / "nowhere", office).look(office.now)
    assert caught.value.remedy
    (office.bundle / KEY_FILE).unlink()
    certificate_file(office.bundle).write_bytes(b"no PEM")
    with pytest.raises(TrustError):
        keeper(office).look(office.now)


def test_pauses_grow_with_failures_and_a_success_ends_them(office: Office) -> None:
    one = keeper(office)
    assert [one.wait(office.now, 0.5) for _ in range(3)] == [60.0, 120.0, 240.0]
    one.look(office.now)
    assert one.wait(office.now, 0.5) == 60.0
    for name in (CHAIN_FILE, LEAF_FILE):
        (office.bundle / name).unlink()
    assert one.wait(office.now, 0.5) > 60.0


def test_two_keepers_of_one_bundle_renew_it_once_when_it_is_time(office: Office) -> None:
    first, second = keeper(office), keeper(office)
    office.now = first.look(office.now).due_at
    assert [one.look(office.now).renewed for one in (first, second)] == [True, False]
    assert office.log == ["ask", "prove"]
    assert identify_certificate(office.leaf(office.bundle)).serial == office.serial
