from __future__ import annotations

import ipaddress
import ssl
import subprocess
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

from running import program
from sealmq.errors import TrustError
from sealmq.pki.authority import (
    REASONS,
    Authority,
    Revocation,
    certificates_of,
    create_issuing,
    create_root,
    issue_claim,
    issue_device,
    issue_server,
    new_serial,
    revokes_nothing,
    server_common_name,
    sign_crl,
)
from sealmq.pki.keys import PrivateKey
from sealmq.pki.profiles import CLAIM, LAST_UTC_TIME, ServerNames


def parsed(certificate):
    return x509.load_der_x509_certificate(certificate.der)


def subject(certificate):
    return [(part.oid, part.value) for part in certificate.subject]


def extensions(certificate):
    return {type(extension.value): (extension.critical, extension.value) for extension in certificate.extensions}


def usages(certificate):
    value = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    names = ("digital_signature", "key_cert_sign", "crl_sign", "content_commitment", "key_encipherment")
    names += ("data_encipherment", "key_agreement")
    return {name for name in names if getattr(value, name)}


def test_what_all_four_have_in_common(ca):
    for certificate in map(parsed, (ca.root.certificate, ca.device_ca.certificate, ca.server, ca.device)):
        assert certificate.version is x509.Version.v3
        assert certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
        assert isinstance(certificate.public_key().curve, ec.SECP256R1)
        assert certificate.not_valid_before_utc.timestamp() == ca.now - 3600
        assert certificate.not_valid_after_utc.timestamp() <= LAST_UTC_TIME
        found = extensions(certificate)
        assert found[x509.BasicConstraints][0]
        assert found[x509.KeyUsage][0]
        critical = {kind for kind, (is_critical, _) in found.items() if is_critical}
        assert critical == {x509.BasicConstraints, x509.KeyUsage}
        for never in (x509.NameConstraints, x509.CRLDistributionPoints, x509.AuthorityInformationAccess):
            assert never not in found


def test_the_root(ca):
    root = parsed(ca.root.certificate)
    year = datetime.fromtimestamp(ca.now, UTC).year
    assert subject(root) == [
        (NameOID.COUNTRY_NAME, "NL"),
        (NameOID.ORGANIZATION_NAME, "Example"),
        (NameOID.COMMON_NAME, f"Example Root CA {year}"),
    ]
    assert root.issuer == root.subject
    found = extensions(root)
    assert set(found) == {x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier}
    assert found[x509.BasicConstraints][1] == x509.BasicConstraints(ca=True, path_length=None)
    assert len(found[x509.SubjectKeyIdentifier][1].digest) == 20
    assert usages(root) == {"key_cert_sign", "crl_sign"}


@pytest.mark.parametrize("kind", ["Server", "Device"])
def test_the_issuing_authorities(ca, kind):
    issuing = parsed((ca.server_ca if kind == "Server" else ca.device_ca).certificate)
    assert subject(issuing)[2] == (NameOID.COMMON_NAME, f"Example {kind} CA 1")
    assert issuing.issuer == parsed(ca.root.certificate).subject
    found = extensions(issuing)
    assert set(found) == {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
    }
    assert found[x509.BasicConstraints][1] == x509.BasicConstraints(ca=True, path_length=0)
    assert usages(issuing) == {"key_cert_sign", "crl_sign", "digital_signature"}
    key_id = found[x509.AuthorityKeyIdentifier][1]
    assert key_id.key_identifier.hex() == ca.root.key_id
    assert key_id.authority_cert_issuer is None
    assert key_id.authority_cert_serial_number is None


def leaf_fields(leaf, authority, purpose):
    found = extensions(leaf)
    assert set(found) == {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.AuthorityKeyIdentifier,
        x509.SubjectAlternativeName,
    }
    assert found[x509.BasicConstraints][1] == x509.BasicConstraints(ca=False, path_length=None)
    assert list(found[x509.ExtendedKeyUsage][1]) == [purpose]
    assert found[x509.AuthorityKeyIdentifier][1].key_identifier.hex() == authority.key_id
    assert usages(leaf) == {"digital_signature"}
    return found[x509.SubjectAlternativeName][1]


def test_the_server(ca):
    server = parsed(ca.server)
    san = leaf_fields(server, ca.server_ca, ExtendedKeyUsageOID.SERVER_AUTH)
    assert subject(server) == [(NameOID.COMMON_NAME, "localhost")]
    assert san.get_values_for_type(x509.DNSName) == ["localhost", "broker.local"]
    addresses = [ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", "192.168.1.10")]
    assert san.get_values_for_type(x509.IPAddress) == addresses
    assert server.not_valid_after_utc.timestamp() == ca.now - 3600 + 90 * 86400 - 1


def test_the_device(ca):
    device = parsed(ca.device)
    san = leaf_fields(device, ca.device_ca, ExtendedKeyUsageOID.CLIENT_AUTH)
    assert subject(device) == [(NameOID.COMMON_NAME, "sensor-1")]
    assert len(list(san)) == 1
    assert san.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:uuid:12345678-1234-5678-1234-567812345678"]
    assert device.not_valid_after_utc.timestamp() == ca.now - 3600 + 365 * 86400 - 1


def test_a_leaf_and_its_authority_fit_into_one_kilobyte(ca):
    assert len(ca.device.der) + len(ca.device_ca.certificate.der) < 1024


def test_a_leaf_never_outlives_its_authority(ca):
    key = PrivateKey.generate()
    made = issue_device(ca.device_ca, "a", uuid4(), key.public, serial=new_serial(), now=ca.now, days=3650 * 2)
    assert made.validity.not_after == ca.device_ca.certificate.validity.not_after
    late = ca.device_ca.certificate.validity.not_after + 1
    with pytest.raises(TrustError, match="expired"):
        issue_device(ca.device_ca, "a", uuid4(), key.public, serial=new_serial(), now=late)
    with pytest.raises(TrustError, match="clock"):
        issue_server(ca.server_ca, ca.names, key.public, serial=new_serial(), now=ca.now - 1e6)


def test_serial_numbers():
    serials = {new_serial() for _ in range(2000)}
    assert len(serials) == 2000
    for serial in serials:
        octets = bytes.fromhex(serial)
        assert len(octets) == 16
        assert 0 < octets[0] < 0x80


def test_the_serial_is_the_callers(ca):
    assert ca.device.serial == format(parsed(ca.device).serial_number, "032x")


@pytest.mark.parametrize(
    ("organization", "country"),
    [("", "NL"), ("  ", "NL"), ("x" * 52, "NL"), ("é" * 26, "NL"), ("a\nb", "NL"), ("a", "nl"), ("a", "NLD")],
)
def test_names_that_cannot_stand_in_a_certificate(organization, country):
    with pytest.raises(TrustError):
        create_root(organization, country, serial=new_serial(), now=1.8e9)


def test_the_longest_organization_fits():
    root = create_root("é" * 25 + "x", "NL", serial=new_serial(), now=1.8e9)
    assert len(create_issuing(root, "Device", serial=new_serial(), now=1.8e9).common_name) <= 64


def test_a_long_host_name_is_no_common_name():
    long = ".".join(["a" * 40] * 3)
    assert server_common_name(ServerNames((long, "b"))) == "b"
    assert server_common_name(ServerNames((long,))) == "SealMQ broker"


def test_an_authority_goes_to_files_and_back(ca):
    again = Authority.load(ca.device_ca.certificate.pem, ca.device_ca.key_pem())
    assert (again.key_id, again.common_name) == (ca.device_ca.key_id, ca.device_ca.common_name)
    assert again.certificate == ca.device_ca.certificate
    assert "PRIVATE" not in repr(again)


def test_files_that_are_no_authority(ca):
    with pytest.raises(TrustError, match="belong"):
        Authority.load(ca.device_ca.certificate.pem, ca.root.key_pem())
    with pytest.raises(TrustError):
        Authority.load(b"garbage", ca.root.key_pem())
    with pytest.raises(TrustError):
        Authority.load(ca.device.pem, ca.device_key.pem())


def test_certificates_of_a_chain(ca):
    assert certificates_of(ca.device.pem + ca.device_ca.certificate.pem) == [
        ca.device.der,
        ca.device_ca.certificate.der,
    ]
    for nothing in (b"", b"garbage", ca.device_key.pem()):
        with pytest.raises(TrustError):
            certificates_of(nothing)


def test_a_revocation_list(ca):
    revocations = [Revocation(new_serial(), ca.now, reason) for reason in REASONS]
    until = ca.device_ca.certificate.validity.not_after
    der = sign_crl(ca.device_ca, revocations, number=7, now=ca.now, next_update=until)
    assert not revokes_nothing(der)
    assert revokes_nothing(sign_crl(ca.device_ca, [], number=8, now=ca.now, next_update=until))
    crl = x509.load_der_x509_crl(der)
    assert crl.is_signature_valid(parsed(ca.device_ca.certificate).public_key())
    assert crl.last_update_utc.timestamp() <= ca.now - 3600
    assert crl.next_update_utc.timestamp() == until
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    for revocation, reason in zip(revocations, REASONS, strict=True):
        entry = crl.get_revoked_certificate_by_serial_number(int(revocation.serial, 16))
        assert entry is not None
        said = [extension.value.reason.value for extension in entry.extensions]
        assert said == ([] if reason == "unspecified" else [reason])


@pytest.mark.interop
def test_openssl_verifies_each_leaf_for_its_own_purpose_only(ca, tmp_path):
    program("openssl", "openssl")
    (tmp_path / "root.pem").write_bytes(ca.root.certificate.pem)
    (tmp_path / "server.pem").write_bytes(ca.server.pem + ca.server_ca.certificate.pem)
    (tmp_path / "device.pem").write_bytes(ca.device.pem + ca.device_ca.certificate.pem)

    def verify(purpose, leaf, *options):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, *options]
        return subprocess.run([*command, "-untrusted", leaf, leaf], cwd=tmp_path, capture_output=True, text=True)

    trusting_root = ("-CAfile", "root.pem", "-no-CApath", "-no-CAstore")
    for purpose, leaf in (("sslserver", "server.pem"), ("sslclient", "device.pem")):
        done = verify(purpose, leaf, *trusting_root)
        assert done.returncode == 0, done.stderr
    for purpose, leaf in (("sslserver", "device.pem"), ("sslclient", "server.pem")):
        done = verify(purpose, leaf, *trusting_root)
        assert done.returncode != 0
        assert "purpose" in done.stderr
    # What the broker does: it trusts the Device CA alone.
    (tmp_path / "device-ca.pem").write_bytes(ca.device_ca.certificate.pem)
    done = verify("sslclient", "device.pem", "-partial_chain", "-CAfile", "device-ca.pem", "-no-CApath", "-no-CAstore")
    assert done.returncode == 0, done.stderr


def context(ca, tmp_path, *, side, leaf, key, issuer, anchor):
    made = ssl.SSLContext(side)
    path = tmp_path / f"{side.name}.pem"
    path.write_bytes(key.pem() + leaf.pem + issuer.certificate.pem)
    made.load_cert_chain(path)
    made.load_verify_locations(cadata=anchor.certificate.der)
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def handshake(server_context, client_context):
    """Two whole TLS stacks in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return server, client


def test_a_device_and_the_broker_shake_hands(ca, tmp_path):
    serving = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_SERVER, leaf=ca.server, key=ca.server_key,
        issuer=ca.server_ca, anchor=ca.device_ca,
    )  # fmt: skip
    calling = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_CLIENT, leaf=ca.device, key=ca.device_key,
        issuer=ca.device_ca, anchor=ca.root,
    )  # fmt: skip
    server, client = handshake(serving, calling)
    assert server.getpeercert(binary_form=True) == ca.device.der
    assert client.getpeercert(binary_form=True) == ca.server.der


def test_a_stolen_device_cannot_pose_as_the_broker(ca, tmp_path):
    posing = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_SERVER, leaf=ca.device, key=ca.device_key,
        issuer=ca.device_ca, anchor=ca.device_ca,
    )  # fmt: skip
    calling = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_CLIENT, leaf=ca.device, key=ca.device_key,
        issuer=ca.device_ca, anchor=ca.root,
    )  # fmt: skip
    calling.check_hostname = False  # as a client that cannot check names: the purpose alone must stop it
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(posing, calling)


def test_the_brokers_certificate_logs_nobody_in(ca, tmp_path):
    serving = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_SERVER, leaf=ca.server, key=ca.server_key,
        issuer=ca.server_ca, anchor=ca.root,
    )  # fmt: skip
    calling = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_CLIENT, leaf=ca.server, key=ca.server_key,
        issuer=ca.server_ca, anchor=ca.root,
    )  # fmt: skip
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(serving, calling)


@pytest.mark.parametrize("is_revoked", [False, True])
def test_openssl_takes_the_list_beside_the_device_ca(ca, tmp_path, is_revoked):
    serving = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_SERVER, leaf=ca.server, key=ca.server_key,
        issuer=ca.server_ca, anchor=ca.device_ca,
    )  # fmt: skip
    calling = context(
        *(ca, tmp_path), side=ssl.PROTOCOL_TLS_CLIENT, leaf=ca.device, key=ca.device_key,
        issuer=ca.device_ca, anchor=ca.root,
    )  # fmt: skip
    revocations = [Revocation(ca.device.serial, ca.now, "keyCompromise")] if is_revoked else []
    until = ca.device_ca.certificate.validity.not_after
    der = sign_crl(ca.device_ca, revocations, number=1, now=ca.now, next_update=until)
    # `ssl` reads a revocation list from a PEM file only.
    (tmp_path / "crl.pem").write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
    serving.load_verify_locations(tmp_path / "crl.pem")
    serving.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if is_revoked:
        with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
            handshake(serving, calling)
    else:
        server, _ = handshake(serving, calling)
        assert server.getpeercert(binary_form=True) == ca.device.der


def test_a_claim_looks_like_a_device_and_comes_from_another_authority(ca):
    claim_ca = create_issuing(ca.root, "Claim", serial=new_serial(), now=ca.now)
    assert claim_ca.common_name == "Example Claim CA 1"
    claim = issue_claim(claim_ca, "line-1", ca.uuid, ca.device_key.public, serial=new_serial(), now=ca.now)
    leaf_fields(parsed(claim), claim_ca, ExtendedKeyUsageOID.CLIENT_AUTH)
    assert claim.validity.not_after - claim.validity.not_before == CLAIM.days * 86400 - 1
    short = issue_claim(claim_ca, "line-1", ca.uuid, ca.device_key.public, serial=new_serial(), now=ca.now, days=1)
    assert short.validity.not_after - short.validity.not_before == 86400 - 1
    end = claim_ca.certificate.validity.not_after
    last = issue_claim(claim_ca, "line-1", ca.uuid, ca.device_key.public, serial=new_serial(), now=end - 60)
    assert last.validity.not_after == end, "never longer than the authority"


def test_an_authority_may_have_a_key_that_was_made_elsewhere(ca):
    key = PrivateKey.generate()
    root = create_root("Example", "NL", serial=new_serial(), now=ca.now, key=key)
    assert Authority.with_key(root.certificate.pem, key).key is key
    issuing = create_issuing(root, "Device", serial=new_serial(), now=ca.now, key=PrivateKey.generate())
    with pytest.raises(TrustError, match="does not belong"):
        Authority.with_key(issuing.certificate.pem, key)
