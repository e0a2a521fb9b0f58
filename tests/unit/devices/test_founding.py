from __future__ import annotations

import pytest

from sealmq.devices.founding import confirm_authority, ensure_claim_authority, found_authorities, reservation_of
from sealmq.devices.records import State
from sealmq.devices.trail import Trail
from sealmq.errors import HomeError, TrustError
from sealmq.pki import vault
from sealmq.pki.authorities import CLAIM_CA, NAMES, ROOT, Authorities
from sealmq.pki.peer import identify_certificate

NOW = 1_800_000_000.0


@pytest.fixture
def registry(fleet):
    return fleet.registry


@pytest.fixture
def trail(tmp_path):
    return Trail(tmp_path / "audit.jsonl")


@pytest.fixture
def cas(registry, trail, tmp_path):
    vault.make_private_directory(tmp_path / "ca")
    made = Authorities(tmp_path / "ca", lambda: None)
    found_authorities(registry, trail, made, organization="Example", country="NL", now=NOW)
    return made


def record_of(registry, cas, name):
    return registry.lookup(identify_certificate(cas.certificate(name)).serial)


def test_a_new_home_has_four_and_the_registry_knows_them(registry, cas):
    for name in NAMES:
        record = record_of(registry, cas, name)
        assert record.state is State.VALID
        assert record.profile == ("root" if name == ROOT else "issuing")
        assert record.fingerprint == identify_certificate(cas.certificate(name)).fingerprint
        assert record.authority_key_id == ("" if name == ROOT else cas.root.key_id)
    assert cas.claim.common_name == "Example Claim CA 1"


def test_an_older_home_gets_its_claim_authority_when_it_is_wanted(registry, trail, cas):
    before = cas.claim.key_id
    ensure_claim_authority(registry, trail, cas, now=NOW)
    assert cas.claim.key_id == before, "it has one"
    cas.replace({}, remove=["claim-ca.pem", "claim-ca.key"])
    ensure_claim_authority(registry, trail, cas, now=NOW)
    assert cas.claim.key_id != before
    assert record_of(registry, cas, CLAIM_CA).state is State.VALID


def test_for_that_the_root_s_key_is_needed(registry, trail, cas):
    root = cas.root
    cas.replace({}, remove=["claim-ca.pem", "claim-ca.key", "root.key"])
    with pytest.raises(HomeError, match="the root's key is not in this home"):
        ensure_claim_authority(registry, trail, cas, now=NOW)
    assert not cas.has(CLAIM_CA)
    cas.bring_root(root)
    ensure_claim_authority(registry, trail, cas, now=NOW)
    assert cas.claim.key_id


def test_one_that_was_killed_before_its_record_was_finished(registry, trail, cas, monkeypatch):
    cas.replace({}, remove=["claim-ca.pem", "claim-ca.key"])
    with monkeypatch.context() as patch:
        patch.setattr(registry, "confirm", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ensure_claim_authority(registry, trail, cas, now=NOW)
    assert record_of(registry, cas, CLAIM_CA).state is State.PENDING
    ensure_claim_authority(registry, trail, cas, now=NOW)
    assert record_of(registry, cas, CLAIM_CA).state is State.VALID
    confirm_authority(registry, trail, cas.certificate(CLAIM_CA), now=NOW)
    assert record_of(registry, cas, CLAIM_CA).state is State.VALID


def test_what_the_registry_is_told(cas):
    root, device = cas.root, cas.device
    assert reservation_of(root, root).authority_key_id == ""
    told = reservation_of(device, root)
    assert (told.subject, told.profile, told.authority_key_id) == ("Example Device CA 1", "issuing", root.key_id)
    assert (told.not_before, told.not_after) == (
        device.certificate.validity.not_before,
        device.certificate.validity.not_after,
    )


def test_a_name_that_cannot_stand_in_a_certificate(registry, trail, tmp_path):
    vault.make_private_directory(tmp_path / "ca")
    with pytest.raises(TrustError):
        found_authorities(registry, trail, Authorities(tmp_path / "ca"), organization="", country="NL", now=NOW)
