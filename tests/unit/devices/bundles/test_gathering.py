from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.gathering import gather_credentials
from sealmq.errors import EnrollmentError, TrustError
from sealmq.pki.authority import certificates_of, create_issuing, new_serial
from sealmq.pki.keys import PrivateKey


def authorities(fleet: Any, *anchors: bytes) -> Any:
    """What a home tells of its CAs."""
    return SimpleNamespace(
        roots_pem=fleet.root.certificate.pem,
        device_anchors_pem=b"".join(anchors) or fleet.device_ca.certificate.pem,
    )


def gather(fleet: Any, name: str = "sensor-1", *anchors: bytes) -> Credentials:
    return gather_credentials(
        fleet.registry,
        authorities(fleet, *anchors),
        fleet.directory / name,
        fleet.registry.device(name),
        host="broker.example",
        port=8883,
        now=fleet.now,
        min_tls="1.2",
        version="0.1.0",
    )


def leaf_in(folder: Path) -> bytes:
    return certificates_of((folder / "device.pem").read_bytes())[0]


def test_a_device_is_gathered_with_its_key(fleet: Any) -> None:
    folder = fleet.enrollment.add_device("sensor-1", now=fleet.now).directory
    credentials = gather(fleet)
    assert credentials.leaf_der == leaf_in(folder)
    assert credentials.issuing_der == fleet.device_ca.certificate.der
    assert credentials.root_pem == fleet.root.certificate.pem
    assert credentials.key is not None
    assert credentials.key.public.spki_sha256 == credentials.leaf.spki_sha256


def test_a_device_whose_folder_is_gone_is_gathered_without_its_key(fleet: Any) -> None:
    folder = fleet.enrollment.add_device("sensor-1", now=fleet.now).directory
    leaf = leaf_in(folder)
    shutil.rmtree(folder)
    credentials = gather(fleet)
    assert (credentials.leaf_der, credentials.key) == (leaf, None)


def test_a_device_from_before_the_registry_kept_certificates_has_it_in_its_folder(fleet: Any) -> None:
    folder = fleet.enrollment.add_device("sensor-1", now=fleet.now).directory
    leaf = leaf_in(folder)
    fleet.registry.change("UPDATE certificates SET body = NULL")
    assert gather(fleet).leaf_der == leaf
    shutil.rmtree(folder)
    with pytest.raises(EnrollmentError, match="the certificate of 'sensor-1' is not in this home"):
        gather(fleet)


def test_a_key_of_another_certificate_is_left_out(fleet: Any) -> None:
    folder = fleet.enrollment.add_device("sensor-1", now=fleet.now).directory
    (folder / "device.key").write_bytes(PrivateKey.generate().pem())
    assert gather(fleet).key is None


def test_a_key_that_others_can_read_is_refused(fleet: Any) -> None:
    folder = fleet.enrollment.add_device("sensor-1", now=fleet.now).directory
    (folder / "device.key").chmod(0o644)
    with pytest.raises(TrustError, match="can be read"):
        gather(fleet)


def test_a_revoked_device_gets_no_bundle(fleet: Any) -> None:
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    fleet.enrollment.revoke_device("sensor-1", now=fleet.now)
    with pytest.raises(EnrollmentError, match="'sensor-1' is revoked"):
        gather(fleet)


def test_the_ca_that_signed_it_goes_with_it_when_there_is_a_newer_one(fleet: Any) -> None:
    fleet.enrollment.add_device("sensor-1", now=fleet.now)
    newer = create_issuing(fleet.root, "Device", serial=new_serial(), now=fleet.now, number=2).certificate.pem
    older = fleet.device_ca.certificate
    assert gather(fleet, "sensor-1", newer, older.pem).issuing_der == older.der
    with pytest.raises(TrustError, match="not trusted any more"):
        gather(fleet, "sensor-1", newer)
