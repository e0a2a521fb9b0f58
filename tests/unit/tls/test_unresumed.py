"""Nothing is resumed for long where nobody comes twice."""

from __future__ import annotations

import pytest

from sealmq.errors import TrustError
from sealmq.tls import unresumed
from sealmq.tls.context import enrollment_context
from sealmq.tls.openssl import OpenSSLContext, client_connection
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.unresumed import UnresumedContext
from tls_pairs import Trust, exchange


class Builder:
    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self.built: list[OpenSSLContext] = []
        self.fails = False

    def __call__(self) -> OpenSSLContext:
        if self.fails:
            raise TrustError("the files are gone")
        chain, key = self.trust.broker.save(self.trust.folder, "broker")
        made = enrollment_context(TLSPolicy(), chain=chain, key=key, client_anchors=self.trust.device_ca.pem)
        self.built.append(made)
        return made


def connect(trust: Trust, context: UnresumedContext, version: str) -> None:
    client, server = client_connection(trust.client(trust.device, version), "localhost"), context.connection()
    exchange(client, server)
    assert server.established
    server.close()
    exchange(client, server)


def test_a_context_serves_so_many_handshakes(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unresumed, "HANDSHAKES", 3)
    build = Builder(trust)
    context = UnresumedContext(build)
    for _ in range(7):
        connect(trust, context, "TLSv1.2")
    assert [each.handshakes for each in build.built] == [3, 3, 1]
    assert all(each.kept <= 3 for each in build.built)


def test_nothing_is_kept_of_tls_13(trust: Trust) -> None:
    build = Builder(trust)
    context = UnresumedContext(build)
    for _ in range(3):
        connect(trust, context, "TLSv1.3")
    assert build.built[0].kept == 0


def test_files_that_are_gone_do_not_end_the_service(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unresumed, "HANDSHAKES", 1)
    build = Builder(trust)
    context = UnresumedContext(build)
    build.fails = True
    for _ in range(3):
        connect(trust, context, "TLSv1.3")
    assert [each.handshakes for each in build.built] == [3]
    with pytest.raises(TrustError):
        UnresumedContext(build)
