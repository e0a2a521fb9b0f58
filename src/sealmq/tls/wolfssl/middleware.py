"""wolfSSL as a Middleware: the system's library, both sides, TLS 1.2 and 1.3.

Chosen by middleware = "wolfssl". It is here to be tested against and compared with: many devices have it.
"""

from __future__ import annotations

from sealmq.tls.demands import expect_client, expect_server
from sealmq.tls.middleware import (
    BOTH,
    TLS12,
    TLS13,
    Abilities,
    ClientMaterial,
    Middleware,
    ServerMaterial,
    Version,
)
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.wolfssl.contexts import (
    WolfSSLClientContext,
    WolfSSLServerContext,
    can_resume_on_client,
    can_resume_on_server,
    hybrid_groups,
)
from sealmq.tls.wolfssl.library import Library, loaded
from sealmq.tls.wolfssl.wires import Callbacks

_PSK_COMES_DOWN = (5, 7, 2)
"""The first version tried whose client, with a PSK, accepts TLS 1.2 after it has offered 1.3; 5.5.4's breaks off."""

_PSK_STAYS_UP = (
    "as a device with a PSK this version does not come down from TLS 1.3 to 1.2: for a broker with 1.2 alone offer 1.2"
    " alone, or take wolfSSL 5.7.2"
)


class WolfSSLMiddleware:
    """See Middleware."""

    name = "wolfssl"

    def __init__(self, library: Library) -> None:
        self._library = library
        self._callbacks = Callbacks(library)
        self._abilities = _asked(library)

    @property
    def abilities(self) -> Abilities:
        """See Middleware."""
        return self._abilities

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> WolfSSLServerContext:
        """See Middleware."""
        versions = expect_server(self.name, self._abilities, policy, material)
        return WolfSSLServerContext(self._library, self._callbacks, policy, versions, material)

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> WolfSSLClientContext:
        """See Middleware."""
        versions = expect_client(self.name, self._abilities, policy, material)
        return WolfSSLClientContext(self._library, self._callbacks, policy, versions, material, self._abilities)


def load() -> Middleware:
    """Raises MiddlewareError when there is no libwolfssl here that can be used."""
    return WolfSSLMiddleware(loaded())


def _asked(library: Library) -> Abilities:
    """What this library can do."""
    has = library.has
    versions = BOTH if has("wolfTLSv1_3_client_method", "wolfTLSv1_3_server_method") else frozenset({TLS12})

    def psk(side: str) -> frozenset[Version]:
        found = {TLS12} if has(f"wolfSSL_CTX_set_psk_{side}_callback") else set()
        if found and has(f"wolfSSL_CTX_set_psk_{side}_tls13_callback", "wolfSSL_get_curve_name"):
            found.add(TLS13)
        return versions & found

    return Abilities(
        title=f"wolfSSL {library.text}",
        licence=library.licence,
        versions=versions,
        hybrid_groups=hybrid_groups(library),
        psk_client=psk("client"),
        psk_server=psk("server"),
        resumes_client=versions if can_resume_on_client(library) else frozenset(),
        resumes_server=versions if can_resume_on_server(library) else frozenset(),
        revocation=has("wolfSSL_CTX_LoadCRLBuffer", "wolfSSL_CTX_EnableCRL"),
        names_group=has("wolfSSL_get_curve_name"),
        cannot=(
            f"wolfSSL is under {library.licence}: what is given away with it must be too; wolfSSL Inc. sells another"
            " licence",
            "the dates of the authorities that are trusted are looked at when a context is built, not at each"
            " handshake: start the program again before they end",
            "as a device it resumes TLS 1.2 by session identifier alone: with a broker that has only tickets each"
            " handshake is a full one",
            *((_PSK_STAYS_UP,) if library.version < _PSK_COMES_DOWN else ()),
        ),
    )
