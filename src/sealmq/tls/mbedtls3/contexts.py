"""A listener's context, and a device's, in Mbed TLS 3.6.

Rule 1: a new context has kept no session: whoever was revoked proves everything anew, and is refused (the rules of
        tls/context.py).
Rule 2: a session that a device comes with counts for the context and the name that it is of; else the handshake is a
        full one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sealmq.tls.demands import expect_client, expect_name, expect_server
from sealmq.tls.mbedtls3.engine import Mbed3Engine, Session
from sealmq.tls.mbedtls3.library import Library
from sealmq.tls.mbedtls3.shared import SharedContext
from sealmq.tls.mbedtls3.suites import PSK12, PSK13, TLS13, to_mbedtls
from sealmq.tls.memory import MemoryConnection
from sealmq.tls.middleware import Abilities, ClientMaterial, ServerMaterial, Version
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.unusable import read_file, unusable_anchors, unusable_root


class Mbed3ServerContext:
    """A TLSContext. `shared.kept`: sessions that can be resumed."""

    __slots__ = ("__weakref__", "_max_record", "shared")

    def __init__(
        self, name: str, library: Library, abilities: Abilities, policy: TLSPolicy, material: ServerMaterial
    ) -> None:
        versions = expect_server(name, abilities, policy, material)
        self._max_record = policy.max_record
        self.shared = SharedContext(library, versions, server=True, uses_psk=material.psk is not None)
        if material.psk is not None:
            self.shared.allow(_suites(versions, PSK13, PSK12))
            self.shared.ask(material.psk)
            return
        assert material.chain is not None
        assert material.key is not None
        self.shared.allow(_suites(versions, TLS13, to_mbedtls(policy.suites)))
        self.shared.show(material.chain, material.key)
        if material.client_certificates:
            self.shared.trust(material.client_anchors, unusable_anchors)
            if material.crl is not None:
                self.shared.refuse_revoked(material.crl)
        if policy.tickets:
            self.shared.give_tickets(policy.tickets)

    def connection(self) -> MemoryConnection:
        """See TLSContext."""
        engine = Mbed3Engine(self.shared, self.shared.open(), peer="device")
        return MemoryConnection(engine, peer="device", max_record=self._max_record)


class Mbed3ClientContext:
    """A ClientContext."""

    __slots__ = ("__weakref__", "_abilities", "_max_record", "_name", "shared")

    def __init__(
        self, name: str, library: Library, abilities: Abilities, policy: TLSPolicy, material: ClientMaterial
    ) -> None:
        versions = expect_client(name, abilities, policy, material)
        self._name, self._abilities = name, abilities
        self._max_record = policy.max_record
        self.shared = SharedContext(library, versions, server=False, uses_psk=material.psk is not None)
        if material.psk is not None:
            self.shared.allow(_suites(versions, PSK13, PSK12))
            self.shared.prove_by(material.psk.identity, material.psk.key)
            return
        assert material.root is not None
        self.shared.allow(_suites(versions, TLS13, to_mbedtls(policy.suites)))
        self.shared.trust(read_file(material.root), partial(unusable_root, material.root))
        if material.chain is not None:
            self.shared.show(material.chain, material.key or material.chain)

    def keep_keys(self) -> None:
        """See key_log.keep_keys."""
        self.shared.keeps_keys_log = True

    def connection(self, server_hostname: str, *, session: object | None = None) -> MemoryConnection:
        """See ClientContext."""
        shared = self.shared
        if shared.uses_psk:
            server_hostname = ""
        else:
            expect_name(self._name, self._abilities, server_hostname)
        handle = shared.open(server_hostname)
        if not isinstance(session, Session) or session.context is not shared or session.name != server_hostname:
            session = None
        if session is not None and shared.lib.sq_resume(handle, session.data, len(session.data)):
            session = None  # it is too old: a full handshake
        engine = Mbed3Engine(shared, handle, peer="broker", name=server_hostname, session=session)
        connection = MemoryConnection(engine, peer="broker", max_record=self._max_record)
        connection.start()
        return connection


def _suites(versions: frozenset[Version], of_13: Iterable[str], of_12: Iterable[str]) -> list[str]:
    return [*(of_13 if "TLSv1.3" in versions else ()), *(of_12 if "TLSv1.2" in versions else ())]
