from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from middleware_pairs import client_material, server_material
from sealmq.errors import MiddlewareError, TrustError
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.pyopenssl.contexts import device_context, listener_context
from tls_pairs import Trust

GROUPS = "X25519:secp256r1"


def test_a_root_that_cannot_be_used_is_told(trust: Trust, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    material = replace(client_material(trust), root=root)
    with pytest.raises(TrustError, match=r"root\.pem cannot be used"):
        device_context(TLSPolicy(), material, GROUPS)
    root.write_text("junk")
    with pytest.raises(TrustError, match=r"root\.pem cannot be used") as raised:
        device_context(TLSPolicy(), material, GROUPS)
    assert raised.value.remedy


def test_a_chain_and_a_key_that_do_not_match_are_told(trust: Trust, tmp_path: Path) -> None:
    material = server_material(trust)
    _, other = trust.device.save(tmp_path, "other")
    with pytest.raises(TrustError, match="cannot be used together") as raised:
        listener_context(TLSPolicy(), replace(material, key=other), GROUPS)
    assert raised.value.why == "key values mismatch"
    with pytest.raises(TrustError, match="cannot be read"):
        listener_context(TLSPolicy(), replace(material, chain=tmp_path / "nowhere.pem"), GROUPS)
    other.write_text("junk")
    with pytest.raises(TrustError) as raised:
        listener_context(TLSPolicy(), replace(material, key=other), GROUPS)
    assert "no PEM" in raised.value.why


def test_nobody_is_asked_for_a_passphrase(trust: Trust, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed.key"
    sealed.write_bytes(
        trust.broker.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(TrustError, match="cannot be used together"):
        listener_context(TLSPolicy(), replace(server_material(trust), key=sealed), GROUPS)


def test_an_anchor_must_be_an_authority(trust: Trust) -> None:
    material = server_material(trust)
    with pytest.raises(TrustError, match="not a CA's"):
        listener_context(TLSPolicy(), replace(material, client_anchors=trust.device.chain_pem), GROUPS)
    for nothing in (b"", b"junk", trust.device_ca.pem[:-40]):
        with pytest.raises(TrustError, match="Device CA's certificate cannot be used"):
            listener_context(TLSPolicy(), replace(material, client_anchors=nothing), GROUPS)
    altered = trust.device_ca.pem.replace(b"MII", b"AAA")
    with pytest.raises(TrustError, match="Device CA's certificate cannot be used"):
        listener_context(TLSPolicy(), replace(material, client_anchors=altered), GROUPS)


def test_a_revocation_list_must_be_whole(trust: Trust) -> None:
    material, crl = server_material(trust), trust.device_ca.crl()
    listener_context(TLSPolicy(), replace(material, crl=crl + trust.root_ca.crl()), GROUPS)
    for wrong in (b"", b"junk", crl[:-1], crl + b"\x30"):
        with pytest.raises(TrustError, match="list of revoked certificates cannot be used"):
            listener_context(TLSPolicy(), replace(material, crl=wrong), GROUPS)


def test_suites_and_groups_that_openssl_does_not_know_are_told(trust: Trust) -> None:
    with pytest.raises(TrustError, match="none of the cipher suites"):
        device_context(TLSPolicy(suites=("NOTHING",)), client_material(trust), GROUPS)
    with pytest.raises(TrustError, match="does not take the key exchange groups"):
        device_context(TLSPolicy(), client_material(trust), "X25519:nothing")


def test_what_cannot_be_done_is_refused_before_a_file_is_read(trust: Trust) -> None:
    middleware = find("pyopenssl")
    with pytest.raises(MiddlewareError, match="PSK"):
        middleware.server_context(TLSPolicy(), replace(server_material(trust), psk={}.get))
