"""Files that a context cannot use, and the sessions that it keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from libraries import middleware
from middleware_pairs import client_material, server_material, shaken
from sealmq.errors import TrustError
from sealmq.tls.mbedtls3.contexts import Mbed3ServerContext
from sealmq.tls.middleware import Middleware
from sealmq.tls.policy import TLSPolicy
from tls_pairs import Trust


@pytest.fixture(scope="module")
def ours() -> Middleware:
    return middleware("mbedtls-3.6")


def broken(folder: Path) -> Path:
    file = folder / "broken.pem"
    file.write_bytes(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    return file


def test_files_that_cannot_be_used(ours: Middleware, trust: Trust, tmp_path: Path) -> None:
    server, client = server_material(trust), client_material(trust)
    other = trust.server_ca.issue("other", purpose="server").save(tmp_path, "other")
    cases = [
        (replace(server, key=other[1]), "cannot be used together"),
        (replace(server, chain=broken(tmp_path)), "cannot be used together"),
        (replace(server, chain=tmp_path / "missing.pem"), "cannot be read"),
        (replace(server, client_anchors=b"nothing"), "Device CA's certificate cannot be used"),
        (replace(server, client_anchors=trust.device.chain_pem), "no anchor for devices"),
        (replace(server, crl=b"\x30\x03abc"), "list of revoked certificates cannot be used"),
        (replace(server, crl=b""), "list of revoked certificates cannot be used"),
    ]
    for material, words in cases:
        with pytest.raises(TrustError, match=words) as caught:
            ours.server_context(TLSPolicy(), material)
        assert caught.value.why or "no anchor" in words
    for root in (broken(tmp_path), tmp_path / "missing.pem"):
        with pytest.raises(TrustError, match=str(root)):
            ours.client_context(TLSPolicy(), replace(client, root=root))


def test_sessions_are_bounded(ours: Middleware, trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealmq.tls.mbedtls3.shared.MOST_SESSIONS", 3)
    listener = ours.server_context(TLSPolicy(), server_material(trust))
    assert isinstance(listener, Mbed3ServerContext)
    device = ours.client_context(TLSPolicy(), client_material(trust))
    sessions = []
    for _ in range(5):
        client, server = shaken(device.connection("localhost"), listener.connection())
        sessions.append(client.session)
        server.keep_session()
    assert listener.shared.kept == 3
    resumed = []
    for session in sessions:  # each takes its ticket away and gets a new one, behind which the next oldest goes
        client, server = shaken(device.connection("localhost", session=session), listener.connection())
        server.keep_session()
        assert client.proof is not None
        resumed.append(client.proof.resumed)
    assert resumed[:2] == [False, False]
    assert listener.shared.kept == 3


def test_sessions_grow_old(ours: Middleware, trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealmq.tls.mbedtls3.shared.LIFETIME", 0)
    listener = ours.server_context(TLSPolicy(), server_material(trust))
    device = ours.client_context(TLSPolicy(), client_material(trust))
    client, server = shaken(device.connection("localhost"), listener.connection())
    server.keep_session()
    again, _ = shaken(device.connection("localhost", session=client.session), listener.connection())
    assert again.proof is not None
    assert not again.proof.resumed
