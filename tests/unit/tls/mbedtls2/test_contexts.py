"""What cannot be built, and why; what is built is tried in test_engine.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from libraries import middleware
from middleware_pairs import client_material, server_material
from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.tls.middleware import Middleware
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust


@pytest.fixture(scope="module")
def ours() -> Middleware:
    return middleware("mbedtls-2.28")


def test_files_that_cannot_be_used(ours: Middleware, trust: Trust, tmp_path: Path) -> None:
    server, client = server_material(trust), client_material(trust)
    other = trust.server_ca.issue("other", purpose="server").save(tmp_path, "other")
    broken = tmp_path / "broken.pem"
    broken.write_bytes(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    of_rsa = tmp_path / "rsa.key"  # which the package's class for elliptic curves would take
    secret = rsa.generate_private_key(65537, 2048)
    of_rsa.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    cases = [
        (replace(server, key=other[1]), "cannot be used together"),
        (replace(server, key=of_rsa), "cannot be used together"),
        (replace(server, key=broken), "cannot be used together"),
        (replace(server, chain=broken), "cannot be used together"),
        (replace(server, chain=tmp_path / "missing.pem"), "cannot be read"),
        (replace(server, client_anchors=b"nothing"), "Device CA's certificate cannot be used"),
        (replace(server, client_anchors=trust.device.chain_pem), "no anchor for devices"),
    ]
    for material, words in cases:
        with pytest.raises(TrustError, match=words):
            ours.server_context(TLSPolicy(), material)
    for root in (broken, tmp_path / "missing.pem"):
        with pytest.raises(TrustError, match=str(root)):
            ours.client_context(TLSPolicy(), replace(client, root=root))


def test_what_it_cannot_do_is_refused(ours: Middleware, trust: Trust) -> None:
    with pytest.raises(MiddlewareError, match="cannot speak TLSv1"):
        ours.server_context(TLSPolicy(profile="modern"), server_material(trust))
    with pytest.raises(MiddlewareError, match="no list of revoked"):
        ours.server_context(TLSPolicy(), replace(server_material(trust), crl=trust.device_ca.crl()))
    with pytest.raises(TrustError, match="none of the cipher suites"):
        ours.server_context(TLSPolicy(suites=("AES128-SHA",)), server_material(trust))
    device = ours.client_context(TLSPolicy(), client_material(trust))
    with pytest.raises(MiddlewareError, match="the address 127"):
        device.connection("127.0.0.1")
    for name in ("", "a\0b", "x" * 300, "a." * 200):
        with pytest.raises(ConfigError):
            device.connection(name)
