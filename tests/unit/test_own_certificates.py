from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from failing_disk import FailingDisk
from sealmq import own_certificates as module
from sealmq.config import CertificateSettings
from sealmq.devices.accounting import verify
from sealmq.devices.records import State
from sealmq.devices.trail import Trail
from sealmq.errors import Error, HomeError
from sealmq.home import Home
from sealmq.own_certificates import renew_operator, renew_own
from sealmq.pki.authority import certificates_of
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import PeerCertificate, identify_certificate
from sealmq.pki.profiles import ServerNames
from sealmq.rolling_over import rotate

NOW = 1_800_000_000.0
DAY = 86_400


def make(path: Path) -> Home:
    return Home.create(path, organization="Example", country="NL", names=ServerNames(("localhost",)), now=NOW)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make(tmp_path / "home")


def operator(home: Home) -> PeerCertificate:
    """What lies in the home, its key and both certificate files being of one making."""
    folder = home.devices_directory / "operator"
    leaf, _ = certificates_of((folder / "device-chain.pem").read_bytes())
    assert certificates_of((folder / "device.pem").read_bytes()) == [leaf]
    peer = identify_certificate(leaf)
    assert PrivateKey.from_pem((folder / "device.key").read_bytes()).public.spki_sha256 == peer.spki_sha256
    return peer


def test_in_time_and_not_before(home: Home) -> None:
    first = operator(home)
    assert not renew_operator(home, NOW + 240 * DAY)
    assert operator(home) == first
    assert renew_operator(home, NOW + 244 * DAY)
    second = operator(home)
    assert second.serial != first.serial
    assert home.registry.lookup(first.serial).state is State.VALID  # type: ignore[union-attr]  # until the new one is seen
    assert not renew_operator(home, NOW + 244 * DAY)
    assert renew_operator(home, NOW + 800 * DAY), "also when it ended while nobody ran"
    assert (home.devices_directory / "operator" / "device.key").stat().st_mode & 0o777 == 0o600
    assert verify(Trail(home.audit_trail), home.registry).holds


def test_when_a_new_root_has_come_in(home: Home) -> None:
    rotate(home, now=NOW + DAY)
    assert renew_operator(home, NOW + DAY)
    assert operator(home).authority_key_id == home.authorities.key_ids("device-ca")[0]
    assert (home.devices_directory / "operator" / "root.pem").read_bytes() == home.authorities.roots_pem
    assert not renew_operator(home, NOW + DAY)


def test_not_one_that_was_revoked_or_whose_key_is_elsewhere(home: Home) -> None:
    later = NOW + 300 * DAY
    key = home.devices_directory / "operator" / "device.key"
    key.rename(key.with_name("away"))
    assert not renew_operator(home, later)
    key.with_name("away").rename(key)
    home.revocations().revoke_device("operator", now=later)
    assert not renew_operator(home, later)


def test_at_every_step_of_the_disk_a_pair_is_there_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later = NOW + 300 * DAY
    for n in count(1, 3):
        path = tmp_path / f"home-{n}"
        make(path).close()
        with monkeypatch.context() as patch:
            disk = FailingDisk(n, for_good=True).install(patch)
            home = Home.open(path)
            with disk:
                try:
                    renew_operator(home, later)
                except (Error, OSError):
                    assert disk.struck
            home.close()
        with Home.open(path) as home:
            record = home.registry.lookup(operator(home).serial)
            assert record is not None
            assert record.state is State.VALID
            if disk.struck:
                renew_operator(home, later)
                assert operator(home).not_after > later
        if not disk.struck:
            break
    assert n > 20


def test_what_keeps_the_operator_from_it_keeps_no_broker_from_starting(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> bool:
        raise HomeError("the disk is full")

    monkeypatch.setattr(module, "renew_operator", fails)
    assert renew_own(home, CertificateSettings(), NOW + 80 * DAY)
    assert "the operator's certificate was not renewed: the disk is full" in caplog.text
