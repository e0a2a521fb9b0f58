from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealmq.bundle import read_psk
from sealmq.devices.directory import Directory
from sealmq.devices.psk_enrollment import PSKEnrollment
from sealmq.devices.records import Reservation
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail
from sealmq.errors import TrustError
from sealmq.identity import Identity
from sealmq.pki.authority import (
    certificates_of,
    create_issuing,
    create_root,
    issue_device,
    issue_server,
    new_serial,
)
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import ServerNames


@pytest.fixture
def directory(fleet):
    fleet.revocations.sign_list(fleet.device_ca, now=fleet.now)
    return Directory(fleet.registry)


def leaf(enrolled):
    return certificates_of((enrolled.directory / "device-chain.pem").read_bytes())[0]


def refused(directory, der, now, match):
    with pytest.raises(TrustError, match=match) as caught:
        directory.identify(der, now)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("role", ["device", "operator"])
def test_a_device_is_known(fleet, directory, role):
    enrolled = fleet.enrollment.add_device("sensor-1", role=role, now=fleet.now)
    assert directory.identify(leaf(enrolled), fleet.now) == Identity(
        "sensor-1", role, enrolled.serial, enrolled.not_after, bearer=enrolled.uuid
    )
    assert directory.describe(leaf(enrolled)).startswith(f"sensor-1, serial {enrolled.serial}, issued by")


def test_a_certificate_that_we_gave_out_is_not_read_anew(fleet, directory):
    der = leaf(fleet.enrollment.add_device("sensor-1", now=fleet.now))
    asked = []
    fleet.registry._connection.set_trace_callback(asked.append)
    known = directory.identify(der, fleet.now)
    fleet.registry._connection.set_trace_callback(None)
    assert len(asked) == 1
    assert "fingerprint =" in asked[0]
    fleet.registry._all("UPDATE certificates SET fingerprint = ''")  # one without a hash is found by what it says
    assert directory.identify(der, fleet.now) == known


def test_a_superseded_certificate_opens_nothing(fleet, directory):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    fleet.registry._all("UPDATE certificates SET state = 'superseded'")
    refused(directory, leaf(enrolled), fleet.now, "was replaced by a newer one")


def test_a_first_connection_is_told_until_it_is_recorded(fleet):
    told = []
    directory = Directory(fleet.registry, first_seen=told.append)
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    for _ in range(2):
        directory.identify(leaf(enrolled), fleet.now)
    assert told == [enrolled.serial] * 2
    fleet.registry.mark_seen(enrolled.serial, now=fleet.now)
    directory.identify(leaf(enrolled), fleet.now)
    assert told == [enrolled.serial] * 2


def test_revoked_expired_and_unknown_read_differently(fleet, directory):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    der = leaf(enrolled)
    refused(directory, der, enrolled.not_after + 1, f"{enrolled.serial}.* expired on")
    refused(directory, der, fleet.now - 10_000, "does not hold before")
    fleet.enrollment.revoke_device("sensor-1", "keyCompromise", now=fleet.now)
    refused(directory, der, fleet.now, rf"{enrolled.serial}\) was revoked on 2027-01-15, reason keyCompromise")
    fleet.registry._all("PRAGMA foreign_keys = OFF")
    fleet.registry._all("DELETE FROM devices")
    fleet.registry._all("DELETE FROM certificates")
    error = refused(directory, der, fleet.now, "is not in the registry")
    assert "backup" in error.why


@pytest.mark.parametrize("state", ["pending", "abandoned"])
def test_what_was_never_finished_opens_nothing(fleet, directory, state):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    fleet.registry._all(f"UPDATE certificates SET state = '{state}'")
    refused(directory, leaf(enrolled), fleet.now, "never finished")


def test_another_authority(fleet, directory):
    root = create_root("Other", "DE", serial=new_serial(), now=fleet.now)
    other = create_issuing(root, "Device", serial=new_serial(), now=fleet.now)
    key = PrivateKey.generate()
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    # Also with a serial that we know: serials are unique for one issuer only.
    for serial in (new_serial(), enrolled.serial):
        made = issue_device(other, "sensor-1", uuid4(), key.public, serial=serial, now=fleet.now)
        refused(directory, made.der, fleet.now, "another authority, 'Other Device CA 1'")


def test_a_server_is_no_device(fleet, directory):
    key = PrivateKey.generate()
    names = ServerNames(("localhost",))
    made = issue_server(fleet.device_ca, names, key.public, serial=new_serial(), now=fleet.now)
    refused(directory, made.der, fleet.now, "server's certificate")


def test_a_certificate_that_is_not_the_recorded_one(fleet, directory):
    enrolled = fleet.enrollment.add_device("sensor-1", now=fleet.now)
    key = PrivateKey.generate()
    for name in ("operator", "sensor-1"):
        forged = issue_device(fleet.device_ca, name, uuid4(), key.public, serial=enrolled.serial, now=fleet.now)
        refused(directory, forged.der, fleet.now, "not what the registry recorded")


def test_a_recorded_certificate_of_another_kind_is_no_device(fleet, directory):
    key = PrivateKey.generate()
    made = issue_device(fleet.device_ca, "x", uuid4(), key.public, serial=new_serial(), now=fleet.now)
    when = made.validity
    fleet.registry.reserve(
        Reservation(made.serial, "x", "issuing", fleet.device_ca.key_id, when.not_before, when.not_after, "k"), now=0
    )
    fleet.registry.confirm(made.serial, made.fingerprint)
    refused(directory, made.der, fleet.now, "not what the registry recorded")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=500))
def test_noise_is_a_trust_error(directory, data):
    with pytest.raises(TrustError):
        directory.identify(data, 0.0)
    assert directory.describe(data) == "a certificate that cannot be read"


@pytest.fixture
def claim(fleet):
    """A claim's certificate from a Claim CA, and its number."""
    claim_ca = create_issuing(fleet.root, "Claim", serial=new_serial(), now=fleet.now)
    public, serial = PrivateKey.generate().public, new_serial()
    certificate = issue_device(claim_ca, "line-1", uuid4(), public, serial=serial, now=fleet.now, days=30)
    reservation = Reservation(
        serial=serial,
        subject="line-1",
        profile="claim",
        authority_key_id=claim_ca.key_id,
        not_before=certificate.validity.not_before,
        not_after=certificate.validity.not_after,
        spki_sha256=public.spki_sha256,
    )
    fleet.registry.reserve(reservation, now=fleet.now)
    fleet.registry.confirm(serial, certificate.fingerprint)
    tokens = Tokens(fleet.registry)
    number, _ = tokens.make(now=fleet.now, ttl=3_600.0, prefix="line-", quota=1, serial=serial)
    return SimpleNamespace(der=certificate.der, serial=serial, number=number, tokens=tokens, authority=claim_ca.key_id)


def test_a_claim_is_an_identity_of_its_own_kind_until_its_end(fleet, claim):
    told = []
    directory = Directory(fleet.registry, frozenset([claim.authority]), told.append)
    assert directory.identify(claim.der, fleet.now) == Identity(
        f"claim:{claim.number}",
        "claim",
        claim.serial,
        fleet.now + 3_600.0,
        kind="claim",
        bearer=claim.serial,
    )
    assert not told, "that somebody used it is nothing that has to be recorded"
    assert claim.tokens.use(claim.number)
    assert directory.identify(claim.der, fleet.now), "who has lost the answer asks again"
    refused(directory, claim.der, fleet.now + 3_601.0, "ended on")


def test_a_claim_that_was_revoked_or_is_nobodys_opens_nothing(fleet, claim):
    directory = Directory(fleet.registry)
    claim.tokens.revoke(claim.number)
    refused(directory, claim.der, fleet.now, f"claim {claim.number} was revoked")
    fleet.registry._all("DELETE FROM tokens")
    refused(directory, claim.der, fleet.now, "nobody knows what the claim 'line-1'")
    assert "claim" in refused(directory, claim.der, fleet.now + 31 * 86_400, "expired on").remedy
    fleet.registry._all("UPDATE certificates SET state = 'revoked' WHERE profile = 'claim'")
    assert "claim" in refused(directory, claim.der, fleet.now, "was revoked").remedy


def test_a_claim_of_an_authority_that_is_trusted_no_more_opens_nothing(fleet, claim):
    refused(
        Directory(fleet.registry, frozenset([fleet.device_ca.key_id])), claim.der, fleet.now, "not trusted any more"
    )


# --- a PSK


@pytest.fixture
def small(fleet, tmp_path):
    """A device with a PSK."""
    enrollment = PSKEnrollment(fleet.registry, directory=fleet.directory, trail=Trail(tmp_path / "audit.jsonl"))
    return enrollment.add_device("small-1", now=fleet.now)


def test_who_proved_a_psk_is_known(fleet, small):
    told = []
    directory = Directory(fleet.registry, frozenset({"any"}), first_seen=told.append)
    assert directory.identify_psk("small-1", fleet.now) == Identity(
        *("small-1", "device", small.serial, small.not_after), bearer=small.uuid, credential="PSK"
    )
    assert told == [small.serial]
    assert directory.trusts(small.serial)  # no authority stands behind it that could be trusted no more


def test_a_resumed_handshake_is_asked_anew(fleet, small):
    directory = Directory(fleet.registry)
    with pytest.raises(TrustError, match="expired"):
        directory.identify_psk("small-1", small.not_after + 1)
    fleet.revocations.revoke_device("small-1", now=fleet.now)
    with pytest.raises(TrustError, match="was revoked"):
        directory.identify_psk("small-1", fleet.now)
    with pytest.raises(TrustError, match="no PSK was proved"):
        directory.identify_psk("", fleet.now)


def test_a_psk_is_no_certificate(fleet, directory, small):
    refused_der = read_psk(small.file).key  # its hash is recorded as a certificate's would be
    with pytest.raises(TrustError):
        directory.identify(refused_der, fleet.now)
