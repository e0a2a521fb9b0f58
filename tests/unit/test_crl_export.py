"""Lists for other brokers: numbers, times, what is signed ahead, and the file that is kept fresh."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from failing_disk import FailingDisk
from sealmq import crl_export, rolling_over
from sealmq.crl_export import FILE_NAME, FRESH, Keeper, Plan
from sealmq.errors import EnrollmentError, Error, HomeError
from sealmq.home import Home
from sealmq.pki.lists import lists_of, read_list
from sealmq.pki.profiles import ServerNames

NOW = float(int(time.time()))
DAY = 86_400


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("crl") / "home"
    names = ServerNames(("localhost",), ("127.0.0.1",))
    with Home.create(path, organization="Test", country="XX", names=names, now=NOW) as home:
        for name in ("sensor-1", "sensor-2"):
            home.enrollment().add_device(name, now=NOW)
    return path


@pytest.fixture
def home(template, tmp_path):
    shutil.copytree(template, tmp_path / "home")
    with Home.open(tmp_path / "home") as opened:
        yield opened


def kept(home: Home):
    return [read_list(der) for der in lists_of((home.path / "ca" / FILE_NAME).read_bytes())]


def test_each_ca_has_its_list_and_numbers_grow(home):
    first = crl_export.export(home, Plan(), now=NOW)
    assert [each.common_name for each in first] == ["Test Device CA 1", "Test Claim CA 1", f"Test Root CA {year()}"]
    home.revocations().revoke_device("sensor-1", now=NOW)
    second = crl_export.export(home, Plan(days=30), now=NOW)
    assert [each.facts.revoked for each in second] == [1, 0, 0]
    for before, after in zip(first, second, strict=True):
        assert before.facts.number < after.facts.number
    assert second[0].facts.next_update == NOW + 30 * DAY
    assert home.registry.crl_number(home.authorities.device.key_id) == second[0].facts.number


def year() -> int:
    return time.gmtime(NOW).tm_year


def test_lists_ahead_follow_each_other_without_a_gap(home):
    signed = crl_export.export(home, Plan(days=7, ahead=4), now=NOW, only="device-ca")
    assert len(signed) == 5
    for before, after in itertools.pairwise([each.facts for each in signed]):
        assert after.number == before.number + 1
        assert before.this_update < after.this_update <= before.next_update - DAY
        assert after.next_update > before.next_update
    assert signed[-1].facts.next_update == NOW + 31 * DAY


def test_no_list_outlives_its_ca(home):
    ends = home.authorities.device.certificate.validity.not_after
    signed = crl_export.export(home, Plan(days=7, ahead=9), now=ends - 8 * DAY, only="device-ca")
    assert [each.facts.next_update for each in signed] == [ends - DAY, ends]


def test_one_ca_by_its_name_or_key(home):
    rolling_over.rotate(home, now=NOW, only="device-ca")
    new, old = home.authorities.key_ids("device-ca")
    assert [each.facts.authority for each in crl_export.export(home, Plan(), now=NOW, only="device-ca")] == [new, old]
    assert [each.facts.authority for each in crl_export.export(home, Plan(), now=NOW, only=old)] == [old]
    with pytest.raises(EnrollmentError, match="no CA 'server-ca'"):
        crl_export.export(home, Plan(), now=NOW, only="server-ca")


def test_without_the_roots_key_there_is_no_list_of_the_root(home):
    (home.path / "ca" / "root.key").unlink()
    assert len(crl_export.export(home, Plan(), now=NOW)) == 2
    with pytest.raises(HomeError):
        crl_export.export(home, Plan(), now=NOW, only="root")


@pytest.mark.parametrize("plan", [Plan(0), Plan(-1), Plan(366), Plan(7, -1), Plan(7, 61)])
def test_plans_that_are_none(home, plan):
    with pytest.raises(EnrollmentError, match="not possible"):
        crl_export.export(home, plan, now=NOW)


def test_the_kept_file_stays_as_it_was_asked_for(home):
    assert not crl_export.refresh(home.registry, home.authorities, now=NOW)
    crl_export.keep(home, Plan(days=10, ahead=2), now=NOW)
    before = kept(home)
    home.revocations().revoke_device("sensor-1", now=NOW)
    assert crl_export.refresh_after_revoking(home, now=NOW + 5) == ""
    after = kept(home)
    assert [each.revoked for each in after] == [1, 1, 1] + [0] * 6
    assert [each.next_update - 5 for each in after] == [each.next_update for each in before]
    assert min(each.number for each in after[:3]) > max(each.number for each in before[:3])


def test_a_kept_file_that_is_none_is_told_and_stops_no_revocation(home):
    (home.path / "ca" / FILE_NAME).write_text("nonsense")
    assert "holds no revocation list" in crl_export.refresh_after_revoking(home, now=NOW)


def test_nobody_reads_half_a_list(home):
    crl_export.keep(home, Plan(), now=NOW)
    path = home.path / "ca" / FILE_NAME
    outcomes = set()
    for n in itertools.count(1):
        before = path.read_bytes()
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=False).install(patch)
            with Home.open(home.path) as again, disk:
                try:
                    crl_export.keep(again, Plan(), now=NOW)
                except (Error, OSError):
                    outcomes.add(path.read_bytes() == before)
        assert len(kept(home)) == 3
        if not disk.struck:
            break
    assert True in outcomes
    assert n > 5


def test_openssl_takes_the_list_that_holds_at_the_moment(home, tmp_path):
    home.revocations().revoke_device("sensor-1", now=NOW)
    crl_export.keep(home, Plan(days=7, ahead=2), now=NOW)
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(home.authorities.roots_pem + home.authorities.device_anchors_pem)

    def verdict(name: str, days: float) -> str:
        leaf = home.device_directory(name) / "device-chain.pem"
        command = ["openssl", "verify", "-crl_check_all", "-CRLfile", home.path / "ca" / FILE_NAME, "-CAfile", anchors]
        at = ["-attime", str(int(NOW + days * DAY)), leaf]
        done = subprocess.run([*command, *at], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    for days in (0.01, 6.5, 8, 14, 18.9):
        assert ": OK" in verdict("sensor-2", days), days
        assert "certificate revoked" in verdict("sensor-1", days), days
    assert "CRL has expired" in verdict("sensor-2", 19.1)


def test_a_running_broker_signs_the_kept_file_once_a_day(home):
    keeper = Keeper(home)
    keeper.look(NOW)
    keeper.close()  # there is no file, and nothing was begun
    path = home.path / "ca" / FILE_NAME
    assert not path.exists()
    crl_export.keep(home, Plan(), now=NOW)
    first = path.read_bytes()
    for later, renewed in ((1_000, False), (FRESH + 2_000, True)):
        keeper.look(path.stat().st_mtime + later)
        keeper.close()
        assert (path.read_bytes() != first) == renewed
    os.utime(path, (1, 1))
    path.write_text("nonsense")
    keeper.look(time.time() + 10 * FRESH)
    keeper.close()
    assert path.read_text() == "nonsense"
