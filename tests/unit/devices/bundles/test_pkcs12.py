from __future__ import annotations

from dataclasses import replace

import pytest

import bundle_credentials
from sealmq.devices.bundles.bundle import make_bundle
from sealmq.devices.bundles.pkcs12 import PKCS12, STORE
from sealmq.errors import BundleError, TrustError
from sealmq.pki.containers import read_pkcs12


def test_each_bundle_has_a_password_of_its_own_that_is_in_none_of_its_files() -> None:
    device = bundle_credentials.credentials()
    bundles = [make_bundle(PKCS12(), device) for _ in range(2)]
    first, second = (bundle.passwords[STORE] for bundle in bundles)
    assert first != second
    assert len(first) == 22  # 128 bits
    assert not [file.name for file in bundles[0].files if first.encode() in file.content]
    store = read_pkcs12(next(file.content for file in bundles[0].files if file.name == STORE), first)
    assert (store.name, store.leaf) == ("sensor-1", device.leaf_der)
    assert set(store.others) == {device.issuing_der, *device.root_ders}


def test_a_store_that_cannot_be_opened_is_not_handed_over() -> None:
    device = bundle_credentials.credentials()
    store, root = PKCS12().files(device)
    for damaged in (replace(store, password="another"), replace(store, content=store.content[:-1])):
        with pytest.raises(TrustError, match="cannot be opened"):
            PKCS12().check([damaged, root], device)
    with pytest.raises(BundleError, match="authorities"):
        PKCS12().check([store, replace(root, content=bundle_credentials.with_two_roots().root_pem)],
                       bundle_credentials.with_two_roots())  # fmt: skip


def test_without_the_key_there_is_no_store() -> None:
    with pytest.raises(BundleError, match="cannot be made here"):
        make_bundle(PKCS12(), bundle_credentials.without_key())
