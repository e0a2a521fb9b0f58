from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.errors import TrustError
from sealmq.pki.authority import certificates_of
from sealmq.pki.containers import read_private_key


def test_each_view_is_the_same_thing_in_another_form() -> None:
    device = bundle_credentials.credentials()
    assert certificates_of(device.chain_pem) == [device.leaf_der, device.issuing_der]
    assert b"".join(bundle_credentials.with_two_roots().root_pems) == bundle_credentials.with_two_roots().root_pem
    assert device.root_fingerprints == (hashlib.sha256(device.root_ders[0]).hexdigest(),)
    assert (device.leaf.common_name, device.key_algorithm) == ("sensor-1", "P-256")
    assert device.key is not None
    for form in (device.key_pkcs8_pem, device.key_pkcs8_der, device.key_sec1_pem, device.key_sec1_der):
        assert form is not None
        assert read_private_key(form).public == device.key.public


def test_without_a_key_there_is_none_in_any_form() -> None:
    device = bundle_credentials.without_key()
    assert {device.key_pkcs8_pem, device.key_pkcs8_der, device.key_sec1_pem, device.key_sec1_der} == {None}


def test_the_key_shows_in_no_repr() -> None:
    device = bundle_credentials.credentials()
    assert device.key_pkcs8_pem is not None
    assert device.key_pkcs8_pem.splitlines()[1].decode() not in repr(device)


def test_one_certificate_is_one() -> None:
    device = bundle_credentials.credentials()
    with pytest.raises(TrustError, match="one certificate was expected here, and there are 2"):
        _ = replace(device, leaf_pem=device.chain_pem).leaf_der
