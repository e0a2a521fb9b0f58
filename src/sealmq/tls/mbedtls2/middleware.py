"""The middleware "mbedtls-2.28"."""

from __future__ import annotations

from sealmq.tls.mbedtls2.contexts import Mbed2ClientContext, Mbed2ServerContext
from sealmq.tls.mbedtls2.library import Package, load_package
from sealmq.tls.middleware import TLS12, Abilities, ClientMaterial, Middleware, ServerMaterial
from sealmq.tls.policy import TLSPolicy

CANNOT = (
    "Mbed TLS 2.28 is no longer maintained: for more than a try, take 3.6 (sealmq middleware build mbedtls)",
    "it has TLS 1.2 only: for TLS 1.3 take mbedtls-3.6, openssl, pyopenssl or wolfssl",
    "it compares names only: dial a name that the broker's certificate carries, not an address",
    "it resumes no session: every handshake is a full one",
    "it says no close_notify once the peer has said it: the peer sees TCP end alone",
    "it takes no revocation list: a revoked device is refused after the handshake, and does not hear why",
    "each connection has buffers of 100 KB: reckon with it on a listener for thousands of devices",
)


class Mbed2Middleware:
    """See Middleware."""

    name = "mbedtls-2.28"

    def __init__(self, package: Package) -> None:
        self._package = package

    @property
    def abilities(self) -> Abilities:
        """See Middleware."""
        versions = frozenset({TLS12})
        return Abilities(
            title=f"Mbed TLS {self._package.version}",
            licence="MIT AND (Apache-2.0 OR GPL-2.0-or-later)",
            versions=versions,
            psk_client=versions,
            psk_server=versions,
            addresses=False,
            revocation=False,
            cannot=CANNOT,
        )

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> Mbed2ServerContext:
        """See Middleware."""
        return Mbed2ServerContext(self.name, self._package, self.abilities, policy, material)

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> Mbed2ClientContext:
        """See Middleware."""
        return Mbed2ClientContext(self.name, self._package, self.abilities, policy, material)


def load() -> Middleware:
    """Raises MiddlewareError when python-mbedtls is missing or not as needed."""
    return Mbed2Middleware(load_package())
