"""The TLS contexts of one server: what whoever comes from now on is shown, and asked for, at each kind of listener.

They are built anew whenever what is trusted changes: an OpenSSL store never forgets what it once trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sealmq.config import Configuration, ListenerSettings, TLSSettings
from sealmq.devices.psk_lookup import PSKLookup
from sealmq.home import Home
from sealmq.identity import Terms
from sealmq.tls.middleware import Middleware, ServerMaterial, TLSContext
from sealmq.tls.middlewares import find
from sealmq.tls.openssl import OpenSSLContext
from sealmq.tls.plaintext import PlaintextContext
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.resumption import Resumption

_Built: TypeAlias = Mapping[tuple[Terms, TLSSettings], TLSContext]


class Contexts:
    """One for each kind of listener: what it asks for, and which TLS it speaks."""

    def __init__(self, built: _Built, general: TLSSettings) -> None:
        """general: what [tls] says."""
        self._built = built
        self._general = general

    def of(self, settings: ListenerSettings) -> TLSContext:
        """What is spoken to whoever comes by a listener with these settings."""
        return self._built[settings.terms, settings.tls_in(self._general)]

    def __len__(self) -> int:
        return len(self._built)


def build_contexts(
    home: Home, configuration: Configuration, resumption: Resumption, clock: Callable[[], float]
) -> Contexts:
    """A context for each kind of listener that the configuration has, and for the usual one.

    clock: Unix seconds, now and at each handshake. PSKs are looked up in the home's registry, in the thread that opened
    it: the connections of these contexts are for that thread alone.

    Raises TrustError or HomeError when the home's files cannot be relied upon, MiddlewareError when a TLS library is
    missing or cannot do what is asked of it.
    """
    crl, now = home.revocation_list(), clock()
    contexts: dict[tuple[Terms, TLSSettings], TLSContext] = {}
    for settings in (ListenerSettings(""), *configuration.listeners):
        terms, tls = settings.terms, settings.tls_in(configuration.tls)
        if (terms, tls) in contexts:
            continue
        context: TLSContext = PlaintextContext()
        if not terms.plaintext:
            middleware, policy = find(tls.middleware), TLSPolicy(profile=tls.profile, max_record=tls.max_record)
            context = middleware.server_context(policy, _material(home, terms, middleware, crl, clock))
        # The others bound by themselves what they keep for who comes back (tls/resumption.py is about OpenSSL's way).
        contexts[terms, tls] = resumption.watch(context, now) if isinstance(context, OpenSSLContext) else context
    return Contexts(contexts, configuration.tls)


def _material(
    home: Home, terms: Terms, middleware: Middleware, crl: bytes | None, clock: Callable[[], float]
) -> ServerMaterial:
    if terms.asks_psk:  # neither certificate nor key: the PSK proves the broker, too
        return ServerMaterial(client_certificates=False, psk=PSKLookup(home.registry, clock))
    return ServerMaterial(
        chain=home.broker_chain,
        key=home.broker_key,
        # A claim is let in to ask for a certificate, and for nothing else (broker/access.py).
        client_anchors=home.authorities.device_anchors_pem + home.authorities.claim_anchors_pem,
        # Where the library knows no lists, the registry refuses whoever was revoked, behind the handshake.
        crl=crl if middleware.abilities.revocation else None,
        client_certificates=terms.asks_certificate,
    )
