"""Gathering what a bundle is made of: from the registry, the CAs and the device's folder, where it has one."""

from __future__ import annotations

from pathlib import Path

from sealmq.bundle import CHAIN_FILE, KEY_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.records import DeviceRecord
from sealmq.devices.registry import Registry
from sealmq.errors import EnrollmentError, TrustError
from sealmq.pki import vault
from sealmq.pki.authorities import Authorities
from sealmq.pki.authority import certificates_of
from sealmq.pki.containers import certificate_pem
from sealmq.pki.keys import PrivateKey
from sealmq.pki.peer import identify_certificate, subject_key_id


def gather_credentials(
    registry: Registry,
    authorities: Authorities,
    folder: Path,
    device: DeviceRecord,
    *,
    host: str,
    port: int,
    now: float,
    min_tls: str,
    version: str,
) -> Credentials:
    """The credentials of `device` as they are now: the certificate in use, the roots to be trusted today.

    folder: where its files were written when it was added; it need not be there. The other arguments are those of
    Credentials. Raises EnrollmentError when the device has no certificate that could be handed over, TrustError when
    its key can't be read.
    """
    if device.state != "active":
        raise EnrollmentError(
            f"'{device.name}' is revoked",
            why="its certificate opens nothing",
            remedy=f"sealmq device add {device.name}",
        )
    leaf = _leaf(registry, folder, device)
    return Credentials(
        name=device.name,
        host=host,
        port=port,
        root_pem=authorities.roots_pem,
        leaf_pem=certificate_pem(leaf),
        issuing_pem=_issuing(authorities, leaf),
        key=_key(folder, leaf),
        now=now,
        min_tls=min_tls,
        version=version,
    )


def _leaf(registry: Registry, folder: Path, device: DeviceRecord) -> bytes:
    body = registry.body(device.serial)
    if body is not None:
        return body
    try:  # a device from before the registry kept certificates
        leaf = certificates_of((folder / CHAIN_FILE).read_bytes())[0]
        if identify_certificate(leaf).serial == device.serial:
            return leaf
    except (OSError, TrustError):
        pass
    raise EnrollmentError(
        f"the certificate of '{device.name}' is not in this home",
        why=f"neither the registry nor {folder} has the one with serial {device.serial}",
        remedy=f"sealmq device revoke {device.name}; sealmq device add {device.name}",
    )


def _issuing(authorities: Authorities, leaf: bytes) -> bytes:
    """The Device CA that signed it: not the newest one, when that CA was replaced meanwhile."""
    wanted = identify_certificate(leaf).authority_key_id
    for der in certificates_of(authorities.device_anchors_pem):
        if subject_key_id(der) == wanted:
            return certificate_pem(der)
    raise TrustError(
        "the CA that signed this device's certificate is not trusted any more",
        why="a roll-over was finished while the device had not renewed",
        remedy="sealmq device revoke NAME; sealmq device add NAME",
    )


def _key(folder: Path, leaf: bytes) -> PrivateKey | None:
    """Its key, when it was made here and the device has not renewed with another since."""
    if not (folder / KEY_FILE).exists():
        return None
    key = PrivateKey.from_pem(vault.read_private(folder / KEY_FILE))
    return key if key.public.spki_sha256 == identify_certificate(leaf).spki_sha256 else None
