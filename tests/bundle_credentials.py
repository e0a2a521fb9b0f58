"""Credentials for the tests of bundles: a root, a Device CA and a device, made once; each variant by one call."""

from __future__ import annotations

import functools
from dataclasses import replace
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealmq.devices.bundles.credentials import Credentials
from sealmq.pki.authority import Authority, create_issuing, create_root, issue_device, new_serial
from sealmq.pki.keys import PrivateKey, PublicKey

NOW = 1_800_000_000.0
UUID_OF_THE_DEVICE = UUID("6f1d9a3e-3b1c-4d5e-8f60-718293a4b5c6")


@functools.cache
def authorities() -> tuple[Authority, Authority]:
    """A root and its Device CA."""
    root = create_root("Example", "NL", serial=new_serial(), now=NOW)
    return root, create_issuing(root, "Device", serial=new_serial(), now=NOW)


@functools.cache
def credentials() -> Credentials:
    """A device whose key was made here."""
    key = PrivateKey.generate()
    return replace(of_public_key(key.public), key=key)


@functools.cache
def without_key(kind: str = "P-256") -> Credentials:
    """A device that keeps its key: P-256, P-384, P-521 or RSA-2048."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind.startswith("RSA-"):
        key = rsa.generate_private_key(65537, int(kind[4:]))
    else:
        curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
        key = ec.generate_private_key(curves[kind])
    return of_public_key(PublicKey.of(key.public_key()))


@functools.cache
def with_two_roots() -> Credentials:
    """While one root is being replaced: a device is told to trust both, the newer first."""
    newer = create_root("Example", "NL", serial=new_serial(), now=NOW + 1)
    return replace(credentials(), root_pem=newer.certificate.pem + credentials().root_pem)


def of_public_key(public_key: PublicKey, name: str = "sensor-1") -> Credentials:
    """A device with this key."""
    root, device_ca = authorities()
    leaf = issue_device(device_ca, name, UUID_OF_THE_DEVICE, public_key, serial=new_serial(), now=NOW)
    return Credentials(
        name=name,
        host="broker.example",
        port=8883,
        root_pem=root.certificate.pem,
        leaf_pem=leaf.pem,
        issuing_pem=device_ca.certificate.pem,
        key=None,
        now=NOW,
        version="0.1.0",
    )


@functools.cache
def another() -> Credentials:
    """A device of the same name with another key and certificate."""
    key = PrivateKey.generate()
    return replace(of_public_key(key.public), key=key)
