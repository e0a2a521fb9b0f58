"""What cannot be built, and why; what is built is tried in test_engine.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libraries import middleware
from middleware_pairs import client_material, psk_client_material, server_material
from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.tls.middleware import PSK, ClientMaterial, Middleware
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust


@pytest.fixture(scope="module")
def ours() -> Middleware:
    return middleware("mbedtls-3.6")


def test_what_cannot_be_verified_is_not_dialled(ours: Middleware, trust: Trust) -> None:
    device = ours.client_context(TLSPolicy(), client_material(trust))
    for name in ("", "a\0b", "x" * 300, "é" * 64):
        with pytest.raises(ConfigError):
            device.connection(name)
    with pytest.raises(ConfigError, match="both given"):
        ours.client_context(TLSPolicy(), replace(client_material(trust), psk=PSK("a", bytes(16))))


def test_what_mbed_tls_has_not(ours: Middleware, trust: Trust) -> None:
    with pytest.raises(MiddlewareError, match="post-quantum"):
        ours.server_context(TLSPolicy(profile="post-quantum"), server_material(trust))
    with pytest.raises(TrustError, match="none of the cipher suites"):
        ours.server_context(TLSPolicy(suites=("ECDHE-ECDSA-AES128-SHA",), highest="TLSv1.2"), server_material(trust))


def test_the_key_of_a_device_is_in_no_text(ours: Middleware) -> None:
    material = psk_client_material()
    assert material.psk is not None
    context = ours.client_context(TLSPolicy(), material)
    assert material.psk.key.hex() not in repr(context) + repr(material)


def test_a_key_as_long_as_the_library_takes(ours: Middleware) -> None:
    longest = ours._library.lib.sq_longest_psk()  # type: ignore[attr-defined]
    ours.client_context(TLSPolicy(), ClientMaterial(psk=PSK("a", bytes(longest))))
    with pytest.raises(MiddlewareError, match="too long"):
        ours.client_context(TLSPolicy(), ClientMaterial(psk=PSK("a", bytes(longest + 1))))
