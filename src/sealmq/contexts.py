"""The TLS contexts of one server: what whoever comes from now on is shown, and asked for, at each kind of listener.

They are built anew whenever what is trusted changes: an OpenSSL store never forgets what it once trusted.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealmq.config import Configuration
from sealmq.home import Home
from sealmq.identity import BY_CERTIFICATE, Terms
from sealmq.tls.context import server_context
from sealmq.tls.middleware import TLSContext
from sealmq.tls.plaintext import PlaintextContext
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.resumption import Resumption


def build_contexts(
    home: Home, configuration: Configuration, resumption: Resumption, now: float
) -> Mapping[Terms, TLSContext]:
    """A context for each kind of terms that the configuration has, and for the usual ones. `now` in Unix seconds.

    Raises TrustError or HomeError when the home's files cannot be relied upon.
    """
    policy = TLSPolicy(profile=configuration.tls.profile, max_record=configuration.tls.max_record)
    crl = home.revocation_list()
    contexts: dict[Terms, TLSContext] = {}
    for terms in {BY_CERTIFICATE} | {settings.terms for settings in configuration.listeners}:
        if terms.plaintext:
            contexts[terms] = PlaintextContext()
            continue
        context = server_context(
            policy,
            chain=home.broker_chain,
            key=home.broker_key,
            # A claim is let in to ask for a certificate, and for nothing else (broker/access.py).
            client_anchors=home.authorities.device_anchors_pem + home.authorities.claim_anchors_pem,
            crl=crl,
            client_certificates=terms.asks_certificate,
        )
        contexts[terms] = resumption.watch(context, now)
    return contexts
