"""A chain holds, or it is said why not."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

import bundle_credentials
import certificates
from bundle_credentials import NOW
from sealmq.errors import TrustError
from sealmq.pki.chain import check_client_chain, key_algorithm

TODAY = certificates.NOW.timestamp()


def test_a_device_leads_to_its_root() -> None:
    device = bundle_credentials.credentials()
    check_client_chain(device.leaf_der, [device.issuing_der], device.root_ders, now=NOW)
    both = bundle_credentials.with_two_roots()
    check_client_chain(both.leaf_der, [both.issuing_der], both.root_ders, now=NOW)


@pytest.mark.parametrize("days", [-1, 366])
def test_only_while_it_holds(days: int) -> None:
    device = bundle_credentials.credentials()
    with pytest.raises(TrustError, match="does not lead to the root"):
        check_client_chain(device.leaf_der, [device.issuing_der], device.root_ders, now=NOW + days * 86400)


def test_a_missing_authority_a_strange_root_and_no_root_are_told() -> None:
    device = bundle_credentials.credentials()
    strange = bundle_credentials.with_two_roots().root_ders[:1]
    with pytest.raises(TrustError, match="does not lead to the root"):
        check_client_chain(device.leaf_der, [], device.root_ders, now=NOW)
    with pytest.raises(TrustError, match="does not lead to the root"):
        check_client_chain(device.leaf_der, [device.issuing_der], strange, now=NOW)
    with pytest.raises(TrustError, match="no root"):
        check_client_chain(device.leaf_der, [device.issuing_der], [], now=NOW)
    with pytest.raises(TrustError, match="cannot be read"):
        check_client_chain(device.leaf_der[:-1], [device.issuing_der], device.root_ders, now=NOW)


def test_a_servers_certificate_is_no_clients() -> None:
    root = certificates.Authority("Root")
    server = root.issue("broker", purpose="server", hosts=["broker.example"])
    root_der = root.certificate.public_bytes(Encoding.DER)
    with pytest.raises(TrustError, match="does not lead to the root"):
        check_client_chain(server.der, [], [root_der], now=TODAY)


def test_name_constraints_are_found_wherever_they_stand() -> None:
    root = certificates.Authority("Root")
    builder = (
        certificates._builder(root.name, root.name, root.key, certificates.NOW, certificates.NOW + certificates.DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.NameConstraints([x509.DNSName("example")], None), critical=True)
    )
    constrained = builder.sign(root.key, hashes.SHA256()).public_bytes(Encoding.DER)
    leaf = root.issue("sensor-1", not_after=certificates.NOW + datetime.timedelta(days=1))
    with pytest.raises(TrustError, match="nameConstraints"):
        check_client_chain(leaf.der, [], [constrained], now=TODAY)


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048"])
def test_a_key_is_told_in_a_word(kind: str) -> None:
    assert key_algorithm(bundle_credentials.without_key(kind).leaf_der) == kind
