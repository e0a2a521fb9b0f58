"""sealmq.tls.for_paho, and contexts that follow their bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

import sealmq.tls
from certificates import Credentials
from middleware_pairs import DEVICE_PSK, client_material
from sealmq.errors import ConfigError, MiddlewareError, TrustError
from sealmq.tls.middlewares import find
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.programs import RenewedClientContext, for_paho
from sealmq.tls.sockets import SocketContext
from tls_pairs import Trust, exchange


def write_bundle(folder: Path, trust: Trust, device: Credentials) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "root.pem").write_bytes(trust.root_ca.pem)
    (folder / "device.pem").write_bytes(device.chain_pem)
    (folder / "device.key").touch(0o600)
    (folder / "device.key").write_bytes(device.key_pem)
    return folder


def shown(context: RenewedClientContext, trust: Trust) -> bytes:
    """The certificate that a broker sees."""
    client, server = context.connection("localhost"), trust.server().connection()
    exchange(client, server)
    assert client.established
    return server.peer_certificate


def test_it_is_a_public_name_and_gives_a_context_that_verifies(trust: Trust, tmp_path: Path) -> None:
    assert sealmq.tls.for_paho is for_paho
    with pytest.raises(AttributeError, match="nothing"):
        sealmq.tls.nothing  # noqa: B018
    made = for_paho(str(write_bundle(tmp_path / "bundle", trust, trust.device)))
    assert isinstance(made, SocketContext)
    assert made.check_hostname


def test_files_of_any_name_and_a_root_alone(trust: Trust) -> None:
    material = client_material(trust)
    assert material.root is not None
    for_paho(root=material.root, chain=material.chain, key=material.key)
    for_paho(root=str(material.root), policy=TLSPolicy(profile="modern"))


def test_whom_to_trust_is_said_once(trust: Trust, tmp_path: Path) -> None:
    root = trust.root
    for given in ({}, {"bundle": tmp_path, "root": root}, {"root": root, "psk": DEVICE_PSK}):
        with pytest.raises(ConfigError, match="only one, of bundle, root and psk"):
            for_paho(**given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="go with root"):
        for_paho(bundle=tmp_path, chain=root)


def test_what_is_missing_is_said(trust: Trust, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no bundle"):
        for_paho(tmp_path / "sensor-9")
    with pytest.raises(ConfigError, match="has no root"):
        for_paho(tmp_path)
    with pytest.raises(TrustError, match="cannot be used"):
        for_paho(root=tmp_path / "root.pem")
    with pytest.raises(MiddlewareError, match="there is no middleware 'openssI'"):
        for_paho(root=trust.root, middleware="openssI")
    if not find().abilities.psk_client:
        with pytest.raises(MiddlewareError, match="PSK"):
            for_paho(psk=DEVICE_PSK)


def test_a_renewed_certificate_is_shown_at_the_next_connection(trust: Trust, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", trust, trust.device)
    context = RenewedClientContext(find(), TLSPolicy(), folder)
    assert shown(context, trust) == trust.device.der
    renewed = trust.device_ca.issue("device")
    write_bundle(folder, trust, renewed)
    assert shown(context, trust) == renewed.der


def test_a_bundle_that_is_being_changed_leaves_what_was(trust: Trust, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", trust, trust.device)
    context = RenewedClientContext(find(), TLSPolicy(), folder)
    renewed = trust.device_ca.issue("device")
    (folder / "device.pem").write_bytes(renewed.chain_pem)  # and the key of before: no pair
    assert shown(context, trust) == trust.device.der
    (folder / "device.key").unlink()
    assert shown(context, trust) == trust.device.der
    write_bundle(folder, trust, renewed)
    assert shown(context, trust) == renewed.der


def test_the_slot_that_is_in_use_counts(trust: Trust, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", trust, trust.device)
    context = RenewedClientContext(find(), TLSPolicy(), folder)
    renewed = trust.device_ca.issue("device")
    (folder / ".slots").mkdir()
    write_bundle(folder / ".slots" / "0a", trust, renewed)
    (folder / ".slots" / "current").symlink_to("0a")
    assert shown(context, trust) == renewed.der


def test_a_session_of_before_the_renewal_is_left(trust: Trust, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", trust, trust.device)
    context = RenewedClientContext(find(), TLSPolicy(highest="TLSv1.2"), folder)
    listener = trust.server()
    first, there = context.connection("localhost"), listener.connection()
    exchange(first, there)
    again = context.connection("localhost", session=first.session)
    exchange(again, listener.connection())
    assert again.proof is not None
    assert again.proof.resumed
    write_bundle(folder, trust, trust.device_ca.issue("device"))
    anew = context.connection("localhost", session=first.session)
    exchange(anew, listener.connection())
    assert anew.proof is not None
    assert not anew.proof.resumed
