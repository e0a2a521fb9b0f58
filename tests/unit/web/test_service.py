"""What a home and its configuration make of EST."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from exchanges import Office
from sealmq.config import parse
from sealmq.devices.labels import Label
from sealmq.devices.outcomes import EnrollmentPolicy
from sealmq.errors import HomeError, MiddlewareError
from sealmq.pki.authorities import NAMES
from sealmq.pki.authority import certificates_of
from sealmq.tls.middlewares import find
from sealmq.web.service import load_service, policy_of


def test_every_ca_of_the_home_is_published(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with office.home as home:
        found = pkcs7.load_der_pkcs7_certificates(office.service.est.published)
        files = (home.path / "ca" / f"{name}.pem" for name in NAMES)
        expected = {der for file in files for der in certificates_of(file.read_bytes())}
        assert {each.public_bytes(Encoding.DER) for each in found} == expected
        assert len(found) == 4


def test_each_is_verified_by_a_root_in_the_same_answer(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with office.home:
        found = pkcs7.load_der_pkcs7_certificates(office.service.est.published)
        roots = [each for each in found if each.subject == each.issuer]
        assert roots
        for each in found:  # as libest does
            each.verify_directly_issued_by(next(root for root in roots if root.subject == each.issuer))


@pytest.mark.skipif(bool(find().abilities.hybrid_groups), reason="this OpenSSL has a hybrid group")
def test_a_profile_that_openssl_does_not_have_is_refused_and_another_can_be_said(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with office.home as home:
        with pytest.raises(MiddlewareError, match=r"enrolment over HTTPS.*post-quantum") as caught:
            load_service(home, parse('[tls]\nprofile = "post-quantum"\nmiddleware = "pyopenssl"'))
        assert "[https]" in caught.value.remedy
        load_service(home, parse('[tls]\nprofile = "post-quantum"\n[https]\nprofile = "modern"'))


def test_the_configuration_says_labels_and_policy(tmp_path: Path) -> None:
    configuration = parse(
        "[enrollment]\napproval = true\ndays = 30\nlate_renewal = 5\nserver_keys = true\n"
        '[[enrollment.label]]\nname = "line-1"\nprefix = "pump-"\n'
    )
    office = Office(tmp_path, configuration)
    with office.home:
        assert office.service.est.labels == {"line-1": Label("line-1", "pump-")}
        assert office.service.est.server_keys
        assert policy_of(configuration) == EnrollmentPolicy(approval=True, days=30, late_renewal=5)


def test_a_home_that_is_not_whole_is_told(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with office.home as home:
        (home.path / "ca" / "device-ca.pem").unlink()
        with pytest.raises(HomeError):
            load_service(home, office.configuration)
