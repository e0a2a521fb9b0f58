"""Contexts and connections of the middleware "pyopenssl". Only for whoever has found the library (library.py)."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from OpenSSL import SSL
from OpenSSL._util import lib

from sealmq.errors import ConfigError
from sealmq.tls.demands import expect_client, expect_name, expect_server
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import BOTH, Abilities, ClientMaterial, ServerMaterial
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.pyopenssl.contexts import device_context, listener_context
from sealmq.tls.pyopenssl.engine import PyOpenSSLEngine, Session, Side
from sealmq.tls.pyopenssl.hearing import keep_keys
from sealmq.tls.pyopenssl.library import Library, group_list

NAME: Final = "pyopenssl"

_NO_PARTIAL_WILDCARDS: Final = 0x4  # X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS of openssl/x509v3.h, as `ssl` sets it


class PyOpenSSLMiddleware:
    """See Middleware."""

    name = NAME

    def __init__(self, library: Library) -> None:
        self._library = library
        self.abilities = Abilities(
            title=library.title,
            licence="Apache-2.0",
            hybrid_groups=library.hybrid_groups,
            resumes_client=BOTH,
            resumes_server=BOTH,
            keeps_keys_log=True,
            cannot=(
                'PSK: pyOpenSSL has none; middleware = "mbedtls" and middleware = "wolfssl" have it',
                "a number of tickets: OpenSSL sends two with a full handshake of TLS 1.3, whatever `tickets` says, and "
                "with 0 they resume nothing",
            ),
        )

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> PyOpenSSLContext:
        """See Middleware."""
        expect_server(self.name, self.abilities, policy, material)
        groups = group_list(policy, self._library.hybrid_groups)
        context = listener_context(policy, material, groups)
        return PyOpenSSLContext(context, Side("device", _for_people(groups)), policy.max_record)

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> PyOpenSSLClientContext:
        """See Middleware."""
        expect_client(self.name, self.abilities, policy, material)
        groups = group_list(policy, self._library.hybrid_groups)
        context = device_context(policy, material, groups)
        return PyOpenSSLClientContext(context, Side("broker", _for_people(groups)), policy.max_record, self.abilities)


class PyOpenSSLContext:
    """A TLSContext for a listener, for one thread."""

    def __init__(self, context: SSL.Context, side: Side, max_record: int) -> None:
        self._context = context
        self._side = side
        self._max_record = max_record

    def connection(self) -> MemoryConnection:
        """See TLSContext."""
        connection = SSL.Connection(self._context)
        connection.set_accept_state()
        engine = PyOpenSSLEngine(connection, self._side)
        return MemoryConnection(engine, peer=self._side.peer, max_record=self._max_record)


class PyOpenSSLClientContext:
    """A ClientContext."""

    def __init__(self, context: SSL.Context, side: Side, max_record: int, abilities: Abilities) -> None:
        self._context = context
        self._side = side
        self._max_record = max_record
        self._abilities = abilities

    def keep_keys(self) -> None:
        """See key_log.keep_keys."""
        keep_keys(self._context._context)

    def connection(self, server_hostname: str, *, session: object | None = None) -> MemoryConnection:
        """See ClientContext. A session that another name was verified for, or another context, is left aside."""
        expect_name(NAME, self._abilities, server_hostname)
        connection = SSL.Connection(self._context)
        connection.set_connect_state()
        _expect_peer(connection, server_hostname)
        if isinstance(session, Session) and session.server_hostname == server_hostname:
            _resume(connection, session)
        engine = PyOpenSSLEngine(connection, self._side, server_hostname)
        client = MemoryConnection(engine, peer=self._side.peer, max_record=self._max_record)
        client.start()
        return client


def _resume(connection: SSL.Connection, session: Session) -> None:
    try:
        connection.set_session(session.session)
    except (SSL.Error, ValueError):  # ValueError: of another context
        lib.ERR_clear_error()


def _expect_peer(connection: SSL.Connection, server_hostname: str) -> None:
    """Have OpenSSL hold the certificate against a name or address in the handshake, and put the name into the hello.

    server_hostname: as `expect_name` takes it. An address is not said: RFC 6066 section 3.
    Raises ConfigError when OpenSSL does not take it.
    """
    param: Any = lib.SSL_get0_param(connection._ssl)
    try:
        address = ipaddress.ip_address(server_hostname).packed
    except ValueError:
        name = server_hostname.encode("idna")  # as it stands in certificates and in the hello (RFC 5890)
        lib.X509_VERIFY_PARAM_set_hostflags(param, _NO_PARTIAL_WILDCARDS)
        taken = lib.X509_VERIFY_PARAM_set1_host(param, name, len(name)) == 1
        connection.set_tlsext_host_name(name)
    else:
        taken = lib.X509_VERIFY_PARAM_set1_ip(param, address, len(address)) == 1
    lib.ERR_clear_error()
    if not taken:  # never go on without the check
        raise ConfigError(f"{server_hostname!r} is no name that OpenSSL can hold a certificate against")


def _for_people(groups: str) -> str:
    return ", ".join(groups.replace("*", "").replace(" / ", ":").split(":"))
