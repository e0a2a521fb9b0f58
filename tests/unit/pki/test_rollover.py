"""A new generation of CAs, as cryptography's own verifier sees it. OpenSSL: tests/interop/test_rollover.py."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealmq.errors import TrustError
from sealmq.pki.authority import create_root, issue_server, new_serial
from sealmq.pki.keys import PrivateKey
from sealmq.pki.rollover import cross_certify, next_generation, next_issuing

KINDS = {"server-ca": "Server", "device-ca": "Device"}


def new_key(label):
    assert label
    return PrivateKey.generate()


@pytest.fixture(scope="module")
def made(ca):
    known = {each.common_name for each in (ca.root, ca.server_ca, ca.device_ca)}
    return next_generation(ca.root, KINDS, known, new_key, now=ca.now)


def verify(leaf, chain, root, now):
    certificates = [x509.load_der_x509_certificate(each.der) for each in (leaf, *chain)]
    store = Store([x509.load_der_x509_certificate(root.certificate.der)])
    moment = datetime.fromtimestamp(now, UTC)
    verifier = PolicyBuilder().store(store).time(moment).build_server_verifier(x509.DNSName("localhost"))
    return verifier.verify(certificates[0], certificates[1:])


def test_names_and_keys_are_new(ca, made):
    assert made.root.common_name == f"Example Root {datetime.fromtimestamp(ca.now, UTC).year}-2"
    assert [each.common_name for each in made.issuing.values()] == ["Example Server CA 2", "Example Device CA 2"]
    ids = {each.key_id for each in (ca.root, ca.server_ca, ca.device_ca, made.root, *made.issuing.values())}
    assert len(ids) == 6


def test_whoever_knows_one_root_verifies_what_is_below_the_other(ca, made):
    key = PrivateKey.generate().public
    server_ca = made.issuing["server-ca"]
    new = issue_server(server_ca, ca.names, key, serial=new_serial(), now=ca.now)
    chain = [server_ca.certificate, made.new_with_old.certificate]  # what the broker sends to everybody
    assert len(verify(new, chain, made.root, ca.now)) == 3
    assert len(verify(new, chain, ca.root, ca.now)) == 4
    old_chain = [ca.server_ca.certificate, made.old_with_new.certificate]
    assert len(verify(ca.server, old_chain, made.root, ca.now)) == 4
    with pytest.raises(VerificationError):
        verify(new, chain[:1], ca.root, ca.now)


def test_a_cross_certificate_is_the_others_key_and_name(ca, made):
    for cross, subject, issuer in ((made.new_with_old, made.root, ca.root), (made.old_with_new, ca.root, made.root)):
        certificate = x509.load_der_x509_certificate(cross.certificate.der)
        root, by = (x509.load_der_x509_certificate(each.certificate.der) for each in (subject, issuer))
        assert (certificate.subject, certificate.issuer) == (root.subject, by.subject)
        assert certificate.public_key() == root.public_key()
        certificate.verify_directly_issued_by(by)
        assert cross.certificate.validity.not_after <= min(
            subject.certificate.validity.not_after, issuer.certificate.validity.not_after
        )


def test_a_cross_certificate_holds_no_longer_than_the_older_root(ca):
    later = ca.now + 3 * 365 * 86_400
    young = create_root("Example", "NL", serial=new_serial(), now=later)
    for pair in ((young, ca.root), (ca.root, young)):
        cross = cross_certify(*pair, now=later)
        assert cross.certificate.validity.not_after == ca.root.certificate.validity.not_after
        assert cross.certificate.validity.not_before >= young.certificate.validity.not_before


def test_a_number_is_never_given_twice(ca):
    known = ["Example Device CA 1", "Example Device CA 7", "Example Server CA 9", "Device CA 99x"]
    assert next_issuing(ca.root, "Device", known, new_key, now=ca.now).common_name == "Example Device CA 8"
    assert next_issuing(ca.root, "Device", [], new_key, now=ca.now).common_name == "Example Device CA 1"


def test_a_root_that_is_over_begins_nothing(ca):
    with pytest.raises(TrustError, match="expired"):
        next_generation(ca.root, KINDS, [], new_key, now=ca.root.certificate.validity.not_after + 1)
