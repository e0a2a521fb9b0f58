"""Every kind of certificate and CRL that we issue, with every kind of key, as pkilint and `openssl verify` see it.

What pkilint finds is in the table of docs/certificate_profiles.py, with its reason, or it is a failure.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkilint import loader, pkix
from pkilint.pkix import certificate, crl, extension, name
from pkilint.validation import ValidationFindingSeverity, ValidationResult, ValidatorContainer

from certificate_profiles import DEVIATIONS
from running import program
from sealmq.pki.authority import (
    HOLD,
    REASONS,
    Authority,
    Certificate,
    Revocation,
    create_issuing,
    create_root,
    issue_claim,
    issue_device,
    issue_server,
    new_serial,
    sign_crl,
)
from sealmq.pki.keys import PrivateKey, PublicKey
from sealmq.pki.profiles import CLAIM, CROSS, DEVICE, ISSUING, PROFILES, ROOT, SERVER, ServerNames
from sealmq.pki.rollover import cross_certify

NOW = time.time()  # openssl asks the clock


class Made(NamedTuple):
    """One certificate. above: the files that lead from it to the root. purpose: what it is good for."""

    profile: str
    certificate: Certificate
    above: tuple[Certificate, ...]
    purpose: str = ""


def keys() -> dict[str, PublicKey]:
    """One of every kind that check_key_policy lets in."""
    made: dict[str, Any] = {
        curve.name: ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
    }
    made |= {f"rsa-{bits}": rsa.generate_private_key(65537, bits) for bits in (2048, 3072, 4096)}
    return {kind: PublicKey.of(key.public_key()) for kind, key in made.items()}


def devices(authority: Authority, root: Authority) -> Iterator[tuple[str, Made]]:
    above = (authority.certificate, root.certificate)
    for kind, key in keys().items():
        made = issue_device(authority, "sensor-1", uuid.uuid4(), key, serial=new_serial(), now=NOW)
        yield f"device-{kind}", Made(DEVICE.name, made, above, "sslclient")
    longest = "x" * 64
    made = issue_device(
        authority, longest, uuid.uuid4(), PrivateKey.generate().public, serial=new_serial(), now=NOW, days=3650
    )
    yield "device-longest", Made(DEVICE.name, made, above, "sslclient")


def servers(authority: Authority, root: Authority) -> Iterator[tuple[str, Made]]:
    names = {
        "names": ServerNames(("broker.example.org", "localhost", "pi.local")),
        "addresses": ServerNames((), ("127.0.0.1", "::1", "192.168.1.10")),
        "both": ServerNames(("localhost",), ("127.0.0.1", "::1")),
        "addresses-as-names": ServerNames(("localhost",), ("127.0.0.1",), addresses_as_dns_names=True),
    }
    for kind, each in names.items():
        made = issue_server(authority, each, PrivateKey.generate().public, serial=new_serial(), now=NOW)
        yield f"server-{kind}", Made(SERVER.name, made, (authority.certificate, root.certificate), "sslserver")


def hierarchy() -> tuple[dict[str, Made], Authority]:
    root = create_root("Example", "NL", serial=new_serial(), now=NOW)
    kinds = ("Server", "Device", "Claim")
    server_ca, device_ca, claim_ca = (create_issuing(root, kind, serial=new_serial(), now=NOW) for kind in kinds)
    made = {"root": Made(ROOT.name, root.certificate, ())}
    made["umlauts"] = Made(ROOT.name, create_root("Müller & Söhne", "DE", serial=new_serial(), now=NOW).certificate, ())
    for kind, each in (("server-ca", server_ca), ("device-ca", device_ca), ("claim-ca", claim_ca)):
        made[kind] = Made(ISSUING.name, each.certificate, (root.certificate,))
    claim = issue_claim(claim_ca, "line-1", uuid.uuid4(), PrivateKey.generate().public, serial=new_serial(), now=NOW)
    made["claim"] = Made(CLAIM.name, claim, (claim_ca.certificate, root.certificate), "sslclient")
    newer = create_root("Example", "NL", serial=new_serial(), now=NOW, taken=[root.common_name])
    for kind, subject, issuer in (("new-with-old", newer, root), ("old-with-new", root, newer)):
        made[kind] = Made(CROSS.name, cross_certify(subject, issuer, now=NOW).certificate, (issuer.certificate,))
    return made | dict(devices(device_ca, root)) | dict(servers(server_ca, root)), device_ca


MADE, DEVICE_CA = hierarchy()
LISTS = {
    "empty": [],
    "every-reason": [Revocation(new_serial(), NOW, reason) for reason in (*REASONS, HOLD)],
    "a-thousand": [Revocation(new_serial(), NOW, "keyCompromise") for _ in range(1000)],
}


def certificate_linter() -> ValidatorContainer:
    """That of `lint_pkix_cert`."""
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def crl_linter() -> ValidatorContainer:
    """That of `lint_crl --type CRL --profile PKIX`."""
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


def findings(results: list[ValidationResult]) -> list[tuple[str, str]]:
    """Code and words of what is more than a piece of information."""
    return [
        (each.finding.code, each.message or "")
        for result in results
        for each in result.finding_descriptions
        if each.finding.severity not in (ValidationFindingSeverity.INFO, ValidationFindingSeverity.DEBUG)
    ]


def lint(der: bytes) -> list[tuple[str, str]]:
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(der, "certificate")
    return findings(certificate_linter().validate(document.root))


def test_there_is_one_of_every_profile() -> None:
    assert {made.profile for made in MADE.values()} == {profile.name for profile in PROFILES}


@pytest.mark.parametrize("kind", MADE)
def test_pkilint_finds_what_is_known_and_nothing_else(kind: str) -> None:
    made = MADE[kind]
    for code, words in lint(made.certificate.der):
        assert any(
            each.code == code and made.profile in each.profiles and each.about in words for each in DEVIATIONS
        ), f"{code}: {words}"


def test_each_deviation_occurs_on_each_kind_of_certificate_that_it_names() -> None:
    found = [(made.profile, *finding) for made in MADE.values() for finding in lint(made.certificate.der)]
    for each in DEVIATIONS:
        assert len(each.reason) > 40
        occurs = {profile for profile, code, words in found if code == each.code and each.about in words}
        assert occurs == each.profiles, each.code


def test_pkilint_would_find_a_mistake() -> None:
    der = MADE["root"].certificate.der
    # keyCertSign and cRLSign become digitalSignature: a CA that may not sign.
    assert der.count(bytes.fromhex("03020106")) == 1
    spoilt = der.replace(bytes.fromhex("03020106"), bytes.fromhex("03020780"))
    assert lint(spoilt) != []


@pytest.mark.parametrize("kind", LISTS)
def test_pkilint_finds_nothing_in_a_crl(kind: str) -> None:
    der = sign_crl(DEVICE_CA, LISTS[kind], number=7, now=NOW, next_update=NOW + 86_400)
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl")
    assert findings(crl_linter().validate(document.root)) == []


def pem(path: Path, certificates: tuple[Certificate, ...]) -> Path:
    path.write_bytes(b"".join(each.pem for each in certificates))
    return path


def verify(folder: Path, made: Made, *options: str | Path) -> str:
    openssl = program("openssl", "openssl")
    command: list[str | Path] = [openssl, "verify", "-x509_strict", "-check_ss_sig", "-no-CApath", "-no-CAstore"]
    command += ["-CAfile", pem(folder / "root.pem", made.above[-1:] or (made.certificate,))]
    if len(made.above) > 1:
        command += ["-untrusted", pem(folder / "issuing.pem", made.above[:-1])]
    if made.purpose:
        command += ["-purpose", made.purpose]
    command += [*options, pem(folder / "leaf.pem", (made.certificate,))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.interop
@pytest.mark.parametrize("kind", MADE)
def test_openssl_verifies_it_strictly(kind: str, tmp_path: Path) -> None:
    assert verify(tmp_path, MADE[kind]) == f"{tmp_path / 'leaf.pem'}: OK\n"


@pytest.mark.interop
@pytest.mark.parametrize("is_revoked", [False, True])
def test_openssl_verifies_it_strictly_with_a_crl(is_revoked: bool, tmp_path: Path) -> None:
    made = MADE["device-secp256r1"]
    revoked = [*LISTS["every-reason"], *[Revocation(made.certificate.serial, NOW, "keyCompromise")] * is_revoked]
    (tmp_path / "crl.der").write_bytes(sign_crl(DEVICE_CA, revoked, number=1, now=NOW, next_update=NOW + 86_400))
    said = verify(tmp_path, made, "-crl_check", "-CRLfile", tmp_path / "crl.der")
    assert ("certificate revoked" in said) is is_revoked
    assert said.endswith("OK\n") is not is_revoked


@pytest.mark.interop
def test_openssl_refuses_a_device_as_a_server_and_the_other_way_round(tmp_path: Path) -> None:
    for kind, purpose in (("device-secp256r1", "sslserver"), ("server-both", "sslclient")):
        assert "purpose" in verify(tmp_path, MADE[kind]._replace(purpose=purpose)).lower()
