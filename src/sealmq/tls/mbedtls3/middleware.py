"""The middleware "mbedtls-3.6"."""

from __future__ import annotations

from sealmq.tls.mbedtls3.contexts import Mbed3ClientContext, Mbed3ServerContext
from sealmq.tls.mbedtls3.library import Library, load_library
from sealmq.tls.middleware import BOTH, Abilities, ClientMaterial, Middleware, ServerMaterial
from sealmq.tls.policy import TLSPolicy

CANNOT = (
    'Mbed TLS 3.6 has no hybrid group: for profile "post-quantum" take pyopenssl',
    "it cannot renew the keys of a TLS 1.3 connection: a peer that asks for it (KeyUpdate) is cut off",
    "as a listener under TLS 1.2 it cuts no handshake message: a device that asks for records (max_fragment_length) "
    "smaller than the broker's certificates, 1 KB, is cut off",
    "as a listener under TLS 1.3 it does not answer max_fragment_length: set max_record for the listener or the device",
    "each connection has buffers of 34 KB: reckon with it on a listener for thousands of devices",
)


class Mbed3Middleware:
    """See Middleware."""

    name = "mbedtls-3.6"

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def abilities(self) -> Abilities:
        """See Middleware."""
        longest = self._library.lib.sq_longest_psk()
        too_short = (f"a PSK has at most {longest} bytes here; built from source it takes 64",) if longest < 64 else ()
        return Abilities(
            title=f"Mbed TLS {self._library.version}",
            licence="Apache-2.0 OR GPL-2.0-or-later",
            psk_client=BOTH,
            psk_server=BOTH,
            resumes_client=BOTH,
            resumes_server=BOTH,
            keeps_keys_log=True,
            cannot=CANNOT + too_short,
        )

    def server_context(self, policy: TLSPolicy, material: ServerMaterial) -> Mbed3ServerContext:
        """See Middleware."""
        return Mbed3ServerContext(self.name, self._library, self.abilities, policy, material)

    def client_context(self, policy: TLSPolicy, material: ClientMaterial) -> Mbed3ClientContext:
        """See Middleware."""
        return Mbed3ClientContext(self.name, self._library, self.abilities, policy, material)


def load() -> Middleware:
    """Raises MiddlewareError when the library was not built, or is not as needed."""
    return Mbed3Middleware(load_library())
