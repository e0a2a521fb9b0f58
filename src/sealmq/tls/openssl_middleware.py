"""The default Middleware: OpenSSL through Python's `ssl`. Contexts: context.py; connections: openssl.py."""

from __future__ import annotations

import ssl
from functools import cache
from ssl import SSLContext  # noqa: TID251 - named as a type; contexts are built in context.py

from sealmq.tls.context import client_context, server_context
from sealmq.tls.demands import expect_client, expect_name, expect_server
from sealmq.tls.middleware import BOTH, Abilities, ClientMaterial, Middleware, ServerMaterial
from sealmq.tls.openssl import OpenSSLConnection, OpenSSLContext, client_connection
from sealmq.tls.policy import HYBRID_GROUPS, TLSPolicy


class OpenSSLClientContext:
    """A ClientContext over an `ssl.SSLContext`."""

    def __init__(self, context: SSLContext, *, max_record: int) -> None:
        self._context = context
        self._max_record = max_record

    def connection(self, server_hostname: str, *, session: object | None = None) -> OpenSSLConnection:
        """See ClientContext."""
        expect_name("openssl", _abilities(), server_hostname)
        return client_connection(self._context, server_hostname, max_record=self._max_record, session=session)


class OpenSSLMiddleware:
    """See Middleware."""

    name = "openssl"

    @property
    def abilities(self) -> Abilities:
        """See Middleware."""
        return _abilities()

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> OpenSSLContext:
        """See Middleware."""
        expect_server(self.name, self.abilities, policy, material)
        assert material.chain is not None
        assert material.key is not None
        return server_context(
            policy,
            chain=material.chain,
            key=material.key,
            client_anchors=material.client_anchors,
            crl=material.crl,
            client_certificates=material.client_certificates,
        )

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> OpenSSLClientContext:
        """See Middleware."""
        expect_client(self.name, self.abilities, policy, material)
        assert material.root is not None
        context = client_context(policy, root=material.root, chain=material.chain, key=material.key)
        return OpenSSLClientContext(context, max_record=policy.max_record)


def load() -> Middleware:
    """It is always there."""
    return OpenSSLMiddleware()


@cache
def _abilities() -> Abilities:
    demands_groups = hasattr(ssl.SSLContext, "set_groups") and ssl.OPENSSL_VERSION_INFO >= (3, 5)  # noqa: TID251
    return Abilities(
        title=ssl.OPENSSL_VERSION.rsplit(" ", 3)[0],
        licence="Apache-2.0",
        hybrid_groups=HYBRID_GROUPS if demands_groups else (),
        resumes_client=BOTH,
        resumes_server=BOTH,
        names_group=hasattr(ssl.SSLObject, "group"),
        keeps_keys_log=True,
        cannot=(
            'PSK: Python\'s ssl has none before 3.13, and none is used here; middleware = "mbedtls" and "wolfssl"'
            " have it",
        ),
    )
