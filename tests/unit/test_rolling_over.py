"""The roll-over of a home's CAs: what counts before, meanwhile and after, and whoever is killed on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from failing_disk import FailingDisk
from sealmq import rolling_over
from sealmq.archive import read_backup, write_backup
from sealmq.devices.accounting import verify
from sealmq.devices.outcomes import Application, ByCertificate, EnrollmentPolicy, Operation
from sealmq.devices.records import State
from sealmq.devices.trail import Trail
from sealmq.errors import EnrollmentError, Error, HomeError
from sealmq.home import Home
from sealmq.pki.authorities import CLAIM_CA, DEVICE_CA, ROOT, SERVER_CA
from sealmq.pki.authority import certificates_of
from sealmq.pki.keeping import export_root, read_root, seal_keys
from sealmq.pki.peer import identify_certificate, subject_key_id
from sealmq.pki.profiles import ServerNames

NOW = float(int(time.time()))  # openssl asks the clock
NAMES = ServerNames(("localhost",), ("127.0.0.1",))
YEAR = 365 * 86_400


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rolling") / "home"
    with Home.create(path, organization="Test", country="XX", names=NAMES, now=NOW) as home:
        home.enrollment().add_device("sensor-1", now=NOW)
    return path


@pytest.fixture
def home(template, tmp_path):
    shutil.copytree(template, tmp_path / "home")
    with Home.open(tmp_path / "home") as opened:
        yield opened


def openssl_verifies(home: Home, root: bytes, tmp_path: Path) -> bool:
    """Does the broker's chain, as it is sent, lead to this root?"""
    files = {name: tmp_path / f"{name}.pem" for name in ("root", "leaf", "chain")}
    der = certificates_of(home.broker_chain.read_bytes())
    pems = [pem_of(each) for each in der]
    files["root"].write_bytes(root)
    files["leaf"].write_bytes(pems[0])
    files["chain"].write_bytes(b"".join(pems[1:]))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", files["root"]]
    done = subprocess.run([*command, "-untrusted", files["chain"], files["leaf"]], capture_output=True, check=False)
    return done.returncode == 0


def pem_of(der: bytes) -> bytes:
    return subprocess.run(["openssl", "x509", "-inform", "der"], input=der, capture_output=True, check=True).stdout


def roots_of(home: Home) -> list[bytes]:
    return [pem_of(der) for der in certificates_of(home.authorities.roots_pem)]


def test_both_roots_lead_to_the_broker_while_the_new_one_comes_in(home, tmp_path):
    (old,) = roots_of(home)
    old_ids = {name: home.authorities.key_ids(name) for name in (ROOT, SERVER_CA, DEVICE_CA, CLAIM_CA)}
    made = rolling_over.rotate(home, now=NOW, overlap_days=90)
    assert [each.common_name for each in made[1:]] == ["Test Server CA 2", "Test Device CA 2", "Test Claim CA 2"]
    new, kept = roots_of(home)
    assert kept == old
    for name in (ROOT, DEVICE_CA, CLAIM_CA):
        assert home.authorities.key_ids(name)[1:] == old_ids[name]
    assert len(home.authorities.key_ids(SERVER_CA)) == 1
    assert home.authorities.overlap() == (NOW, NOW + 90 * 86_400)
    assert len(home.authorities.published()) == 2 + 2 + 1 + 2 + 2
    assert openssl_verifies(home, old, tmp_path)  # as it was: the broker has not looked yet
    assert home.ensure_broker_certificate(NAMES, NOW)
    assert not home.ensure_broker_certificate(NAMES, NOW)
    assert openssl_verifies(home, old, tmp_path)
    assert openssl_verifies(home, new, tmp_path)
    assert verify(Trail(home.audit_trail), home.registry).holds
    for der in (*home.authorities.published(), *map(home.authorities.certificate, (SERVER_CA, DEVICE_CA))):
        assert home.registry.lookup(identify_certificate(der).serial).state is State.VALID
    (change,) = [each for each in home.registry.changes_since(0) if each.kind == "authority"]
    assert change.device == ""


def test_devices_of_before_are_revoked_on_their_own_list(home):
    old_ca = home.authorities.key_ids(DEVICE_CA)[0]
    rolling_over.rotate(home, now=NOW)
    home.enrollment().add_device("sensor-2", now=NOW)
    assert home.revocation_list() is None  # three lists, all empty
    home.revocations().revoke_device("sensor-1", now=NOW)
    lists = home.revocation_list()
    assert lists is not None
    assert home.registry.crl(old_ca) in lists
    assert lists.count(b"\x55\x1d\x14") == 4  # CRL numbers: two Device CAs, two Claim CAs
    bundle = home.device_directory("sensor-2")
    assert certificates_of((bundle / "root.pem").read_bytes()) == certificates_of(home.authorities.roots_pem)
    assert subject_key_id(certificates_of((bundle / "device-chain.pem").read_bytes())[1]) != old_ca


def test_status_counts_who_is_behind(home):
    found = rolling_over.status(home, now=NOW)
    assert (found.is_rolling_over, found.devices, found.may_be_finished) == (False, 2, False)
    old_root, old_ca = home.authorities.key_ids(ROOT)[0], home.authorities.key_ids(DEVICE_CA)[0]
    rolling_over.rotate(home, now=NOW)
    home.enrollment().add_device("sensor-2", now=NOW)
    found = rolling_over.status(home, now=NOW)
    assert [(need.key_id, need.devices) for need in found.old_root] == [(old_root, 2)]
    assert [(need.key_id, need.devices) for need in found.old_issuer] == [(old_ca, 2)]
    assert (found.devices, found.waits_for, found.may_be_finished) == (3, 2, False)
    assert list(rolling_over.devices_behind(home, now=NOW)) == [("operator", True, True), ("sensor-1", True, True)]
    home.revocations().revoke_device("sensor-1", now=NOW)
    home.revocations().revoke_device("operator", now=NOW)
    assert rolling_over.status(home, now=NOW).may_be_finished
    assert list(rolling_over.devices_behind(home, now=NOW)) == []
    later = NOW + 2 * YEAR  # who has not renewed for so long is not waited for
    assert rolling_over.status(home, now=later).devices == 0


def test_who_renews_needs_nothing_old_any_more(home):
    rolling_over.rotate(home, now=NOW)
    authority = home.registration_authority(home.registry, EnrollmentPolicy())
    serial = home.registry.device("sensor-1").serial
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    asked = Application(csr.public_bytes(Encoding.DER), Operation.RENEW, ByCertificate(serial), "mqtt", "192.0.2.1")
    (granted,) = authority.decide([asked], NOW + 5)
    behind = {name: rest for name, *rest in rolling_over.devices_behind(home, now=NOW)}
    assert behind["sensor-1"] == [False, True]  # it has the new root; its old certificate counts until the new is seen
    home.registry.mark_seen(granted.serial, now=NOW + 6)
    assert [name for name, *_ in rolling_over.devices_behind(home, now=NOW)] == ["operator"]


def test_it_is_finished_when_nobody_needs_the_old_ones(home, tmp_path):
    with pytest.raises(EnrollmentError, match="no roll-over"):
        rolling_over.finish(home, now=NOW)
    (old,) = roots_of(home)
    rolling_over.rotate(home, now=NOW)
    with pytest.raises(EnrollmentError, match="on its way already"):
        rolling_over.rotate(home, now=NOW)
    with pytest.raises(EnrollmentError, match="2 devices need what is old"):
        rolling_over.finish(home, now=NOW)
    assert len(home.authorities.key_ids(ROOT)) == 2
    for name in ("operator", "sensor-1"):
        home.revocations().revoke_device(name, now=NOW)
        home.enrollment().add_device(name, now=NOW)
    gone = rolling_over.finish(home, now=NOW)
    assert [each.name for each in gone] == [ROOT, DEVICE_CA, CLAIM_CA]
    assert not rolling_over.status(home, now=NOW).is_rolling_over
    assert home.ensure_broker_certificate(NAMES, NOW)
    (new,) = roots_of(home)
    assert openssl_verifies(home, new, tmp_path)
    assert not openssl_verifies(home, old, tmp_path)
    assert len(certificates_of(home.broker_chain.read_bytes())) == 2
    assert verify(Trail(home.audit_trail), home.registry).holds
    rolling_over.rotate(home, now=NOW)  # and again, another day


def test_force_locks_out_who_is_behind(home):
    rolling_over.rotate(home, now=NOW)
    old_ca = home.authorities.key_ids(DEVICE_CA)[1]
    rolling_over.finish(home, now=NOW, force=True)
    assert old_ca not in home.device_authorities()
    found = rolling_over.status(home, now=NOW)
    assert (found.devices, found.locked_out) == (0, 2)
    rolling_over.rotate(home, now=NOW)  # nobody waits for them the next time
    found = rolling_over.status(home, now=NOW)
    assert (found.old_root, found.old_issuer, found.locked_out, found.may_be_finished) == ([], [], 2, True)


@pytest.mark.parametrize("name", [SERVER_CA, DEVICE_CA, CLAIM_CA])
def test_one_issuing_ca_alone(home, tmp_path, name):
    (root,) = roots_of(home)
    (made,) = rolling_over.rotate(home, now=NOW, only=name)
    assert home.authorities.key_ids(name)[0] == made.key_id
    assert home.authorities.overlap() is None
    assert roots_of(home) == [root]
    assert home.ensure_broker_certificate(NAMES, NOW) == (name == SERVER_CA)
    assert openssl_verifies(home, root, tmp_path)
    found = rolling_over.status(home, now=NOW)
    assert found.is_rolling_over == (name != SERVER_CA)
    assert found.waits_for == (2 if name == DEVICE_CA else 0)
    (again,) = rolling_over.rotate(home, now=NOW, only=name)
    assert again.common_name.endswith(" 3")
    with pytest.raises(EnrollmentError, match="no issuing CA 'root'"):
        rolling_over.rotate(home, now=NOW, only="root")


def test_a_root_whose_key_is_away_is_brought(home, tmp_path):
    file = tmp_path / "root.key"
    export_root(home.authorities, file, b"correct horse battery")
    with pytest.raises(HomeError, match="the root's key is not in this home"):
        rolling_over.rotate(home, now=NOW)
    home.authorities.bring_root(read_root(home.authorities, file, lambda: b"correct horse battery"))
    rolling_over.rotate(home, now=NOW)
    found = {(each.name, each.is_newest): each.key for each in rolling_over.status(home, now=NOW).authorities}
    assert (found[ROOT, True], found[ROOT, False]) == ("plain", "away")
    assert found[DEVICE_CA, False] == "plain"


def test_new_keys_are_kept_as_the_old_ones(home):
    seal_keys(home.authorities, b"correct horse battery")
    rolling_over.rotate(home, now=NOW)
    assert {each.key for each in rolling_over.status(home, now=NOW).authorities} == {"sealed"}
    home.revocations().revoke_device("sensor-1", now=NOW)  # by a retired CA's key


def test_a_backup_has_all_of_it(home, tmp_path):
    rolling_over.rotate(home, now=NOW)
    write_backup(home.path, tmp_path / "backup", now=NOW)
    backup = read_backup(tmp_path / "backup", tmp_path / "unpacked")
    files = {f"ca/{path.relative_to(home.path / 'ca')}" for path in (home.path / "ca").rglob("*") if path.is_file()}
    assert files <= backup.files.keys()
    assert any("retired" in name for name in files)


def test_what_is_near_its_end_is_told(home):
    assert rolling_over.near_end(home, now=NOW) == []
    (first, *_) = told = rolling_over.near_end(home, now=NOW + 9.5 * YEAR)
    assert len(told) == 3
    assert "'Test Server CA 1' ends on" in first
    assert first.endswith("sealmq ca rotate --only server-ca")
    assert "ended on" in rolling_over.near_end(home, now=NOW + 10.5 * YEAR)[0]
    assert rolling_over.near_end(home, now=NOW + 19.5 * YEAR)[0].endswith("next: sealmq ca rotate")


def test_a_damaged_plan_is_told(home):
    rolling_over.rotate(home, now=NOW)
    for content in ("", "[]", json.dumps({"begun": 1})):
        (home.path / "ca" / "rollover.json").write_text(content)
        with pytest.raises(HomeError, match="damaged"):
            home.authorities.overlap()


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("act", ["rotate", "only", "finish"])
def test_whoever_is_killed_leaves_a_home_that_opens_and_goes_on(template, tmp_path, act, for_good):
    prepared = tmp_path / "prepared"
    shutil.copytree(template, prepared)
    if act == "finish":
        with Home.open(prepared) as home:
            rolling_over.rotate(home, now=NOW)
    acts = {
        "rotate": lambda home: rolling_over.rotate(home, now=NOW),
        "only": lambda home: rolling_over.rotate(home, now=NOW, only=DEVICE_CA),
        "finish": lambda home: rolling_over.finish(home, now=NOW, force=True),
    }
    before = state_of(prepared)
    outcomes = set()
    for n in count(1 if for_good else 2, 3):
        path = tmp_path / f"home-{n}"
        shutil.copytree(prepared, path)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(n, for_good=for_good).install(patch)
            home = Home.open(path)
            try:
                with disk:
                    acts[act](home)
            except (Error, OSError):
                pass
            home.close()
        with Home.open(path) as home:
            outcomes.add(state_of(path) == before)
            home.ensure_broker_certificate(NAMES, NOW)
            home.enrollment().add_device("sensor-2", now=NOW)
            home.revocations().revoke_device("sensor-1", now=NOW)
            goes_on(home, act)
            assert verify(Trail(home.audit_trail), home.registry).findings == []
        shutil.rmtree(path)
        if not disk.struck:
            break
    assert outcomes == {True, False}
    assert n > 20


def state_of(path: Path) -> list[list[str]]:
    with Home.open(path) as home:
        return [home.authorities.key_ids(name) for name in (ROOT, SERVER_CA, DEVICE_CA, CLAIM_CA)]


def goes_on(home: Home, act: str) -> None:
    """The same, typed again, does the rest or says that it was done; and nothing is left unrecorded."""
    with suppress(EnrollmentError):
        if act == "finish":
            rolling_over.finish(home, now=NOW, force=True)
        elif act == "only":
            rolling_over.rotate(home, now=NOW, only=DEVICE_CA)
        else:
            rolling_over.rotate(home, now=NOW)
    found = rolling_over.status(home, now=NOW)
    assert found.is_rolling_over == (act != "finish")
    assert (found.overlap is not None) == (act == "rotate")
    for der in home.authorities.published():
        assert home.registry.lookup(identify_certificate(der).serial).state is State.VALID
    assert all(home.registry.crl(key_id) is not None for key_id in home.authorities.anchors())


def test_a_device_with_a_psk_waits_for_no_authority(home):
    home.psk_enrollment().add_device("small-1", now=NOW)
    before = rolling_over.status(home, now=NOW)
    assert (before.devices, before.locked_out) == (2, 0)  # the operator and sensor-1
    rolling_over.rotate(home, now=NOW)
    assert {name for name, _, _ in rolling_over.devices_behind(home, now=NOW)} == {"operator", "sensor-1"}
    assert rolling_over.status(home, now=NOW).locked_out == 0
