"""Who shows a certificate where certificates are renewed: every date is looked at here, and its end is told."""

from __future__ import annotations

from hashlib import sha256
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from sealmq.devices.applicants import Applicants, anchors_of
from sealmq.devices.outcomes import Application, ByToken, Operation
from sealmq.devices.records import Reservation
from sealmq.devices.registration import RegistrationAuthority
from sealmq.devices.tokens import Tokens
from sealmq.devices.trail import Trail
from sealmq.errors import TrustError
from sealmq.pki.authority import create_issuing, new_serial
from sealmq.pki.peer import identify_certificate
from sealmq.pki.profiles import Validity

DAY = 86_400


def csr():
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def desk(fleet, tmp_path):
    """A device 'pump-1' that was enrolled, and whom its certificate is shown to."""
    authority = RegistrationAuthority(fleet.registry, fleet.device_ca, Trail(tmp_path / "audit.jsonl"))
    secret = Tokens(fleet.registry).make(now=fleet.now, ttl=60, device="pump-1")[1]
    asked = Application(csr(), Operation.ENROLL, ByToken(secret), "est", "192.0.2.7:5")
    (granted,) = authority.decide([asked], fleet.now)
    applicants = Applicants(fleet.registry, anchors_of(fleet.device_ca.certificate.pem))
    return SimpleNamespace(fleet=fleet, granted=granted, applicants=applicants, authority=authority)


def refused(desk, why, der=None, now=None):
    with pytest.raises(TrustError) as error:
        desk.applicants.identify(der or desk.granted.der, now or desk.fleet.now)
    assert why in error.value.what
    assert error.value.remedy


def test_a_certificate_of_ours_says_whose_it_is(desk):
    found = desk.applicants.identify(desk.granted.der, desk.fleet.now)
    assert (found.serial, found.is_claim, found.is_expired, found.is_new) == (desk.granted.serial, False, False, True)
    assert (found.identity.name, found.identity.role) == ("pump-1", "device")
    desk.authority.saw([desk.granted.serial], desk.fleet.now)
    assert not desk.applicants.identify(desk.granted.der, desk.fleet.now).is_new


def test_that_it_has_expired_is_told_and_no_refusal(desk):
    assert not desk.applicants.identify(desk.granted.der, desk.granted.not_after).is_expired
    assert desk.applicants.identify(desk.granted.der, desk.granted.not_after + 1).is_expired
    assert desk.applicants.identify(desk.granted.der, desk.granted.not_after + 1_000 * DAY).is_expired


def test_one_that_does_not_hold_yet_is_refused(desk):
    begins = identify_certificate(desk.granted.der).not_before
    desk.applicants = Applicants(desk.fleet.registry, {desk.fleet.device_ca.key_id: Validity(0, 1 << 40)})
    refused(desk, "does not hold before", now=begins - 1)
    desk.applicants.identify(desk.granted.der, begins)


def anchor(desk):
    return desk.fleet.device_ca.certificate.validity


def test_the_ca_has_to_hold_today(desk):
    refused(desk, "authority that does not hold today", now=anchor(desk).not_after + 1)
    refused(desk, "authority that does not hold today", now=anchor(desk).not_before - 1)


def test_the_ca_has_to_be_trusted_today(desk):
    other = create_issuing(desk.fleet.root, "Device", serial=new_serial(), now=desk.fleet.now, number=2)
    desk.applicants = Applicants(desk.fleet.registry, anchors_of(other.certificate.pem))
    refused(desk, "is not trusted any more")


def test_a_revoked_one_is_refused(desk):
    desk.fleet.enrollment.revoke_device("pump-1", now=desk.fleet.now)
    refused(desk, "was revoked")
    refused(desk, "was revoked", now=desk.granted.not_after + 1)


def test_one_that_was_replaced_is_refused(desk):
    secret = Tokens(desk.fleet.registry).make(now=desk.fleet.now, ttl=60, device="pump-1")[1]
    asked = Application(csr(), Operation.ENROLL, ByToken(secret), "est", "192.0.2.7:5")
    (newer,) = desk.authority.decide([asked], desk.fleet.now)
    desk.applicants.identify(desk.granted.der, desk.fleet.now)
    desk.authority.saw([newer.serial], desk.fleet.now)
    refused(desk, "was replaced by a newer one")
    desk.applicants.identify(newer.der, desk.fleet.now)


def test_one_that_we_did_not_give_out_is_refused_whoever_signed_it(desk):
    refused(desk, "is not one that this home gave to a device", der=desk.fleet.device_ca.certificate.der)
    changed = bytearray(desk.granted.der)
    changed[-1] ^= 1
    refused(desk, "is not one that this home gave to a device", der=bytes(changed))


def test_a_claim_is_told_from_a_device(desk):
    registry, now = desk.fleet.registry, desk.fleet.now
    serial, der = new_serial(), b"the claim's certificate"
    key_id = desk.fleet.device_ca.key_id
    registry.reserve(Reservation(serial, "line-1", "claim", key_id, now - 1, now + DAY, "cd" * 32), now=now)
    registry.confirm(serial, sha256(der).hexdigest())
    found = desk.applicants.identify(der, now)
    assert (found.is_claim, found.is_new, found.is_expired) == (True, False, False)
    assert (found.identity.kind, found.identity.role) == ("claim", "claim")


def test_every_ca_of_a_file_is_an_anchor_with_its_dates(fleet):
    other = create_issuing(fleet.root, "Device", serial=new_serial(), now=fleet.now + DAY, number=2)
    anchors = anchors_of(other.certificate.pem + fleet.device_ca.certificate.pem)
    assert anchors == {each.key_id: each.certificate.validity for each in (other, fleet.device_ca)}
